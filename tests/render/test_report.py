"""The report as JSON keeps its contract; the banner never hides what was left open."""

from __future__ import annotations

import json
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, get_type_hints

import jsonschema
import msgspec
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.compile.program import Citation, Texts
from caveat.findings.basis import Basis, Details, Missing, Unchecked
from caveat.findings.report import Finding, RecordError, RecordNote, Report, Unrecognised
from caveat.findings.severity import SEVERITIES, Status
from caveat.render import shapes
from caveat.render.banner import banner, unassessed
from caveat.render.json import report_json, report_line
from caveat.render.lines import plain
from caveat.render.shapes import ReportJSON, report_schema
from caveat.render.text import NOT_A_DEVICE, report_lines, report_text
from caveat.render.view import View
from caveat.render.words import GRADES

TEXTS = Texts("A with B", "Harm.", "Avoid.", "Watch.", "Tell.")


@dataclass(frozen=True)
class SmallRule:
    """What a finding needs of its rule."""

    id: str = "a.b.c"
    kind: str = "contraindication"
    severity: str = "major"
    status: str = "draft"
    title: str = "A with B"
    covers: tuple[str, ...] = ("S-1",)
    texts: Texts = TEXTS
    evidence: tuple[Citation, ...] = (Citation("book", "s", "It says so.", "2026-01-01", "B"),)
    interaction: tuple[tuple[str, str], ...] = (("mechanism", "m"), ("frequency_of_harm", "unknown"))
    onset: str | None = "rapid"
    confidence: str = "high"


MISSING = Missing("creatinine_clearance", "not recorded", ("serum_creatinine", "weight"))
UNCHECKED = Unchecked("with-specialist", "It is watched.", (Missing("specialist_oversight", "not recorded"),))


def finding(status: Status, severity: str = "major", **parts: Any) -> Finding:
    """A finding on order o1."""
    details = Details(
        because=(Basis("creatinine_clearance", "24 mL/min", "2026-01-10", "Observation/9"),),
        missing=(MISSING,) if status is Status.CANNOT_ASSESS else (),
        unchecked=(UNCHECKED,),
        exceptions=("e1",) if status is Status.EXCEPTED else (),
    )
    suppressed = parts.pop("suppressed_by", None)
    return Finding(
        SmallRule(severity=severity, **parts),
        status,
        ("o1",),
        (),
        ("baclofen",),
        details=details,
        suppressed_by=suppressed,
        tier="interruptive",
        fill=lambda text: text.replace("{order.name}", "Lioresal").replace("{order.ingredient}", "baclofen"),
    )


def report(*findings: Finding, **parts: Any) -> Report:
    """A report with the findings."""
    return Report(
        "p1", "2026-01-15", "1", "sha256:" + "0" * 64, findings, 212, evaluator="inprocess", **parts
    )


FULL = report(
    finding(Status.FIRES),
    finding(Status.CANNOT_ASSESS),
    finding(Status.EXCEPTED),
    finding(Status.FIRES, id="x.y.z", suppressed_by="a.b.c"),
    unrecognised=(Unrecognised("warfrin", ("warfarin",), "medication", "o2", ()),),
    errors=(RecordError("impossible-value", "cannot be", "$.weight", "0 kg"),),
    notes=(RecordNote("odd", "oddity", "", 3),),
)

CONTRACT = {
    "report": "patient as_of ruleset is_clear alerts cannot_assess suppressed unrecognised errors notes",
    "alert": "id rule covers kind severity tier subject drugs summary action because unchecked evidence",
    "cannot_assess": "rule covers severity drugs missing",
}


def test_the_contract_is_kept() -> None:
    found = report_json(FULL)
    assert set(CONTRACT["report"].split()) <= found.keys()
    assert set(CONTRACT["alert"].split()) <= found["alerts"][0].keys()
    assert set(CONTRACT["cannot_assess"].split()) <= found["cannot_assess"][0].keys()
    assert found["alerts"][0]["subject"]["orders"] == ["o1"]
    assert found["alerts"][0]["because"] == [
        {
            "fact": "creatinine_clearance",
            "value": "24 mL/min",
            "at": "2026-01-10",
            "source": "Observation/9",
        }
    ]
    assert found["cannot_assess"][0]["missing"] == ["creatinine_clearance"]
    assert found["cannot_assess"][0]["needs"] == ["serum_creatinine", "weight"]
    assert found["suppressed"][0]["by"] == "a.b.c"
    assert found["unrecognised"][0]["candidates"] == ["warfarin"]
    assert found["is_clear"] is False


