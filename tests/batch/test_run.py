"""What a run writes, and that everything which went in is in it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import duckdb
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import caveat
from batch.conftest import DAY, Runner, contents
from batch.fake import FakeCohort, made_up
from caveat.adapters.native import read_native
from caveat.batch import schemas
from caveat.batch.judge import Settings
from caveat.batch.problems import RunError
from caveat.compile.ruleset import Ruleset
from caveat.errors import InputError
from cli.small import AS_OF

SIZES = (20, 0, 13, 1)


def test_each_patient_is_as_when_judged_alone(runner: Runner, rules: Ruleset, tmp_path: Path) -> None:
    outcome = runner(FakeCohort(SIZES, reject_each=5), tmp_path / "out")
    patients = pq.read_table(tmp_path / "out" / "patients.parquet").to_pylist()
    findings = pq.read_table(tmp_path / "out" / "findings.parquet").to_pylist()
    rejects = pq.read_table(tmp_path / "out" / "rejects.parquet").to_pylist()
    kept = [number for number in range(sum(SIZES)) if number % 5 != 3]
    assert [one["patient"] for one in patients] == [f"p{number}" for number in kept]
    places = {(one["part"], one["row"]): one["patient"] for one in patients}
    assert len(places) == len(patients)
    assert all(places[one["part"], one["row"]] == one["patient"] for one in findings)
    for number, line in zip(kept, patients, strict=True):
        report = caveat.screen(read_native(json.dumps(made_up(number)).encode()), rules, as_of=AS_OF)
        mine = [one for one in findings if one["patient"] == line["patient"]]
        assert line["clear"] == report.is_clear
        assert line["alerts"] == len(report.alerts)
        assert line["cannot_assess"] == len(report.cannot_assess)
        assert [one["text"] for one in line["unrecognised"]] == [one.text for one in report.unrecognised]
        assert sorted((one["rule"], tuple(one["orders"]), one["status"]) for one in mine) == sorted(
            (one.rule.id, one.orders, one.status.value) for one in report.findings
        )
    assert len(rejects) == 1 + sum(number % 5 == 3 for number in range(sum(SIZES)))
    assert {one["patient"] for one in rejects if not one["harmless"]} == {
        f"p{number}" for number in range(sum(SIZES)) if number % 5 == 3
    }
    counts = outcome.manifest["counts"]
    assert counts["entered"] == sum(SIZES) == counts["screened"] + counts["rejected"]


def test_the_manifest_counts_what_the_files_hold(runner: Runner, tmp_path: Path) -> None:
    manifest = runner(FakeCohort((40, 30), reject_each=5), tmp_path / "out").manifest
    patients = pq.read_table(tmp_path / "out" / "patients.parquet").to_pylist()
    findings = pq.read_table(tmp_path / "out" / "findings.parquet").to_pylist()
    shown = [one for one in findings if one["suppressed_by"] is None]
    counts = manifest["counts"]
    assert counts["screened"] == len(patients)
    assert counts["clear"] == sum(one["clear"] for one in patients)
    assert counts["suppressed"] == len(findings) - len(shown)
    for status, by in counts["findings"].items():
        for severity, number in by.items():
            assert number == sum(one["status"] == status and one["severity"] == severity for one in shown), (
                status,
                severity,
            )
    for status, by_tier in counts["tiers"].items():
        for tier, number in by_tier.items():
            assert number == sum(one["status"] == status and one["tier"] == tier for one in shown)
    assert sum(counts["findings"]["fires"].values()) > 10
    for rule in manifest["rules"]:
        mine = [one for one in shown if one["rule"] == rule["rule"]]
        for status, findings_of, patients_of in (
            ("fires", "alerts", "patients"),
            ("cannot-assess", "cannot_assess", "patients_cannot_assess"),
        ):
            of_status = [one for one in mine if one["status"] == status]
            assert rule[findings_of] == len(of_status)
            assert rule[patients_of] == len({one["patient"] for one in of_status})
        assert rule["excepted"] == sum(one["status"] == "excepted" for one in mine)
        assert rule["suppressed"] == sum(
            one["rule"] == rule["rule"] and one["suppressed_by"] is not None for one in findings
        )
    mentions = [name["text"] for one in patients for name in one["unrecognised"]]
    assert manifest["unrecognised"]["mentions"] == len(mentions) > 0
    assert {one["text"]: one["count"] for one in manifest["unrecognised"]["listed"]} == {
        text: mentions.count(text) for text in mentions
    }
    with_any = counts["patients_with"]
    assert with_any["alert"] == sum(one["alerts"] > 0 for one in patients)
    assert with_any["unrecognised"] == sum(bool(one["unrecognised"]) for one in patients)
    assert with_any["open"] == sum(
        bool(one["cannot_assess"] or one["failed_rules"] or one["unrecognised"] or one["errors"])
        for one in patients
    )


@pytest.mark.parametrize("name", schemas.FILES)
def test_each_file_has_the_schema_that_is_published(runner: Runner, tmp_path: Path, name: str) -> None:
    runner(FakeCohort(SIZES, reject_each=5), tmp_path / "out")
    found = pq.read_schema(tmp_path / "out" / f"{name}.parquet")
    published = schemas.schema_of(name)
    assert found.equals(published), found
    assert published.metadata.items() <= found.metadata.items()


@pytest.mark.parametrize("name", schemas.FILES)
def test_every_way_of_reading_gives_the_same_rows(runner: Runner, tmp_path: Path, name: str) -> None:
    runner(FakeCohort((20, 0, 13, 9), reject_each=5), tmp_path / "out")
    path = tmp_path / "out" / f"{name}.parquet"
    rows = pq.read_table(path).to_pylist()
    assert rows
    with pq.ParquetFile(path) as file:
        assert file.num_row_groups == 3
        assert file.read().to_pylist() == rows
        assert [row for batch in file.iter_batches(5) for row in batch.to_pylist()] == rows
    found = duckdb.sql(f"SELECT * FROM '{path}'")
    assert [dict(zip(found.columns, row, strict=True)) for row in found.fetchall()] == rows


def test_processes_batches_and_who_judges_change_nothing(runner: Runner, tmp_path: Path) -> None:
    runner(FakeCohort((20, 15, 9), reject_each=5), tmp_path / "one")
    runner(FakeCohort((20, 15, 9), reject_each=5), tmp_path / "two", jobs=2)
    assert contents(tmp_path / "one") == contents(tmp_path / "two")
    runner(FakeCohort((20, 15, 9), reject_each=5, a_batch=3), tmp_path / "three")
    runner(
        FakeCohort((20, 15, 9), reject_each=5),
        tmp_path / "four",
        settings=Settings(DAY, evaluator="reference"),
    )
    for other in ("three", "four"):
        for name in schemas.FILES:
            assert pq.read_table(tmp_path / other / f"{name}.parquet").equals(
                pq.read_table(tmp_path / "one" / f"{name}.parquet")
            ), (other, name)


def test_a_patient_that_gets_lost_fails_the_run(runner: Runner, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="part 1: 10 patients entered, but 9 were screened and 0 rejected"):
        runner(FakeCohort((10, 10), lost=12), tmp_path / "out")
    assert not (tmp_path / "out" / "run.json").exists()
    with pytest.raises(RunError, match="part 1: 10 patients entered"):
        runner(FakeCohort((10, 10), lost=12), tmp_path / "two", jobs=2)


def test_a_source_that_holds_more_than_was_met_fails_the_run(runner: Runner, tmp_path: Path) -> None:
    with pytest.raises(RunError, match="the source holds 21 patients, but 20 were met"):
        runner(FakeCohort((10, 10), stated=21), tmp_path / "out")
    assert not (tmp_path / "out" / "run.json").exists()


@pytest.mark.parametrize("jobs", [1, 2])
def test_input_that_fails_in_a_part_says_where(runner: Runner, tmp_path: Path, jobs: int) -> None:
    with pytest.raises(InputError, match="made-up:2: the page is torn"):
        runner(FakeCohort((5, 5, 5, 5), fail_part=2), tmp_path / "out", jobs=jobs)
    outcome = runner(FakeCohort((5, 5, 5, 5)), tmp_path / "out", jobs=jobs, resume=True)
    assert outcome.manifest["counts"]["entered"] == 20


def test_a_process_that_is_killed_is_named_and_the_run_goes_on_later(runner: Runner, tmp_path: Path) -> None:
    with pytest.raises(RunError, match=r"screened part 3 was killed by SIGKILL, most often because memory"):
        runner(FakeCohort((5, 5, 5, 5), dies_in=3), tmp_path / "out", jobs=2)
    runner(FakeCohort((5, 5, 5, 5)), tmp_path / "out", jobs=2, resume=True)
    runner(FakeCohort((5, 5, 5, 5)), tmp_path / "whole")
    assert contents(tmp_path / "out") == contents(tmp_path / "whole")


class Broken:
    """A judge that fails on every batch, or gives too little."""

    def __init__(self, answer: Any) -> None:
        self.answer = answer

    def screen(self, batch: pa.RecordBatch) -> Any:
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer(batch)


def _one_short(batch: pa.RecordBatch) -> Any:
    from caveat.evaluators.columnar import Screened, results

    empty = [pa.RecordBatch.from_pylist([], schema=of()) for of in (results.findings, results.patients)]
    return Screened(*empty, 0, {})


@pytest.mark.parametrize("answer", [ValueError("no such leaf"), _one_short])
def test_a_judge_that_fails_costs_time_and_no_patient(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, answer: Any
) -> None:
    runner(FakeCohort((9, 5)), tmp_path / "whole")
    monkeypatch.setattr("caveat.batch.part.judge_of", lambda rules, settings: Broken(answer))
    counts = runner(FakeCohort((9, 5)), tmp_path / "out").manifest["counts"]
    assert counts["judged_again"] == 14
    assert counts["judged_again_because"]
    for name in schemas.FILES:
        assert pq.read_table(tmp_path / "out" / f"{name}.parquet").equals(
            pq.read_table(tmp_path / "whole" / f"{name}.parquet")
        )


@pytest.mark.parametrize("sizes", [(), (0,), (0, 0)])
def test_a_cohort_of_nobody_is_bad_input_with_empty_files(
    runner: Runner, tmp_path: Path, sizes: tuple[int, ...]
) -> None:
    from caveat.batch.summary import code, summary

    outcome = runner(FakeCohort(sizes), tmp_path / "out")
    assert code(outcome.manifest, None) == 3
    assert "No patient was read, so nothing was judged" in summary(outcome)
    assert pq.read_table(tmp_path / "out" / "patients.parquet").num_rows == 0
