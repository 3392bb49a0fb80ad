"""What the report says: of a whole cohort, of odd ones, and of foreign text."""

from __future__ import annotations

import base64
import csv
import io
import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from caveat.batch.report import charts, write
from caveat.errors import CaveatError
from report.made import RULES, Finding, reject, run, text_of

HERE = Path(__file__).parent
EVIL = '<img src=x onerror="alert(1)">'


def cohort() -> list[list[Finding]]:
    """200 patients: one rule fires often, one for three of them, one is left open for 30."""
    told: list[list[Finding]] = [[] for _ in range(200)]
    for i in range(0, 200, 2):
        told[i].append(("a.dose.high", "fires", "specialist" if i % 20 == 0 else ""))
    for i in range(60):
        told[i].append(("a.pair.b", "fires", ""))
    for i in range(3):
        told[i].append(("a.renal.low", "fires", ""))
    for i in range(20, 50):
        told[i].append(("a.renal.low", "cannot-assess", "creatinine_clearance" if i < 40 else "egfr weight"))
    for i in range(100, 107):
        told[i].append(("a.note.any", "excepted", ""))
    for i in range(110, 130):
        told[i].append(("a.pair.b", "superseded", ""))
    return told


def downloads(page: str) -> dict[str, list[dict[str, str]]]:
    """The rows of each CSV the page carries."""
    found = re.findall(r'download="([^"]+)" href="data:text/csv;charset=utf-8;base64,([^"]+)"', page)
    return {
        name: list(csv.DictReader(io.StringIO(base64.b64decode(data).decode("utf-8-sig"))))
        for name, data in found
    }


def test_text_of_a_cohort(tmp_path: Path) -> None:
    """The golden text; CAVEAT_ACCEPT=1 writes it anew, to be read before it is kept."""
    names = {i: [("medication", "warfrin")] for i in range(12)} | {50: [("medication", "rare thing")]}
    faults = {i: ["impossible-value"] for i in range(60, 66)}
    aside = [reject("bad-date", "birth_date", f"r{i}") for i in range(8)]
    aside.append(reject("bad-json", "", None, value="{"))
    path = write(run(tmp_path, cohort(), names=names, faults=faults, rejects=aside), title="Ward 7 <b>")
    text, golden = text_of(path), HERE / "cohort.txt"
    if os.environ.get("CAVEAT_ACCEPT"):
        golden.write_text(text, "utf-8")
    assert text == golden.read_text("utf-8")


def banner(text: str) -> list[str]:
    """The lines from the three numbers to the first heading."""
    lines = text.splitlines()
    start = next(i for i, line in enumerate(lines) if re.match(r"(at least )?[\d,]+ alerts?$", line))
    return lines[start : next(i for i, line in enumerate(lines) if line.startswith("## "))]


def test_nobody_was_read(tmp_path: Path) -> None:
    text = text_of(write(run(tmp_path, [])))
    assert banner(text) == [
        "0 alerts",
        "4 rules checked",
        "0 could not be assessed",
        "No patient was read, so nobody was screened. Check that the source holds what you expect.",
    ]
    assert "Key figures" not in text


def test_all_were_rejected(tmp_path: Path) -> None:
    text = text_of(
        write(run(tmp_path, [], rejects=[reject("bad-date", "birth_date", f"r{i}") for i in range(3)]))
    )
    assert banner(text) == [
        "0 alerts",
        "4 rules checked",
        "3 could not be assessed",
        "Not assessed: 3 items of the input set aside.",
        "3 records read, all rejected: nobody was screened, so nothing is known.",
    ]


def test_no_alert_and_something_open(tmp_path: Path) -> None:
    told: list[list[Finding]] = [[("a.renal.low", "cannot-assess", "creatinine_clearance")] for _ in range(9)]
    assert banner(text_of(write(run(tmp_path, told)))) == [
        "0 alerts",
        "4 rules checked",
        "9 could not be assessed",
        "Not assessed: creatinine clearance missing (9).",
        "No rule fired. That is no all-clear: what could not be assessed may hide alerts.",
    ]


