"""A run on Spark writes what a run on one machine writes, and says so when it cannot be relied on."""

from __future__ import annotations

import json
from collections import Counter
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from caveat.adapters.cohort.open import open_cohort
from caveat.adapters.spark import Built
from caveat.batch import run as alone
from caveat.batch import spark as past
from caveat.batch.counts import Counts
from caveat.batch.judge import Settings
from caveat.batch.problems import RunError
from caveat.dates import parse_when
from caveat.errors import CaveatError, InputError
from spark import people

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

SETTINGS = Settings(parse_when(people.AS_OF).first)


def _lines(table: pa.Table, *without: str) -> list[str]:
    rows = table.to_pylist()
    return sorted(
        json.dumps({k: v for k, v in row.items() if k not in without}, sort_keys=True) for row in rows
    )


def _same(folder: Path, expected: Path, manifest: dict[str, Any], other: dict[str, Any]) -> None:
    """Asserts that findings, patients and what is counted are those of the run on one machine."""
    for name in ("findings", "patients"):
        found = _lines(pq.read_table(folder / name), "source")
        assert found == _lines(pq.read_table(expected / f"{name}.parquet"), "part", "row", "source"), name
    for name in (
        "entered",
        "screened",
        "rejected",
        "clear",
        "findings",
        "suppressed",
        "tiers",
        "patients_with",
    ):
        assert manifest["counts"][name] == other["counts"][name], name
    for name in (
        "rules",
        "rule_statuses",
        "same_id",
        "not_covered",
        "unrecognised",
        "ruleset",
        "policy",
        "as_of",
    ):
        assert manifest[name] == other[name], name


def test_parquet_with_bad_records_and_an_id_that_stands_twice(
    spark: SparkSession, rules: Any, tmp_path: Path
) -> None:
    table = people.cohort(80)
    twice = table.slice(30, 1)
    (tmp_path / "cohort").mkdir()
    pq.write_table(table, tmp_path / "cohort" / "a.parquet")
    # The other file lacks a column that the first one has: nothing of the first may be lost.
    pq.write_table(twice.drop_columns(["observations"]), tmp_path / "cohort" / "b.parquet")
    outcome = past.run(
        [str(tmp_path / "cohort")],
        rules,
        SETTINGS,
        master="local[2]",
        out=str(tmp_path / "out"),
        title="Ours",
    )
    folder = tmp_path / "out"
    assert json.loads((folder / "run.json").read_text("utf-8")) == outcome.manifest
    assert sorted(p.name for p in folder.iterdir()) == [
        "findings",
        "patients",
        "rejects",
        "run.json",
    ]
    pq.write_table(pa.concat_tables([table, twice]), tmp_path / "whole.parquet")
    other = alone.run(
        open_cohort([str(tmp_path / "whole.parquet")]),
        rules,
        SETTINGS,
        out=tmp_path / "alone",
        jobs=1,
        report=False,
    )
    ours, theirs = outcome.manifest, other.manifest
    assert ours["same_id"] == {"ids": 1, "records": 2}
    assert ours["counts"]["rejected"] == len(people.BAD)
    rejects = _lines(pq.read_table(folder / "rejects"), "file", "line")
    assert rejects == _lines(pq.read_table(tmp_path / "alone/rejects.parquet"), "part", "file", "line")
    assert [one["size"] for one in ours["inputs"]] == [
        (tmp_path / "cohort" / name).stat().st_size for name in ("a.parquet", "b.parquet")
    ]
    assert ours["title"] == "Ours"
    assert "81 patients entered" not in past.summary(outcome)
    assert f"{table.num_rows + 1} patients entered" in past.summary(outcome)
    _same(folder, tmp_path / "alone", ours, theirs)


def test_bulk_data_with_a_line_that_is_cut(
    spark: SparkSession, rules: Any, fixtures_dir: Path, tmp_path: Path
) -> None:
    export = tmp_path / "export"
    export.mkdir()
    for file in (fixtures_dir / "fhir/bulk").iterdir():
        (export / file.name).write_bytes(file.read_bytes())
    with (export / "Condition.000.ndjson").open("ab") as opened:
        opened.write(b'{"resourceType": "Condition", "id": "cut')
    outcome = past.run([str(export)], rules, SETTINGS, master="local[2]", out=str(tmp_path / "out"))
    assert outcome.manifest["kind"] == "lines"
    assert outcome.manifest["counts"]["screened"] == 4
    assert outcome.manifest["counts"]["set_aside"] == {"truncated": 1}
    rows = pq.read_table(tmp_path / "out/rejects").to_pylist()
    cut = next(row for row in rows if row["code"] == "truncated")
    number = len((export / "Condition.000.ndjson").read_bytes().split(b"\n"))
    assert (cut["file"], cut["line"], cut["patient"]) == (str(export / "Condition.000.ndjson"), number, None)


