"""Ids that stand in more than one record are found whatever the parts, and never called clear."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from batch.conftest import Runner, contents
from batch.fake import FakeCohort
from caveat.batch import ids

TEXTS = st.one_of(
    st.text(max_size=12),
    st.sampled_from(["", "a", "a\0", "\0a", "ab", "aaaaaaaa", "aaaaaaaab", "a" * 256, "a" * 257, "a" * 300]),
)


@given(st.lists(TEXTS, max_size=30), st.integers(0, 5))
def test_equal_texts_have_equal_hashes_and_others_do_not(texts: list[str], skip: int) -> None:
    column = pa.array(texts, pa.string())[skip:]
    found = ids.hashes(column).tolist()
    names = texts[skip:]
    assert len(found) == len(names)
    for i, one in enumerate(names):
        for j, other in enumerate(names):
            assert (found[i] == found[j]) is (one == other)
    assert found == [int(ids.hashes(pa.array([name]))[0]) for name in names]


def test_a_million_ids_do_not_collide() -> None:
    for form in ("{}", "p{}", "{:036d}"):
        names = pa.array([form.format(number) for number in range(300_000)])
        assert len(np.unique(ids.hashes(names) >> np.uint64(1))) == 300_000


@given(
    st.lists(st.lists(st.tuples(st.integers(0, 12), st.booleans()), max_size=8), max_size=6),
    st.sampled_from([1, 3, 1000]),
)
def test_doubled_ids_are_found_over_parts(
    tmp_path_factory: pytest.TempPathFactory, parts: list[list[tuple[int, bool]]], at_once: int
) -> None:
    folder = tmp_path_factory.mktemp("keys")
    files = []
    for number, part in enumerate(parts):
        names = pa.array([f"p{name}" for name, _ in part], pa.string())
        path = folder / str(number)
        ids.write_keys(path, [ids.keys(names, np.array([marked for _, marked in part], dtype=bool))])
        files.append(path)
    with pytest.MonkeyPatch.context() as patched:
        patched.setattr(ids, "AT_ONCE", at_once)
        found = ids.find_doubled(files, folder / "doubled")
    counts = Counter(name for part in parts for name, _ in part)
    several = {name for name, count in counts.items() if count > 1}
    assert found.ids == len(several)
    assert found.records == sum(counts[name] for name in several)
    assert found.parts == tuple(
        number
        for number, part in enumerate(parts)
        if any(name in several and not marked for name, marked in part)
    )
    stored = np.fromfile(folder / "doubled", dtype="<u8").reshape(-1, 2)
    assert stored[:, 0].tolist() == sorted(
        int(ids.hashes(pa.array([f"p{name}"]))[0]) >> 1 for name in several
    )
    assert sorted(stored[:, 1]) == sorted(counts[name] for name in several)


DOUBLED = {2: "p15", 12: "p15", 11: "p8"}
"""Three records of p15, and one of p8, whose other record is rejected."""


@pytest.mark.parametrize("jobs", [1, 2])
def test_records_of_one_id_are_judged_apart_and_not_clear(runner: Runner, tmp_path: Path, jobs: int) -> None:
    cohort = FakeCohort((10, 5, 8), reject_each=5, doubled=DOUBLED)
    outcome = runner(cohort, tmp_path / "out", jobs=jobs)
    assert outcome.manifest["same_id"] == {"ids": 2, "records": 5}
    lines = pq.read_table(tmp_path / "out" / "patients.parquet").to_pylist()
    for line in lines:
        said = [one for one in line["errors"] if one["code"] == "same-patient"]
        if line["patient"] in ("p15", "p8"):
            number = 3 if line["patient"] == "p15" else 2
            assert not line["clear"]
            assert [one["message"] for one in said] == [
                f"{number} records have this id and are judged apart; join them to have one judged"
            ]
        else:
            assert not said
    assert sum(line["patient"] == "p15" for line in lines) == 3
    assert len(lines) == 23 - 4
    runner(cohort, tmp_path / "two", jobs=3 - jobs)
    assert contents(tmp_path / "two") == contents(tmp_path / "out")