def test_no_alert_and_nothing_open(tmp_path: Path) -> None:
    text = text_of(write(run(tmp_path, [[] for _ in range(9)])))
    assert banner(text)[3:] == [
        "No rule fired, and nothing was left open. This speaks only of what these rules are about."
    ]
    assert "Alerts / rules that fired and that no other supersedes | 0 | 0 | 0 to 41.0" in text


def test_a_failed_check_is_first(tmp_path: Path) -> None:
    told: list[list[Finding]] = [
        [("a.pair.b", "error", "")],
        *([("a.pair.b", "fires", "")] for _ in range(9)),
    ]
    text = text_of(write(run(tmp_path, told)))
    assert "Not assessed: 1 check FAILED, review manually." in banner(text)
    assert "Some checks failed. Those patients need a review by hand." in banner(text)
    assert "FAILED <5 times; review by hand" in text


def test_one_rule_one_patient(tmp_path: Path) -> None:
    """Nobody can be counted; nothing is said to be zero that is not."""
    rules = {"a.pair.b": RULES["a.pair.b"]}
    text = text_of(write(run(tmp_path, [[("a.pair.b", "fires", "")]], rules=rules)))
    assert banner(text) == [
        "at least 1 alert",
        "1 rule checked",
        "0 could not be assessed",
        "So few patients are concerned that exact counts would point to them: below 5 none is shown.",
    ]
    assert "No rule fired" not in text
    assert "Patients with an alert | <5 | – | –" in text
    shown = text_of(write(run(tmp_path, [[("a.pair.b", "fires", "")]], rules=rules), small=0))
    assert banner(shown)[0] == "1 alert"


def test_few_patients_left_open(tmp_path: Path) -> None:
    text = text_of(
        write(run(tmp_path, [[("a.pair.b", "cannot-assess", "weight")], *([] for _ in range(20))]))
    )
    assert banner(text)[2:] == [
        "at least 1 could not be assessed",
        "Not assessed: each reason concerns fewer than 5 patients.",
        "No rule fired. That is no all-clear: what could not be assessed may hide alerts.",
        "So few patients are concerned that exact counts would point to them: below 5 none is shown.",
    ]


def test_small_counts_are_nowhere(tmp_path: Path) -> None:
    """3 patients of 200 have the contraindication; the total over all rules stays exact."""
    path = write(run(tmp_path, cohort()))
    text, page = text_of(path), path.read_text("utf-8")
    assert banner(text)[0] == "163 alerts"
    assert "Patients with a contraindication | <5 | – | –" in text
    row = next(one for one in downloads(page)["rules.csv"] if one["rule"] == "a.renal.low")
    assert (row["alerts"], row["patients"], row["patients_per_100"], row["most_per_100"]) == (
        "<5",
        "<5",
        "",
        "",
    )
    partner = next(one for one in downloads(page)["rules.csv"] if one["rule"] == "a.pair.b")
    assert (partner["alerts"], partner["patients"]) == ("–", "–")
    assert row["left_open"] == "30"
    rows = re.findall(r"<tr>(?:(?!</tr>).)*a\.(?:renal\.low|pair\.b)(?:(?!</tr>).)*</tr>", page)
    assert len(rows) == 2
    assert not any(re.search(r'data-v="(3|60)"', one) for one in rows)
    everything = write(tmp_path, small=0).read_text("utf-8")
    row = next(one for one in downloads(everything)["rules.csv"] if one["rule"] == "a.renal.low")
    assert (row["alerts"], row["patients"], row["most_per_100"]) == ("3", "3", "16.5")


@pytest.mark.parametrize("small", [1, 2, -5])
def test_a_limit_that_hides_nothing(tmp_path: Path, small: int) -> None:
    with pytest.raises(ValueError, match="write 0 to show every count, or a number from 3 up"):
        write(run(tmp_path, []), small=small)


