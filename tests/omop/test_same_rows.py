"""What must not matter: the order of rows, how patients are divided, who reads them."""

from __future__ import annotations

import csv
import datetime as dt
import random
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from caveat.adapters.cohort.bulk import KnownCodes
from caveat.adapters.omop import rows
from omop.builder import STORIES, Read, condition, drug, folder, person, result


def test_the_order_of_rows(tmp_path: Path) -> None:
    shuffled = random.Random(5)
    tables = {}
    for file in STORIES.glob("*.csv"):
        with file.open(newline="", encoding="utf-8") as opened:
            tables[file.stem] = list(csv.DictReader(opened))
        shuffled.shuffle(tables[file.stem])
    read, plain = Read(folder(tmp_path / "cdm", **tables)), Read(STORIES)
    assert [c.batch for c in read.chunks] == [c.batch for c in plain.chunks]
    assert read.about["unmapped"] == plain.about["unmapped"]


def test_chunks_and_parts(monkeypatch: pytest.MonkeyPatch) -> None:
    import pyarrow as pa

    whole = Read(STORIES)
    monkeypatch.setattr(rows, "CHUNK", 30)
    monkeypatch.setattr(rows, "CHUNKS_A_PART", 2)
    split = Read(STORIES)
    assert len(split.chunks) > 3
    batches = [c.batch for c in split.chunks]
    assert pa.Table.from_batches(batches).combine_chunks().to_batches() == [c.batch for c in whole.chunks]


def test_results_that_no_concept_knows_are_only_counted() -> None:
    read = Read(STORIES, bound=KnownCodes(frozenset(("2160-0",))))
    codes = {
        c.code for p in read.patients for o in p.observations or () for c in o.codes if c.system == "loinc"
    }
    assert codes == {"2160-0"}
    assert read.about["not_kept"]["observations_not_bound"] == 2
    named = {o.text for p in read.patients for o in p.observations or ()}
    assert "LOCAL-LAB-17" in named  # without a code its text must decide later
    assert all(p.allergies for p in read.patients[:2])


_DAYS = st.dates(min_value=dt.date(1990, 1, 1)).map(str) | st.just("")
_TEXTS = st.text(st.characters(blacklist_categories=("Cs", "Cc")), max_size=12)
_CELLS = _TEXTS | st.integers().map(str) | st.floats().map(str) | _DAYS


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=25)
@given(
    drugs=st.lists(
        st.fixed_dictionaries(
            {"drug_exposure_id": _CELLS, "drug_exposure_start_date": _DAYS, "drug_exposure_end_date": _DAYS}
            | {"days_supply": _CELLS, "drug_source_value": _TEXTS, "drug_type_concept_id": _CELLS}
            | {"verbatim_end_date": _CELLS, "stop_reason": _TEXTS}
        ),
        max_size=4,
    ),
    results=st.lists(
        st.fixed_dictionaries(
            {"value_as_number": _CELLS, "value_source_value": _CELLS, "unit_source_value": _TEXTS}
            | {"operator_concept_id": st.sampled_from(["", "0", "4171756", "1"]), "measurement_date": _CELLS}
            | {"measurement_source_value": _TEXTS, "value_as_concept_id": _CELLS}
        ),
        max_size=4,
    ),
    persons=st.lists(
        st.fixed_dictionaries(
            {
                "year_of_birth": _CELLS,
                "month_of_birth": st.integers(-2, 14),
                "day_of_birth": st.integers(-2, 33),
            }
        ),
        min_size=1,
        max_size=3,
    ),
)
def test_whatever_stands_in_the_cells(
    tmp_path: Path, drugs: list[dict], results: list[dict], persons: list[dict]
) -> None:
    """Every row comes out as a valid record; no order and no result is lost."""
    path = folder(
        tmp_path / "cdm",
        person=[person(i, **fields) for i, fields in enumerate(persons)],
        drug_exposure=[drug(i, 0) | fields for i, fields in enumerate(drugs)],
        measurement=[result(i, 0) | fields for i, fields in enumerate(results)],
        condition_occurrence=[
            condition(i, 0, condition_source_value=f["drug_source_value"]) for i, f in enumerate(drugs)
        ],
    )
    read = Read(path)
    assert [p.id for p in read.patients] == [str(i) for i in range(len(persons))]
    first = read.patients[0]
    assert len(first.orders or ()) == len(drugs)
    assert len(first.conditions or ()) == len(drugs)
    assert len(first.observations or ()) == len(results)
    assert not [r for r in read.rejected if r.patient is not None]
    for order in first.orders or ():
        assert order.stop is None or order.start is None or order.start.first <= order.stop.last
    if first.problems:
        assert {p.code for p in first.problems} <= {
            "unreadable",
            "impossible-value",
            "comparator",
            "unit-conflict",
        }