def test_shape_and_keys_are_those_of_the_types() -> None:
    """Every key that is written is in the published types, in their order of naming or not, and no other."""
    found = json.loads(report_line(FULL, sources={"book": "The Book"}, not_covered=()))
    msgspec.convert(found, ReportJSON, strict=True)
    pairs: list[tuple[Any, Any]] = [(found, shapes.ReportJSON)]
    for name, kind in (
        ("alerts", shapes.AlertJSON),
        ("cannot_assess", shapes.CannotAssessJSON),
        ("suppressed", shapes.SuppressedJSON),
        ("excepted", shapes.ExceptedJSON),
        ("unrecognised", shapes.UnrecognisedJSON),
        ("errors", shapes.ErrorJSON),
        ("notes", shapes.NoteJSON),
    ):
        pairs.append((found[name][0], kind))
    pairs.append((found["alerts"][0]["evidence"][0], shapes.EvidenceJSON))
    pairs.append((found["alerts"][0]["unchecked"][0], shapes.UncheckedJSON))
    pairs.append((found["alerts"][0]["products"][0], shapes.ProductJSON))
    for value, kind in pairs:
        assert value.keys() == get_type_hints(kind).keys() - {"overrides"}, kind  # of the service alone


def test_published_schema_is_the_one_of_the_types(root: Path) -> None:
    published = json.loads((root / "docs" / "schema" / "report.schema.json").read_text("utf-8"))
    assert published == report_schema(), "caveat schema report > docs/schema/report.schema.json"
    jsonschema.Draft202012Validator.check_schema(published)
    validator = jsonschema.Draft202012Validator(published)
    validator.validate(json.loads(report_line(FULL)))
    broken = json.loads(report_line(FULL))
    broken["alerts"][0]["severity"] = "grave"
    assert not validator.is_valid(broken)
    del broken["is_clear"]
    assert not validator.is_valid(broken)


def test_an_unknown_key_is_accepted_by_readers_of_the_schema() -> None:
    found = json.loads(report_line(FULL)) | {"later": 1}
    jsonschema.Draft202012Validator(report_schema()).validate(found)


def test_lines_are_one_line_and_survive_lone_surrogates() -> None:
    odd = replace(FULL, patient="p\n\ud800")
    line = report_line(odd)
    assert line.count(b"\n") == 1
    assert json.loads(line)["patient"] == "p\n\ufffd"


def test_banner_has_three_numbers_and_the_reasons() -> None:
    assert banner(FULL) == (
        "1 alert · 212 rules checked · 3 could not be assessed "
        '(1 fault in the record; "warfrin" not recognised; '
        "creatinine clearance lacks serum creatinine and weight)"
    )
    assert banner(report()) == "0 alerts · 212 rules checked · 0 could not be assessed"


def test_banner_counts_the_reasons_it_does_not_list() -> None:
    names = tuple(Unrecognised(f"drug{n}") for n in range(7))
    assert banner(report(unrecognised=names)).endswith('"drug2" not recognised; 4 more)')
    conditions = tuple(Unrecognised(f"c{n}", (), "condition") for n in range(7))
    assert banner(report(unrecognised=conditions)).endswith(
        "7 could not be assessed (7 conditions not recognised)"
    )


STATES = st.lists(
    st.tuples(
        st.sampled_from([Status.FIRES, Status.CANNOT_ASSESS, Status.EXCEPTED, Status.ERROR]),
        st.sampled_from(SEVERITIES),
        st.booleans(),
    ),
    max_size=4,
)


@st.composite
def reports(draw: st.DrawFn) -> Report:
    """Any mixture of findings, unrecognised names and errors."""
    findings = [
        finding(status, severity, suppressed_by="o.t.h" if hidden and status is Status.FIRES else None)
        for status, severity, hidden in draw(STATES)
    ]
    failed = [f for f in findings if f.status is Status.ERROR]
    errors = [RecordError("rule-failed", "failed", rule=f.rule.id) for f in failed]
    names = draw(st.lists(st.text(max_size=8), max_size=2))
    return report(
        *findings,
        unrecognised=tuple(Unrecognised(name) for name in names),
        errors=tuple(errors) + draw(st.sampled_from([(), (RecordError("x", "y"),)])),
    )


