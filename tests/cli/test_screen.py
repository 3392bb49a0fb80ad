"""`caveat screen`: what stands on stdout, what on stderr, and the exit code."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from cli.conftest import Caller
from cli.small import AS_OF, BACLOFEN, CLEAR, record, write_record

ALERT = """\
Patient p1 · as of 2026-01-15
1 alert · 4 rules checked · 0 could not be assessed

⯃ Contraindicated: do not use  baclofen.renal.crcl-below-30 · draft rule
                    Baclofen (oral) with creatinine clearance 24 mL/min
  Medicines         baclofen (Lioresal 10 mg tablet)
  What can happen   Baclofen builds up; confusion, drowsiness and coma may follow.
  Do this           Avoid baclofen. Do not stop it at once if it is already taken.
  Monitor           Watch alertness and breathing.
  Because           creatinine clearance 24 mL/min · 2026-01-10 · Observation/9
  Source            Press. The Book of Doses. 2nd (contraindications; checked 2026-01-01)

"""

OPEN = """\
⬚? Cannot assess: data missing
  Medicines         baclofen (Lioresal 10 mg tablet)
  Missing           creatinine clearance lacks serum creatinine and weight
  Would decide it   serum creatinine, weight
  ? contraindicated Baclofen when creatinine clearance is below 30 mL/min ·
                    baclofen.renal.crcl-below-30
  ? caution         Baclofen when creatinine clearance is 30 to 50 mL/min ·
                    baclofen.renal.crcl-30-to-50
"""

NOTHING_FOUND = """\
Patient p1 · as of 2026-01-15
0 alerts · 4 rules checked · 0 could not be assessed

  Checked           Nothing found by 4 rules (4 draft, drafts until a site reviews them) of ruleset
                    1.0-test on 2026-01-15.
  Against           baclofen (Lioresal 10 mg tablet)
                    caveat is not a medical device; it does not replace clinical judgement.