def test_foreign_text_is_text(tmp_path: Path) -> None:
    """Names, titles, ids, fields, codes, paths and what the source says."""
    rules = {f"a.{EVIL}.b": ("major", EVIL, EVIL), "=1+1": ("odd", "x", "=cmd()")}
    told: list[list[Finding]] = [
        [(f"a.{EVIL}.b", "fires", ""), (f"a.{EVIL}.b", "cannot-assess", EVIL), ("=1+1", "fires", "")]
        for _ in range(9)
    ]
    names = {i: [("medication", EVIL), ("allergy", "\u202egnp.exe\x00"), (EVIL, "x")] for i in range(9)}
    path = write(
        run(
            tmp_path,
            told,
            rules=rules,
            names=names,
            rejects=[reject(EVIL, EVIL, value=EVIL, file=EVIL, message=EVIL)],
            manifest={
                "source": {"unmapped": {EVIL: 5}, "warnings": [EVIL], EVIL: EVIL, "reader": EVIL},
                "inputs": [{"path": f"x/{EVIL}", "size": 1}],
                "ruleset": {"version": EVIL, "digest": EVIL},
                "policy": {"id": EVIL},
                "as_of": EVIL,
                "kind": EVIL,
            },
        ),
        title=f"</title>{EVIL}",
        identifiers=True,
    )
    page = path.read_text("utf-8")
    assert "<img" not in page
    assert page.count("&lt;img src=x") > 15
    assert "\u202e" not in page
    assert "\\u202egnp.exe\\x00" in page
    assert not [
        value
        for row in downloads(page)["rules.csv"]
        for value in row.values()
        if value[:1] in ("=", "+", "@")
    ]
    assert downloads(page)["rejects.csv"][0]["value"] == EVIL


def test_no_identifier_by_default(tmp_path: Path) -> None:
    aside = [reject("bad-date", "birth_date", "Doe-Jane", file="Doe_Jane_1950.json", value="1950-02-31")]
    folder = run(
        tmp_path,
        cohort(),
        rejects=aside,
        names={3: [("medication", "Jane's own pills")]},
        manifest={"inputs": [{"path": f"in/Doe_Jane_{i}.json", "size": 10} for i in range(3)]},
    )
    page = write(folder).read_text("utf-8")
    seen = re.search(".{40}(Doe|Jane|1950|p0-)", page)
    assert not seen, seen
    assert downloads(page)["rejects.csv"] == [
        {"input": "", "line": "7", "field": "birth_date", "code": "bad-date"}
    ]
    assert "1 name, each in fewer than 5 patients; no rule was tried on them." in page
    named = downloads(write(folder, identifiers=True).read_text("utf-8"))["rejects.csv"]
    assert named[0]["patient"] == "Doe-Jane"


LEAD = "What the source could not give. Alerts that hang on it are missing from every figure below."


def loud(text: str) -> list[str]:
    """The gaps that are called out, before any key figure."""
    lines = text.splitlines()
    assert lines.index(LEAD) < lines.index("## Key figures")
    return lines[lines.index(LEAD) + 1 : lines.index("All that the reader says of its source")]


def test_warnings_of_the_source_are_called_out(tmp_path: Path) -> None:
    source = {
        "format": "OMOP CDM",
        "vocabulary": {"present": False},
        "unmapped": {
            "drugs": {"rows": 1000, "unmapped": 312, "share": 0.312, "commonest": [{"text": "Jane's"}]}
        },
        "warnings": ["UNMAPPED drugs: 31.2 %", EVIL],
    }
    text = text_of(write(run(tmp_path, cohort(), manifest={"source": source})))
    assert loud(text) == ["UNMAPPED drugs: 31.2 %", EVIL]
    assert "unmapped: drugs: share | 31.2 %" in text
    assert "vocabulary: present | no" in text
    assert "Jane" not in text