def test_what_cannot_be_run_is_said_before_anything_is_written(
    spark: SparkSession, rules: Any, tmp_path: Path
) -> None:
    pq.write_table(people.cohort(3), tmp_path / "cohort.parquet")
    given = [str(tmp_path / "cohort.parquet")]
    full = tmp_path / "full"
    full.mkdir()
    (full / "mine.txt").write_text("mine", "utf-8")
    with pytest.raises(RunError, match="this folder is not empty"):
        past.run(given, rules, SETTINGS, master="local[2]", out=str(full))
    assert [p.name for p in full.iterdir()] == ["mine.txt"]
    with pytest.raises(InputError, match="there is no such file or folder"):
        past.run([str(tmp_path / "none")], rules, SETTINGS, master="local[2]", out=str(tmp_path / "out"))
    (tmp_path / "hidden").mkdir()
    (tmp_path / "hidden" / "_records.ndjson").write_bytes(b"{}\n")
    with pytest.raises(InputError, match="Spark leaves out files whose names begin with an underscore"):
        past.run([str(tmp_path / "hidden")], rules, SETTINGS, master="local[2]", out=str(tmp_path / "out"))
    with pytest.raises(CaveatError, match="on Spark the columnar evaluator judges"):
        past.run(
            given,
            rules,
            Settings(SETTINGS.as_of, evaluator="reference"),
            master="local[2]",
            out=str(tmp_path / "out"),
        )
    pq.write_table(pa.table({"id": ["a"], "wieght": [3]}), tmp_path / "odd.parquet")
    with pytest.raises(InputError, match="wieght"):
        past.run(
            [str(tmp_path / "odd.parquet")], rules, SETTINGS, master="local[2]", out=str(tmp_path / "out")
        )
    assert not (tmp_path / "out" / "run.json").exists()


def test_sums_that_do_not_agree_stop_the_run() -> None:
    counts = Counts(entered=8, patients=7, rejected=1, findings={"fires": Counter(major=3)}, suppressed=2)
    built: Any = Built(None, None, 8, {})  # type: ignore[arg-type]
    written = {"patients": {"rows": 7}, "findings": {"rows": 5}, "rejects": {"rows": 1}}
    past._check(counts, built, written)
    doubt = "Nothing of this run can be relied on; report it as a fault"
    for wrong, said in (
        (
            (replace(counts, rejected=0), built, written),
            "8 patients entered, but 7 were screened and 0 rejected. ",
        ),
        ((counts, replace(built, records=9), written), "the input has 9 patient records, but 8 were met. "),
        (
            (counts, built, written | {"findings": {"rows": 4}}),
            "5 findings were judged, but 4 were written. ",
        ),
        (
            (counts, built, written | {"patients": {"rows": 8}}),
            "7 patients were judged, but 8 were written. ",
        ),
    ):
        with pytest.raises(RunError) as raised:
            past._check(*wrong)
        assert str(raised.value) == said + doubt


def test_the_command_runs_it_and_says_what_came_out(
    spark: SparkSession, fixtures_dir: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    from caveat.cli.cohort import Asked
    from caveat.cli.spark import screen_on_spark

    records = tmp_path / "records.ndjson"
    order = {"id": "o", "text": "baclofen 10 mg tablet"}
    record = {"id": "n1", "age": "70 a", "creatinine_clearance": "24 mL/min", "orders": [order]}
    records.write_text(json.dumps(record) + "\n", "utf-8")
    asked = Asked(
        paths=(str(records),),
        out=tmp_path / "out",
        resume=False,
        rules=None,
        policy=None,
        as_of=SETTINGS.as_of,
        selection="active",
        because=False,
        evaluator=None,
        second_opinion=None,
        jobs=None,
        title=None,
        fail_on="contraindicated",
    )
    assert screen_on_spark(asked, master="local[2]", out=str(tmp_path / "out")) == 1
    said = capsys.readouterr().err
    assert "1 patients entered · 1 screened as of 2026-01-15 · 0 rejected · 0 clear" in said
    with pytest.raises(CaveatError, match="--resume is not for --spark"):
        screen_on_spark(replace(asked, resume=True), master="local[2]", out=str(tmp_path / "again"))


PYTHON = """An exception was thrown from the Python worker:
Traceback (most recent call last):
  File "worker.py", line 4207, in invoke_udf
    return cloudpickle.loads(obj, encoding=encoding)
ModuleNotFoundError: No module named 'caveat'
"""
OURS = """Job aborted due to stage failure: Task 0 in stage 1.0 failed 4 times
    raise CaveatError(
caveat.errors.CaveatError: a Spark worker runs caveat 1 and the driver 2: their answers may differ.
\tat org.apache.spark.api.python.BasePythonRunner
"""
JAVA = """An error occurred while calling o57.parquet.
: org.apache.spark.SparkException: Job aborted.
\tat org.apache.spark.sql.errors
Caused by: java.io.IOException: No space left on device
\tat java.base/java.io.FileOutputStream
"""


@pytest.mark.parametrize(
    ("text", "said"),
    [
        (PYTHON, "ModuleNotFoundError: No module named 'caveat'"),
        (OURS, "a Spark worker runs caveat 1 and the driver 2: their answers may differ"),
        (JAVA, "java.io.IOException: No space left on device"),
        ("", "RuntimeError"),
    ],
)
def test_what_spark_says_is_told_without_its_stack(text: str, said: str) -> None:
    assert str(past._given_up(RuntimeError(text), "out")) == (
        f"Spark gave the run up: {said}. out holds no finished run and no run.json: remove it, and start "
        "anew when the cause is mended"
    )
