"""What can go wrong with a run: each says what and how to go on, and nothing is spoiled."""

from __future__ import annotations

import dataclasses
import errno
import json
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from batch.conftest import DAY, Runner, contents
from batch.fake import FakeCohort
from caveat.batch.folder import Folder, Lock
from caveat.batch.judge import Settings
from caveat.batch.problems import RunError
from caveat.compile.ruleset import Ruleset
from caveat.errors import InputError

COHORT = FakeCohort((6, 5, 4), reject_each=5)
FULL = "/dev/full"


@pytest.fixture
def whole(runner: Runner, tmp_path: Path) -> dict[str, Any]:
    """What the run gives when nothing goes wrong."""
    runner(COHORT, tmp_path / "whole")
    return contents(tmp_path / "whole")


def unfinished(runner: Runner, out: Path, **given: Any) -> None:
    """A run that stopped in its last part."""
    with pytest.raises(InputError):
        runner(dataclasses.replace(COHORT, fail_part=2, **given), out)


def test_a_finished_run_is_not_overwritten(runner: Runner, tmp_path: Path, whole: dict[str, Any]) -> None:
    with pytest.raises(RunError, match=r"whole: this folder holds a finished run. Name another folder"):
        runner(COHORT, tmp_path / "whole")
    assert contents(tmp_path / "whole") == whole
    assert not (tmp_path / "whole" / ".run").exists()
    again = runner(COHORT, tmp_path / "whole", resume=True)
    assert not again.did_anything
    assert contents(tmp_path / "whole") == whole


def test_an_unfinished_run_is_not_started_over(runner: Runner, tmp_path: Path, whole: dict[str, Any]) -> None:
    unfinished(runner, tmp_path / "out")
    with pytest.raises(RunError, match=r"a run that was not finished. Run the same command with --resume"):
        runner(COHORT, tmp_path / "out")
    runner(COHORT, tmp_path / "out", resume=True)
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("name", ["patients.parquet", "report.html"])
def test_files_of_others_are_not_overwritten(runner: Runner, tmp_path: Path, name: str) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / name).write_bytes(b"mine")
    with pytest.raises(RunError, match=rf"{name}: this file would be overwritten"):
        runner(COHORT, out)
    assert [path.name for path in out.iterdir()] == [name]
    assert (out / name).read_bytes() == b"mine"


def test_input_that_cannot_be_read_leaves_no_folder(runner: Runner, tmp_path: Path) -> None:
    class Torn(FakeCohort):
        def inputs(self) -> Any:
            raise InputError("it is torn")

    with pytest.raises(InputError):
        runner(Torn((1,)), tmp_path / "out")
    assert not (tmp_path / "out").exists()


def test_resume_where_nothing_was_begun_starts(runner: Runner, tmp_path: Path, whole: dict[str, Any]) -> None:
    runner(COHORT, tmp_path / "out", resume=True)
    assert contents(tmp_path / "out") == whole


def test_two_runs_in_one_folder(runner: Runner, tmp_path: Path, whole: dict[str, Any]) -> None:
    out = tmp_path / "out"
    lock = Lock(Folder(out))
    lock.take()
    with pytest.raises(RunError, match=r"out: another run is at work in this folder. Wait for it, or name"):
        runner(COHORT, out)
    lock.give_back()
    runner(COHORT, out)
    assert contents(out) == whole


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """A folder of two input files."""
    folder = tmp_path / "input"
    folder.mkdir()
    for name in ("a", "b"):
        (folder / name).write_text(name)
    return folder


CHANGES: list[tuple[Callable[[Path], object], str]] = [
    (
        lambda folder: (folder / "a").write_text("A"),
        "input/a changed since the start;|input/a changed since the start\\.",
    ),
    (
        lambda folder: (folder / "a").write_text("longer"),
        r"input/a changed since the start \(1 bytes, now 6\)",
    ),
    (lambda folder: (folder / "b").unlink(), "input/b was an input and is none now"),
    (lambda folder: (folder / "c").write_text("c"), "input/c is an input now and was none"),
]


@pytest.mark.parametrize(("change", "said"), CHANGES)
def test_input_that_changed_since_the_start(
    runner: Runner, tmp_path: Path, files: Path, change: Callable[[Path], object], said: str
) -> None:
    cohort = dataclasses.replace(COHORT, folder=files)
    unfinished(runner, tmp_path / "out", folder=files)
    change(files)
    with pytest.raises(RunError, match=r"this run cannot be taken up, because it would mix two: .*") as found:
        runner(cohort, tmp_path / "out", resume=True)
    found.match(said)
    assert not (tmp_path / "out" / "run.json").exists()


def test_input_that_changes_while_it_is_read(runner: Runner, tmp_path: Path, files: Path) -> None:
    class Written(FakeCohort):
        def read(self, part: int) -> Any:
            if part == 1:
                (files / "a").write_text("changed meanwhile")
            return super().read(part)

    with pytest.raises(
        InputError, match=r"input/a: it changed while it was read. Start anew in another folder"
    ):
        runner(Written((6, 5, 4), folder=files), tmp_path / "out")
    assert not (tmp_path / "out" / "run.json").exists()
    with pytest.raises(RunError, match=r"input/a changed since the start"):
        runner(FakeCohort((6, 5, 4), folder=files), tmp_path / "out", resume=True)