def test_gaps_of_a_source_without_warnings(tmp_path: Path) -> None:
    source = {
        "orders": 20,
        "orders_without_code": 5,
        "orders_without_code_share": 0.25,
        "references_unresolved": 0,
        "rejects": {"no-patient": 1},
    }
    text = text_of(write(run(tmp_path, cohort(), manifest={"source": source})))
    assert loud(text) == ["orders without code: 5 (25.0 %)", "rejects: no-patient: 1"]


def test_a_source_without_gaps_is_quiet(tmp_path: Path) -> None:
    text = text_of(write(run(tmp_path, cohort(), manifest={"source": {"files": 3, "rejects": {}}})))
    assert LEAD not in text
    assert "files | 3" in text


def test_files_that_disagree_are_not_believed(tmp_path: Path) -> None:
    folder = run(tmp_path, cohort(), manifest={"counts": {"entered": 201, "screened": 200, "rejected": 0}})
    assert (
        "The files of this run disagree: patients and rejected records, and records read by run.json: "
        "200 and 201. Do not rely on it." in banner(text_of(write(folder)))
    )


def test_many_rules_are_cut_and_said(tmp_path: Path) -> None:
    rules = {f"r.n.{i:05}": ("minor", "dosing", f"Rule {i}") for i in range(700)}
    told: list[list[Finding]] = [[("r.n.00699", "fires", "")] for _ in range(9)]
    manifest = {"rule_statuses": {"draft": 900}}
    path = write(run(tmp_path, told, rules=rules, manifest=manifest))
    text = text_of(path)
    assert "The run does not list a further 200 rules without any finding." in text
    assert "The 500 with most alerts are listed here, and 200 more are in the CSV." in text
    assert len(downloads(path.read_text("utf-8"))["rules.csv"]) == 700
    assert path.read_text("utf-8").index("r.n.00699") < path.read_text("utf-8").index("r.n.00000")


def test_without_charts_the_tables_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(charts, "available", lambda: False)
    path = write(run(tmp_path, cohort()))
    assert "<figure>" not in path.read_text("utf-8")
    assert text_of(path).count("Charts were left out: altair and vl-convert are not installed.") == 3


def test_the_same_run_gives_the_same_bytes(tmp_path: Path) -> None:
    folder = run(tmp_path, cohort())
    assert write(folder).read_bytes() == write(folder).read_bytes()


@pytest.mark.parametrize(
    ("spoil", "says"),
    [
        (
            lambda f: (f / "run.json").unlink(),
            "there is no run.json, so no finished run. Finish the run with --resume",
        ),
        (lambda f: (f / "run.json").write_text("[]"), "a run's manifest is a JSON object"),
        (lambda f: (f / "run.json").write_text("{"), "it cannot be read"),
        (lambda f: (f / "patients.parquet").unlink(), "the file is missing, so the run is not whole"),
        (lambda f: (f / "patients.parquet").write_text("x"), "it cannot be read as a file of a run"),
        (lambda f: (f / "findings.parquet").write_text("x"), "it cannot be read as a file of a run"),
    ],
)
def test_what_is_no_run(tmp_path: Path, spoil: Any, says: str) -> None:
    folder = run(tmp_path, cohort())
    spoil(folder)
    with pytest.raises(CaveatError, match=re.escape(says)):
        write(folder)
    assert not (folder / "report.html").exists()


def test_nothing_of_a_manifest_is_needed(tmp_path: Path) -> None:
    """An empty manifest is enough for every figure that rests on the files."""
    folder = run(tmp_path, cohort())
    (folder / "run.json").write_text(json.dumps({}), "utf-8")
    text = text_of(write(folder))
    assert "The run does not say which rules were reviewed: take all as drafts." in text
    assert banner(text)[0] == "163 alerts"


def test_a_report_that_cannot_be_written(tmp_path: Path) -> None:
    """The results stay, and no half report is left."""
    folder = run(tmp_path, cohort())
    (folder / "report.html" / "taken").mkdir(parents=True)
    with pytest.raises(CaveatError, match=r"report\.html.*: it cannot be written"):
        write(folder)
    assert not (folder / "report.html.tmp").exists()
