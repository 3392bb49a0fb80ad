"""`caveat screen --out`: files, words on stderr, exit codes, and stopping it."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pyarrow.parquet as pq
import pytest

from cli.conftest import Caller
from cli.small import AS_OF, BACLOFEN, CLEAR, record, write_record

FILES = ("findings", "patients", "rejects")


@pytest.fixture(autouse=True)
def no_report(monkeypatch: pytest.MonkeyPatch) -> None:
    """The report has its own tests; here an empty page stands for it."""

    def write(folder: Path, *, title: str | None = None) -> Path:
        path = folder / "report.html"
        path.write_text(f"<title>{title}</title>")
        return path

    monkeypatch.setattr("caveat.batch.report.write", write)


def cohort(folder: Path, count: int = 3, **given: Any) -> Path:
    """NDJSON of patients who take baclofen; every third is clear."""
    path = folder / "cohort.ndjson"
    lines = [json.dumps(record(id=f"p{n}", **(given | (CLEAR if n % 3 == 2 else {})))) for n in range(count)]
    path.write_text("\n".join(lines) + "\n", "utf-8")
    return path


def tables(out: Path) -> dict[str, bytes]:
    return {name: (out / f"{name}.parquet").read_bytes() for name in FILES}


def test_a_cohort_into_a_folder(screen: Caller, tmp_path: Path) -> None:
    called = screen(cohort(tmp_path), "--out", tmp_path / "out", "--title", "July")
    assert called.code == 0, called.err
    assert called.out == ""
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [
        "findings.parquet",
        "patients.parquet",
        "rejects.parquet",
        "report.html",
        "run.json",
    ]
    assert (tmp_path / "out" / "report.html").read_text() == "<title>July</title>"
    lines = called.err.splitlines()
    assert lines[0] == "at most 16 MiB of input: judged one patient at a time; the results are the same"
    assert (
        "3 patients entered · 3 screened as of 2026-01-15 · 0 rejected · 1 clear · 2 alerts (2 "
        "contraindicated) · 0 could not be assessed · 0 not recognised · 0 faults in records · 0 things set "
        "aside"
    ) in lines
    assert lines[-1] == (
        f"results in {tmp_path / 'out'}: report.html, patients.parquet, findings.parquet, rejects.parquet, "
        "run.json"
    )


def test_more_input_is_judged_in_columns_with_the_same_results(
    screen: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = cohort(tmp_path, 20)
    assert screen(path, "--out", tmp_path / "small").code == 0
    monkeypatch.setattr("caveat.cli.cohort.LARGE", 1000)
    called = screen(path, "--out", tmp_path / "large")
    assert called.code == 0
    assert "judged in columns, many patients at a time" in called.err
    assert tables(tmp_path / "small") == tables(tmp_path / "large")
    manifests = [json.loads((tmp_path / name / "run.json").read_bytes()) for name in ("small", "large")]
    assert [one["evaluator"] for one in manifests] == ["inprocess", "columnar"]
    assert "--out DIR screens many at a time" in screen(path).err


def test_gaps_are_loud_and_their_share_is_said(screen: Caller, tmp_path: Path) -> None:
    lines = [
        record(id="p0", orders=[BACLOFEN | {"text": "warfrin 5 mg"}]),
        record(id="p1", creatinine_clearance=None),
        record(id="p2", **CLEAR),
    ]
    path = tmp_path / "cohort.ndjson"
    path.write_text("\n".join(json.dumps(line) for line in lines), "utf-8")
    called = screen(path, "--out", tmp_path / "out")
    assert called.code == 0
    assert (
        "66.7 % of patients could not be assessed fully; 33.3 % have a name that was not recognised"
        in called.err
    )
    assert "WARNING: no alert does not mean no risk here." in called.err
    assert "not recognised most often: 'warfrin 5 mg' (1)" in called.err


def test_medicines_that_no_rule_is_about_are_said(screen: Caller, tmp_path: Path) -> None:
    lone = write_record(tmp_path / "p.json", id="p0", orders=[BACLOFEN | {"text": "simvastatin 20 mg"}])
    called = screen(lone, "--out", tmp_path / "out")
    assert (
        "100.0 % of patients take a medicine that no rule is about: of those medicines nothing is said"
        in (called.err)
    )


@pytest.mark.parametrize(("severity", "code"), [("contraindicated", 1), ("minor", 1)])
def test_findings_at_or_above_a_severity(screen: Caller, tmp_path: Path, severity: str, code: int) -> None:
    assert screen(cohort(tmp_path), "--out", tmp_path / "out", "--fail-on", severity).code == code
    again = screen(cohort(tmp_path), "--out", tmp_path / "out", "--fail-on", severity, "--resume")
    assert again.code == code
    assert "this run was finished already" in again.err
    (tmp_path / "clear").mkdir()
    clear = write_record(tmp_path / "clear" / "p.json", **CLEAR)
    assert screen(clear, "--out", tmp_path / "two", "--fail-on", severity).code == 0


def test_bad_input_is_in_rejects_and_in_the_exit_code(screen: Caller, tmp_path: Path) -> None:
    path = cohort(tmp_path)
    with path.open("a") as file:
        file.write(json.dumps(record(id="p9", orders="none")) + "\n{torn\n")
    called = screen(path, "--out", tmp_path / "out", "--fail-on", "contraindicated")
    assert called.code == 3
    rejects = pq.read_table(tmp_path / "out" / "rejects.parquet").to_pylist()
    assert [(one["line"], one["patient"]) for one in rejects] == [(4, "p9"), (5, "")]
    assert rejects[0]["file"] == str(path)
    assert rejects[0]["field"] == "$.orders"
    counts = json.loads((tmp_path / "out" / "run.json").read_bytes())["counts"]
    assert (counts["entered"], counts["screened"], counts["rejected"]) == (5, 3, 2)


@pytest.mark.parametrize(
    ("path", "said"),
    [
        ("no-such-file", "no-such-file: there is no such file or folder. Check the spelling of the path"),
        ("-", "-: a run over standard input could not be taken up again. Write the records to a file"),
    ],
)
def test_input_that_is_not_there(screen: Caller, tmp_path: Path, path: str, said: str) -> None:
    called = screen(path, "--out", tmp_path / "out")
    assert called.code == 3
    assert said in called.err
    assert not (tmp_path / "out" / "run.json").exists()


def test_a_cohort_of_nobody(screen: Caller, tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "empty" / "LICENCE").write_text("free")
    called = screen(tmp_path / "empty", "--out", tmp_path / "out")
    assert called.code == 3
    assert "No patient was read, so nothing was judged" in called.err


def test_a_second_run_in_the_folder_and_a_folder_that_is_a_file(screen: Caller, tmp_path: Path) -> None:
    path = cohort(tmp_path)
    assert screen(path, "--out", tmp_path / "out").code == 0
    before = tables(tmp_path / "out")
    called = screen(path, "--out", tmp_path / "out")
    assert called.code == 2
    assert called.err.splitlines()[-1] == (
        f"Error: {tmp_path / 'out'}: this folder holds a finished run. Name another folder with --out, or "
        "remove it"
    )
    assert tables(tmp_path / "out") == before
    called = screen(path, "--out", path)
    assert called.code == 2
    assert called.err.splitlines()[-1] == f"Error: {path}: it is a file. --out takes a folder; name another"


def test_results_do_not_lie_among_the_input(screen: Caller, tmp_path: Path) -> None:
    cohort(tmp_path)
    for out in (tmp_path, tmp_path / "out"):
        called = screen(tmp_path, "--out", out)
        assert called.code == 2
        assert called.err.splitlines()[-1] == (
            f"Error: {out}: this folder lies in the input {tmp_path}. Name one outside it with --out"
        )
    assert [path.name for path in tmp_path.iterdir()] == ["cohort.ndjson"]


def test_bad_rules_leave_the_folder_alone(call: Caller, tmp_path: Path) -> None:
    bad = tmp_path / "bad.rules.yaml"
    bad.write_text("format: 1\nrules: none\n")
    called = call("screen", cohort(tmp_path), "--out", tmp_path / "out", "--rules", bad, "--as-of", AS_OF)
    assert called.code == 2
    assert not (tmp_path / "out").exists()


def test_the_day_of_a_run_is_kept(call: Caller, small_rules: Path, tmp_path: Path) -> None:
    path, out = cohort(tmp_path), tmp_path / "out"
    first = ("screen", path, "--out", out, "--rules", small_rules)
    assert call(*first, "--as-of", AS_OF).code == 0
    called = call(*first, "--resume")
    assert called.code == 0, called.err
    assert f"as of {AS_OF} (as the run was started)" in called.err
    called = call(*first, "--resume", "--as-of", "2026-02-01")
    assert called.code == 2
    assert "--as-of was 2026-01-15 and is now 2026-02-01" in called.err


@pytest.fixture
def slow(tmp_path: Path, small_rules: Path) -> tuple[list[str], Path, dict[str, str]]:
    """A call that takes a few seconds, its folder and its environment."""
    out = tmp_path / "out"
    arguments = ["screen", cohort(tmp_path, 6000), "--out", out, "--rules", small_rules, "--as-of", AS_OF]
    program = (
        "import sys; from caveat.cli.cohort import *; from caveat.batch import progress; "
        "progress.Lines.__init__.__kwdefaults__['interval'] = 0.05; from caveat.cli import main; main()"
    )
    return (
        [sys.executable, "-c", program, *map(str, arguments)],
        out,
        {**os.environ, "CAVEAT_CACHE": ""},
    )


@pytest.mark.parametrize(("number", "jobs"), [(signal.SIGINT, 2), (signal.SIGTERM, 2), (signal.SIGINT, 1)])
def test_stopped_and_taken_up(
    slow: tuple[list[str], Path, dict[str, str]], number: signal.Signals, jobs: int
) -> None:
    command, out, environment = slow
    command += ["--jobs", str(jobs)]
    process = subprocess.Popen(command, env=environment, stderr=subprocess.PIPE, text=True)
    assert process.stderr is not None
    lines = []
    for line in process.stderr:
        lines.append(line)
        if "/s ·" in line:
            break
    process.send_signal(number)
    said = process.stderr.read()
    assert process.wait() == 130, "".join(lines) + said
    assert said.splitlines()[-1] == (
        f"stopped; what was finished is in {out}. Run the same command with --resume to go on"
    )
    assert "Traceback" not in said
    assert not (out / "run.json").exists()
    done = subprocess.run(
        [*command, "--resume"], env=environment, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    assert json.loads((out / "run.json").read_bytes())["counts"]["screened"] == 6000


def test_a_bar_on_a_terminal(slow: tuple[list[str], Path, dict[str, str]]) -> None:
    command, out, environment = slow
    ours, theirs = os.openpty()
    environment = environment | {"TERM": "xterm", "COLUMNS": "150"}
    with subprocess.Popen(command, env=environment, stderr=theirs) as process:
        os.close(theirs)
        said = b""
        try:
            while some := os.read(ours, 65536):
                said += some
        except OSError:  # the other end is closed
            pass
    os.close(ours)
    text = said.decode()
    assert process.returncode == 0, text
    assert "% not fully assessed" in text
    assert "\x1b[2K" in text
    assert f"results in {out}" in text


def test_a_line_every_so_often_says_how_far_it_is(slow: tuple[list[str], Path, dict[str, str]]) -> None:
    command, _, environment = slow
    begun = time.perf_counter()
    done = subprocess.run(command, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    lines = [line for line in done.stderr.splitlines() if "/s ·" in line]
    assert lines
    assert len(lines) <= (time.perf_counter() - begun) / 0.05
    assert " patients · " in lines[-1]
    assert " % not fully assessed · " in lines[-1]
