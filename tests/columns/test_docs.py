"""docs/columns.md: every field of the schema stands in it, and its examples give one and the same extract."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pyarrow as pa
import pytest
from pyarrow import parquet

from caveat.adapters.cohort.tables import ParquetCohort
from caveat.columns import schema
from caveat.columns.conform import conform
from caveat.columns.rows import Rows
from caveat.facts.patient import Patient

PAGE = Path(__file__).parents[2] / "docs" / "columns.md"
TEXT = PAGE.read_text("utf-8")
EXAMPLES = {
    match[1]: block
    for block in re.findall(r"```python\n(.*?)```", TEXT, re.DOTALL)
    if (match := re.search(r"[\"'](\w+)\.parquet", block))
}
PATIENTS = "id,birth_date,sex\n1,1954-06-02,female\n2,,male\n3,1980-01-31,\n"
ORDERS = """patient_id,drug,dose_mg,start
1,Baclofen 10 mg tablet,10,2026-01-02
1,diazepam 5 mg,,2025-12-01
3,warfarin 5 mg tablet,2.5,2025-11-30
"""
LABS = """patient_id,loinc,value,unit,taken
1,2160-0,1.1,mg/dL,2026-01-03
1,2823-3,4.1,mmol/L,2026-01-04
"""
NATIVE: list[dict[str, Any]] = [
    {
        "id": "1",
        "birth_date": "1954-06-02",
        "sex": "female",
        "orders": [
            {"id": "order-1", "text": "diazepam 5 mg", "start": "2025-12-01", "status": "active"},
            {
                "id": "order-2",
                "text": "Baclofen 10 mg tablet",
                "dose": "10 mg",
                "start": "2026-01-02",
                "status": "active",
            },
        ],
        "observations": [
            {"codes": ["loinc|2160-0"], "value": "1.1 mg/dL", "at": "2026-01-03"},
            {"codes": ["loinc|2823-3"], "value": "4.1 mmol/L", "at": "2026-01-04"},
        ],
        "complete": {"orders": "closed"},
    },
    {"id": "2", "sex": "male", "orders": [], "complete": {"orders": "closed"}},
    {
        "id": "3",
        "birth_date": "1980-01-31",
        "orders": [
            {
                "id": "order-1",
                "text": "warfarin 5 mg tablet",
                "dose": "2.5 mg",
                "start": "2025-11-30",
                "status": "active",
            }
        ],
        "complete": {"orders": "closed"},
    },
]


def run(name: str, folder: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    (folder / "patients.csv").write_text(PATIENTS, "utf-8")
    (folder / "orders.csv").write_text(ORDERS, "utf-8")
    (folder / "labs.csv").write_text(LABS, "utf-8")
    monkeypatch.chdir(folder)
    exec(compile(EXAMPLES[name], f"{PAGE.name}: {name}", "exec"), {"__name__": name})
    return folder / f"{name}.parquet"


def read(path: Path, work: Path) -> list[Patient]:
    cohort = ParquetCohort((str(path),))
    cohort.prepare(work, lambda text: None)
    found: list[Patient] = []
    for part in range(cohort.parts()):
        for chunk in cohort.read(part):
            assert not chunk.rejected
            found += [Rows(chunk.batch).patient(row) for row in range(chunk.batch.num_rows)]
    return [one.model_copy(update={"source": None}) for one in found]


def test_there_is_an_example_for_each_tool() -> None:
    assert set(EXAMPLES) == {"duckdb", "polars", "pandas", "pyarrow", "records"}


@pytest.mark.parametrize("name", ["duckdb", "polars", "pandas", "pyarrow"])
def test_an_example_makes_the_extract(name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    pytest.importorskip(name, reason=f"needs {name}; install it to run this example")
    path = run(name, tmp_path, monkeypatch)
    assert read(path, tmp_path) == [Patient.model_validate(one) for one in NATIVE]
    conform(parquet.read_table(path))


def test_patients_are_written(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    path = run("records", tmp_path, monkeypatch)
    assert capsys.readouterr().out == "3 patients\n"
    assert [(p.id, p.sex) for p in read(path, tmp_path)] == [("1", "female"), ("2", "male"), ("3", None)]


def section(start: str) -> str:
    """A paragraph or table of the page, from its first words to the next empty line."""
    return TEXT[TEXT.index(start) :].partition("\n\n")[0]


@pytest.mark.parametrize(
    ("start", "kind"),
    [
        ("| column |", pa.struct(list(schema.patients()))),
        ("**quantity**", schema.quantity()),
        ("**measurement**", schema.measurement()),
        ("**code**", schema.code()),
        ("**coded**", schema.coded()),
        ("| order |", schema.order()),
        ("| condition |", schema.condition()),
        ("| allergy |", schema.allergy()),
        ("| observation |", schema.observation()),
        ("| `context` |", schema.patients().field("context").type),
        ("| `complete` |", schema.patients().field("complete").type),
        ("| `notes` |", schema.patients().field("notes").type.value_type),
        ("| `problems` |", schema.patients().field("problems").type.value_type),
    ],
)
def test_every_field_is_described(start: str, kind: pa.DataType) -> None:
    named = set(re.findall(r"`([a-z_]+)`", section(start)))
    assert {field.name for field in kind} <= named


def test_the_version_is_that_of_the_schema() -> None:
    assert f"(`caveat.patients`, now `{schema.VERSION}`)" in TEXT.replace("\n", " ")