@given(reports())
def test_a_report_says_nothing_found_only_when_it_is_clear(found: Report) -> None:
    text = report_text(found)
    assert ("Nothing found" in text) == found.is_clear
    assert (NOT_A_DEVICE in text) == found.is_clear
    if not found.is_clear and not found.suppressed:
        assert found.alerts or unassessed(found)
    assert not set(text) & set("✓✔✅")


@given(reports())
def test_everything_open_is_on_the_page(found: Report) -> None:
    text = report_text(found)
    full = report_text(found, View(verbose=True))
    assert full.count(GRADES["open"].word) == len(found.cannot_assess)
    for one in found.cannot_assess:
        assert f"{one.rule.title} · {one.rule.id}" in text
    for severity in ("contraindicated", "major", "moderate"):
        shown = sum(alert.severity == severity for alert in found.alerts)
        assert text.count(GRADES[severity].word) == shown
    assert text.count("interaction check failed, review manually") >= (
        1 if any(e.code == "rule-failed" for e in found.errors) else 0
    )
    msgspec.convert(json.loads(report_line(found)), ReportJSON, strict=True)


def test_alert_follows_the_fixed_order() -> None:
    text = report_text(report(finding(Status.FIRES)), View(sources={"book": "The Book"}))
    marks = [
        "◆ Serious: use an alternative or change the dose",
        "baclofen (Lioresal)",
        "Harm.",
        "Avoid.",
        "creatinine clearance 24 mL/min · 2026-01-10 · Observation/9",
        "exception not checked: with specialist (specialist oversight not recorded)",
        "Mechanism         m",
        "The Book (s; checked 2026-01-01, evidence B)",
    ]
    places = [" ".join(text.split()).index(" ".join(mark.split())) for mark in marks]
    assert places == sorted(places)
    assert "unknown" not in text
    assert "Frequency of harm unknown" in " ".join(
        report_text(report(finding(Status.FIRES)), View(verbose=True)).split()
    )


def test_two_bullets_a_heading_unless_more_is_asked_for() -> None:
    cited = tuple(Citation(f"book {n}", "s", "It says so.", "2026-01-01") for n in range(5))
    one = finding(Status.FIRES, evidence=cited)
    text = report_text(report(one))
    assert ("book 1" in text, "book 2" in text) == (True, False)
    assert "and 3 more (-v shows them)" in text
    assert "book 4" in report_text(report(one), View(verbose=True))


def test_deciding_facts_share_a_paragraph_and_the_rest_is_counted() -> None:
    many = tuple(Basis("order", f"product {n}") for n in range(8))
    one = replace(finding(Status.FIRES), details=Details(because=many))
    text = " ".join(report_text(report(one)).split())
    assert "order product 0; order product 1" in text
    assert "order product 5; 2 more" in text
    assert "product 7" in report_text(report(one), View(verbose=True))


def test_lines_fit_the_width() -> None:
    for width in (60, 100):
        lines = report_lines(FULL, View(width=width, verbose=True))
        assert all(len(line) <= width for line in plain(lines[2:]).splitlines())


def test_shapes_have_ascii_stand_ins() -> None:
    text = report_text(FULL, View(plain_shapes=True))
    marks = [line for line in text.splitlines() if "Serious" in line or "Cannot assess" in line]
    assert marks
    assert all(line.startswith(("<!>", "[?]")) for line in marks)


@pytest.mark.parametrize("name", GRADES)
def test_word_and_shape_tell_levels_apart_and_colours_can_be_read(name: str) -> None:
    grade = GRADES[name]
    same = [g for g in GRADES.values() if g.word == grade.word or g.shape == grade.shape]
    assert all((g.word, g.shape, g.background) == (grade.word, grade.shape, grade.background) for g in same)
    assert contrast(grade.background, grade.foreground) >= 4.5


def contrast(one: str, two: str) -> float:
    """The contrast ratio of two colours, as WCAG 2 defines it."""

    def luminance(colour: str) -> float:
        parts = [int(colour[i : i + 2], 16) / 255 for i in (1, 3, 5)]
        linear = [p / 12.92 if p <= 0.03928 else ((p + 0.055) / 1.055) ** 2.4 for p in parts]
        return 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]

    light, dark = sorted((luminance(one), luminance(two)), reverse=True)
    return (light + 0.05) / (dark + 0.05)