@pytest.mark.parametrize(
    ("settings", "said"),
    [
        (Settings(DAY + 1), "--as-of was 2026-01-15 and is now 2026-01-16"),
        (Settings(DAY, selection="ever"), "--selection was active and is now ever"),
        (Settings(DAY, because=True), "--because was off and is now on"),
        (Settings(DAY, evaluator="inprocess"), "--evaluator was columnar and is now inprocess"),
    ],
)
def test_settings_that_changed(runner: Runner, tmp_path: Path, settings: Settings, said: str) -> None:
    unfinished(runner, tmp_path / "out")
    with pytest.raises(RunError, match=said):
        runner(COHORT, tmp_path / "out", resume=True, settings=settings)


def test_rules_policy_and_versions_that_changed(
    runner: Runner, rules: Ruleset, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    out = tmp_path / "out"
    unfinished(runner, out)
    other = dataclasses.replace(rules, digest="sha256:" + "1" * 64)
    with pytest.raises(
        RunError, match=r"the rules changed \(version 1.0-test \w{12}, now 1.0-test 111111111111\)"
    ):
        runner(COHORT, out, resume=True, rules=other)
    other = dataclasses.replace(rules, tiers=(("major", "hard-stop"),), digest="sha256:" + "1" * 64)
    with pytest.raises(RunError, match=r"the rules or the policy changed"):
        runner(COHORT, out, resume=True, rules=other)
    monkeypatch.setattr("caveat.batch.identity.versions", lambda: {"pyarrow": "1"})
    with pytest.raises(RunError, match=r"pyarrow was [\d.]+ and is now 1"):
        runner(COHORT, out, resume=True)


def test_damaged_parts_are_done_again(runner: Runner, tmp_path: Path, whole: dict[str, Any]) -> None:
    unfinished(runner, tmp_path / "out")
    folder = Folder(tmp_path / "out")
    path = folder.of_part(0, "patients")
    raw = bytearray(path.read_bytes())
    raw[len(raw) // 2] ^= 1
    path.write_bytes(bytes(raw))
    folder.of_part(1, "findings").unlink()
    runner(COHORT, tmp_path / "out", resume=True)
    assert contents(tmp_path / "out") == whole


@pytest.mark.parametrize("jobs", [1, 2])
@pytest.mark.parametrize(
    "file",
    [
        ".run/start.json",
        ".run/parts/part-00001.findings.parquet",
        ".run/parts/part-00002.patients.parquet",
        ".run/parts/part-00000.rejects.parquet",
        ".run/parts/part-00001.ids.keys",
        ".run/parts/part-00002.json",
        ".run/doubled",
        "findings.parquet",
        "rejects.parquet",
        "run.json",
    ],
)
def test_a_full_disk(runner: Runner, tmp_path: Path, whole: dict[str, Any], file: str, jobs: int) -> None:
    cohort = dataclasses.replace(COHORT, doubled={2: "p11"})
    out = tmp_path / "out"
    unwritable = (out / file).with_name(Path(file).name + ".tmp")
    unwritable.parent.mkdir(parents=True)
    unwritable.symlink_to(FULL)
    with pytest.raises(
        RunError, match=r"the disk is full. What was finished is kept: make room, then run the"
    ):
        runner(cohort, out, jobs=jobs)
    assert not (out / "run.json").exists()
    unwritable.unlink(missing_ok=True)
    runner(cohort, out, jobs=jobs, resume=True)
    runner(cohort, tmp_path / "other")
    assert contents(out) == contents(tmp_path / "other")


def test_a_folder_that_is_a_file(runner: Runner, tmp_path: Path) -> None:
    (tmp_path / "out").write_text("mine")
    with pytest.raises(RunError, match=r"out: it is a file. --out takes a folder; name another"):
        runner(COHORT, tmp_path / "out")
    with pytest.raises(RunError, match=r"part of this path is a file; name another folder"):
        runner(COHORT, tmp_path / "out" / "below")
    assert (tmp_path / "out").read_text() == "mine"


@pytest.mark.parametrize(
    ("number", "said"),
    [
        (errno.EACCES, "out: it may not be written. Give yourself the right to, or name another folder"),
        (errno.EROFS, "out: it may not be written"),
        (errno.ENOSPC, "out: the disk is full"),
        (errno.EIO, r"out: it cannot be written \(Input/output error\)"),
    ],
)
def test_a_folder_that_cannot_be_made(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int, said: str
) -> None:
    def refuse(path: Path, *_: Any, **__: Any) -> None:
        raise OSError(number, os.strerror(number), str(path))

    monkeypatch.setattr(Path, "mkdir", refuse)
    with pytest.raises(RunError, match=said):
        runner(COHORT, tmp_path / "out")


def test_a_report_that_fails_leaves_the_results(
    runner: Runner, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, whole: dict[str, Any]
) -> None:
    import caveat.batch.report as module

    def fail(folder: Path, **_: Any) -> Path:
        raise ValueError("no such chart")

    def succeed(folder: Path, **given: Any) -> Path:
        assert json.loads((folder / "run.json").read_bytes())["finished"]
        path = folder / "report.html"
        path.write_text(str(given["title"]))
        return path

    monkeypatch.setattr(module, "write", fail, raising=False)
    with pytest.raises(RunError, match=r"report.html: not written \(ValueError: no such chart\). All other"):
        runner(COHORT, tmp_path / "out", report=True, title="July")
    assert contents(tmp_path / "out")["patients"] == whole["patients"]
    monkeypatch.setattr(module, "write", succeed, raising=False)
    runner(COHORT, tmp_path / "out", report=True, resume=True)
    assert (tmp_path / "out" / "report.html").read_text() == "July"
    assert not (tmp_path / "out" / ".run").exists()