"""


def test_an_alert_reads_as_written_down(screen: Caller, tmp_path: Path) -> None:
    called = screen(write_record(tmp_path / "p.json"))
    assert called.out == ALERT
    assert called.code == 0
    assert called.err.startswith("1 patient as of 2026-01-15 · 1 alert (1 contraindicated) · 0 could not")
    assert "ruleset 1.0-test" in called.err


def test_nothing_found_says_what_was_checked(screen: Caller, tmp_path: Path) -> None:
    assert screen(write_record(tmp_path / "p.json", **CLEAR)).out == NOTHING_FOUND


def test_a_medicine_that_no_rule_is_about_is_named(screen: Caller, tmp_path: Path) -> None:
    orders = [BACLOFEN, {"id": "o2", "text": "simvastatin 20 mg", "status": "active"}]
    path = write_record(tmp_path / "p.json", orders=orders, **CLEAR)
    assert "Not covered       no rule of this ruleset is about simvastatin" in screen(path).out
    report = json.loads(screen(path, "--format", "json").out)
    assert report["not_covered"] == [
        {"order": "o2", "name": "simvastatin 20 mg", "ingredients": ["simvastatin"]}
    ]


def test_a_misspelt_name_is_never_clear(screen: Caller, tmp_path: Path) -> None:
    orders = [BACLOFEN, {"id": "o2", "text": "warfrin 5 mg", "status": "active"}]
    path = write_record(tmp_path / "p.json", orders=orders, **CLEAR)
    called = screen(path)
    assert '1 could not be assessed ("warfrin 5 mg" not recognised)' in called.out
    assert "Did you mean warfarin? None was taken" in called.out
    assert "Nothing found" not in called.out
    report = json.loads(screen(path, "--format", "json").out)
    assert report["is_clear"] is False
    assert report["unrecognised"][0]["candidates"] == ["warfarin"]


def test_missing_data_are_shown_with_what_would_decide(screen: Caller, tmp_path: Path) -> None:
    called = screen(write_record(tmp_path / "p.json", creatinine_clearance=None))
    banner = called.out.splitlines()[1]
    assert banner.endswith("2 could not be assessed (creatinine clearance lacks serum creatinine and weight)")
    assert OPEN in called.out
    full = screen(tmp_path / "p.json", "-v").out
    assert (
        "⬚? Cannot assess: data missing  baclofen.renal.crcl-below-30 · contraindicated if it holds" in full
    )
    assert "Nothing found" not in called.out


def test_unchecked_exception_would_change_an_alert(screen: Caller, tmp_path: Path) -> None:
    called = screen(write_record(tmp_path / "p.json", orders=[BACLOFEN | {"route": "intrathecal"}]))
    assert "Would change it   exception not checked: intrathecal with specialist" in called.out
    assert "(specialist oversight not recorded)" in " ".join(called.out.split())


def test_verbose_lists_what_is_counted_otherwise(screen: Caller, tmp_path: Path) -> None:
    orders = [BACLOFEN, {"id": "o2", "text": "diazepam 5 mg", "status": "active"}]
    path = write_record(tmp_path / "p.json", age="70 a", orders=orders, **CLEAR)
    short, long = screen(path), screen(path, "-v")
    assert "1 suppressed by a graver alert (-v lists them)" in short.out
    assert "baclofen.age.elderly for order o1, by baclofen.interaction.sedative" in long.out
    assert "Modifying factors" in long.out
    assert "Modifying factors" not in short.out
    assert "Sedatives add up." in " ".join(long.out.split())


def test_json_is_a_line_a_patient_and_nothing_else(screen: Caller, tmp_path: Path) -> None:
    path = tmp_path / "p.ndjson"
    path.write_text("\n".join(json.dumps(record(id=f"p{n}")) for n in range(3)), "utf-8")
    called = screen(path, "--format", "json")
    assert [json.loads(line)["patient"] for line in called.out.splitlines()] == ["p0", "p1", "p2"]


def test_run_twice_gives_the_same_bytes(screen: Caller, tmp_path: Path) -> None:
    path = write_record(tmp_path / "p.json", creatinine_clearance=None)
    assert screen(path, "--format", "json").out == screen(path, "--format", "json").out


@pytest.mark.parametrize(
    ("limit", "code"), [("contraindicated", 1), ("major", 1), ("moderate", 1), ("info", 1)]
)
def test_fail_on_is_met_by_graver_alerts(screen: Caller, tmp_path: Path, limit: str, code: int) -> None:
    assert screen(write_record(tmp_path / "p.json"), "--fail-on", limit).code == code


def test_fail_on_is_not_met_by_lesser_alerts_or_unknowns(screen: Caller, tmp_path: Path) -> None:
    lesser = write_record(
        tmp_path / "p.json", creatinine_clearance={"value": "40 mL/min", "at": "2026-01-10"}
    )
    assert screen(lesser, "--fail-on", "major").code == 0
    assert screen(lesser, "--fail-on", "moderate").code == 1
    unknown = write_record(tmp_path / "u.json", creatinine_clearance=None)
    assert screen(unknown, "--fail-on", "info").code == 0


BAD_INPUT = {
    "truncated": ("p.json", '{"id": "x", "orders": ['),
    "empty": ("p.json", ""),
    "not-json": ("p.json", "hello"),
    "wrong-field": ("p.json", '{"id": "x", "medications": []}'),
    "nan": ("p.json", '{"id": "x", "weight": {"value": NaN, "unit": "kg"}}'),
    "deep": ("p.json", '{"id": "x", "a": ' + "[" * 5000 + "]" * 5000 + "}"),
    "date": ("p.json", '{"id": "x", "birth_date": "1492-01-01"}'),
}


@pytest.mark.parametrize("name", BAD_INPUT)
def test_bad_input_is_one_clear_line(screen: Caller, tmp_path: Path, name: str) -> None:
    file, text = BAD_INPUT[name]
    path = tmp_path / file
    path.write_text(text, "utf-8")
    called = screen(path, "--format", "json")
    assert called.code == 3
    assert called.out == ""
    first = called.err.splitlines()[0]
    assert first.startswith(str(path))
    assert "Traceback" not in called.err
    assert "No patient was read" in called.err


def test_bad_input_leaves_the_others_judged_and_outranks_findings(screen: Caller, tmp_path: Path) -> None:
    write_record(tmp_path / "a.json")
    (tmp_path / "b.json").write_text('{"id": "x"', "utf-8")
    write_record(tmp_path / "c.json", id="p2")
    called = screen(tmp_path, "--format", "json", "--fail-on", "contraindicated")
    assert [json.loads(line)["patient"] for line in called.out.splitlines()] == ["p1", "p2"]
    assert called.code == 3
    assert "1 rejected" in called.err


def test_an_impossible_value_is_shown_and_bad_input(screen: Caller, tmp_path: Path) -> None:
    creatinine = {"id": "c1", "concept": "serum_creatinine", "value": "-1 mg/dL", "at": "2026-01-10"}
    path = write_record(tmp_path / "p.json", observations=[creatinine], **CLEAR)
    called = screen(path)
    assert called.code == 3
    assert "Value not used" in called.out
    assert "1 fault in the record" in called.out.splitlines()[1]


@pytest.mark.parametrize("what", ["no-such-file.json", "."])
def test_no_patient_is_bad_input(screen: Caller, tmp_path: Path, what: str) -> None:
    called = screen(tmp_path / what)
    assert called.code == 3
    assert called.out == ""
    assert "No patient was read, so nothing was judged." in called.err


def test_foreign_text_cannot_steer_the_terminal(screen: Caller, tmp_path: Path) -> None:
    orders = [BACLOFEN, {"id": "o2\x1b[2J", "text": "war\u202efrin\x1b]0;x\x07 \x9b2J", "status": "active"}]
    write_record(tmp_path / "p.json", id="p\x1b[31m1", orders=orders)
    (tmp_path / "q.json").write_text('{"id": "\\u001b[2J", "x\\u001b[2J": 1}', "utf-8")
    called = screen(tmp_path, "-v")
    for text in (called.out, called.err):
        assert not set(text) & set("\x1b\x07\x9b\u202e")
    assert "warfrin" in called.out.replace("\\u202e", "")


def test_bad_rules_are_all_printed_and_nothing_is_judged(call: Caller, tmp_path: Path) -> None:
    rules = tmp_path / "bad.rules.yaml"
    rules.write_text("format: 1\nrules:\n- id: x\n  kind: thing\n", "utf-8")
    called = call("screen", write_record(tmp_path / "p.json"), "--rules", rules)
    assert called.code == 2
    assert called.out == ""
    lines = called.err.splitlines()
    assert (
        len([line for line in lines if line.startswith("bad.rules.yaml:") or "bad.rules.yaml:" in line]) > 3
    )
    assert lines[-1] == "The rules were not loaded and nothing was judged."


@pytest.mark.parametrize(
    "arguments",
    [
        ["--as-of", "2026-01"],
        ["--as-of", "tomorrow"],
        ["--fail-on", "grave"],
        ["--evaluator", "none"],
        ["--second-opinion", "inprocess"],
        ["--resume"],
        ["--jobs", "2"],
        ["--because"],
        ["--title", "July"],
        ["--out", "no-such-folder", "--format", "json"],
        ["--out", "no-such-folder", "-v"],
        ["--out", "no-such-folder", "--jobs", "0"],
        ["--policy", "no-such-policy.yaml"],
        ["--rules", "no-such-rules"],
    ],
)
def test_a_wrong_option_judges_nothing(call: Caller, tmp_path: Path, arguments: list[str]) -> None:
    called = call("screen", write_record(tmp_path / "p.json"), *arguments)
    assert called.code == 2
    assert called.out == ""
    assert "Error: " in called.err


def test_today_is_said_when_no_day_is_given(call: Caller, small_rules: Path, tmp_path: Path) -> None:
    called = call("screen", write_record(tmp_path / "p.json"), "--rules", small_rules)
    day = called.err.split("as of ")[1][:10]
    assert f"as of {day} (today; --as-of takes another day)" in called.err
    assert f"as of {day}" in called.out


def test_a_check_that_fails_is_never_clear(
    screen: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("no room")

    monkeypatch.setattr("caveat.evaluators.screen.screen", broken)
    path = write_record(tmp_path / "p.json")
    called = screen(path)
    assert called.code == 2
    assert "interaction check failed, review manually" in called.out
    report = json.loads(screen(path, "--format", "json").out)
    assert (report["is_clear"], report["errors"][0]["code"]) == (False, "check-failed")
    assert "Traceback" not in called.err


def test_a_report_that_cannot_be_written_is_never_dropped(
    screen: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    from caveat.findings.report import Finding

    def broken(self: Finding) -> str:
        raise RuntimeError("no text")

    monkeypatch.setattr(Finding, "summary", property(broken))
    called = screen(write_record(tmp_path / "p.json"), "--format", "json")
    assert called.code == 2
    assert json.loads(called.out)["errors"][0]["code"] == "check-failed"


def test_evaluators_that_differ_are_an_error(
    screen: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = write_record(tmp_path / "p.json")
    assert screen(path, "--second-opinion", "reference").code == 0
    from caveat.evaluators.reference import ReferenceEvaluator

    monkeypatch.setattr(ReferenceEvaluator, "outcomes", lambda *_: [])
    called = screen(path, "--second-opinion", "reference")
    assert called.code == 2
    assert "inprocess and reference differ" in called.out


def test_an_unexpected_failure_is_said_without_a_traceback(
    screen: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def broken(*_: object, **__: object) -> None:
        raise RuntimeError("disk on fire")

    monkeypatch.setattr("caveat.adapters.read_records", broken)
    path = write_record(tmp_path / "p.json")
    called = screen(path)
    assert called.code == 2
    assert "interaction check failed, review manually" in called.err
    assert "disk on fire" in called.err
    assert "Traceback" not in called.err
    with pytest.raises(RuntimeError, match="disk on fire"):
        screen(path, "--traceback")


def test_interrupt_leaves_with_130(screen: Caller, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    def interrupted(*_: object, **__: object) -> None:
        raise KeyboardInterrupt

    monkeypatch.setattr("caveat.adapters.read_records", interrupted)
    called = screen(write_record(tmp_path / "p.json"))
    assert called.code == 130
    assert "interrupted after 0 patients" in called.err


def _process(small_rules: Path, *arguments: object, **options: object) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "caveat", *map(str, arguments), "--rules", str(small_rules)]
    return subprocess.Popen(command, text=True, stderr=subprocess.PIPE, **options)  # type: ignore[call-overload,no-any-return]


def _environment(tmp_path: Path, **more: str) -> dict[str, str]:
    return {**os.environ, "CAVEAT_CACHE": str(tmp_path / "cache"), **more}


def test_a_reader_that_goes_away_is_no_error(small_rules: Path, tmp_path: Path) -> None:
    path = tmp_path / "p.ndjson"
    path.write_text("\n".join(json.dumps(record(id=f"p{n}")) for n in range(400)), "utf-8")
    arguments = ("screen", path, "--as-of", AS_OF, "--format", "json")
    process = _process(small_rules, *arguments, stdout=subprocess.PIPE, env=_environment(tmp_path))
    assert process.stdout is not None
    assert json.loads(process.stdout.readline())["patient"] == "p0"
    process.stdout.close()
    assert process.stderr is not None
    said = process.stderr.read()
    assert process.wait() == 141
    assert "Traceback" not in said
    assert "BrokenPipe" not in said


def test_stdin_and_a_terminal_that_cannot_show_shapes(small_rules: Path, tmp_path: Path) -> None:
    path = write_record(tmp_path / "p.json")
    with path.open() as file:
        process = _process(
            small_rules,
            "screen",
            "-",
            "--as-of",
            AS_OF,
            stdin=file,
            stdout=subprocess.PIPE,
            env=_environment(tmp_path, PYTHONIOENCODING="ascii"),
        )
        out, _ = process.communicate()
    assert process.returncode == 0
    assert "Contraindicated: do not use" in out


def test_ctrl_c_while_reading(small_rules: Path, tmp_path: Path) -> None:
    process = _process(
        small_rules,
        "screen",
        "-",
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        env=_environment(tmp_path),
    )
    assert process.stdin is not None
    assert process.stderr is not None
    assert "(today; --as-of takes another day)" in process.stderr.readline()
    process.send_signal(signal.SIGINT)
    said = process.stderr.read()
    assert process.wait() == 130
    assert "interrupted" in said
    assert "Traceback" not in said
    process.stdin.close()
    assert process.stdout is not None
    process.stdout.close()
