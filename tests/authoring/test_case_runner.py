"""Cases are all run, and a failure says what came, why, and which clause differs first."""

from __future__ import annotations

from pathlib import Path
from xml.etree import ElementTree

import pytest

from authoring.small import rule, rules_file, write
from caveat.authoring.case_files import read_cases
from caveat.authoring.cases import CaseResults, run_cases
from caveat.compile.ruleset import load
from caveat.rules.diagnostics import Problems

PAIR = "{pair: {order: {ingredient: baclofen}, with: {class: opioid}}}"
TAKING = "{patient: {taking: {ingredient: baclofen}}}"
RULES = rules_file(
    rule(
        "baclofen.topic.one",
        "{creatinine_clearance: {below: 30 mL/min}}",
        unless="[{id: pump, because: b, all: [{order: {route: intrathecal}}, {context: {fall_risk: true}}]}]",
    ),
    rule("baclofen.topic.pair", "{always: true}", applies_to=PAIR),
    rule("baclofen.topic.allergy", "{always: true}", applies_to="{allergy: {order: {ingredient: baclofen}}}"),
    rule("baclofen.topic.patient", "{age: {above: 65 a}}", applies_to=TAKING),
)
HEAD = """\
format: 1
as_of: 2026-01-15
base:
  sex: female
  age: 50 a
  allergies: []
  orders: [{id: o1, text: baclofen, route: oral, status: active}]
cases:
"""


def case(name: str, given: str, expect: str, rule: str = "one", **more: str) -> str:
    lines = [f"- id: {name}", f"  rule: baclofen.topic.{rule}", f"  class: {more.pop('kind', 'fires')}"]
    lines += [f"  {key}: {value}" for key, value in more.items()]
    return "\n".join([*lines, f"  given: {given}", f"  expect: {expect}", ""])


def run(folder: Path, *cases: str, evaluator: str = "reference", only: str | None = None) -> CaseResults:
    write(folder, {"topic/a.rules.yaml": RULES, "topic/a.cases.yaml": HEAD + "".join(cases)})
    return run_cases(folder, load(folder, cache=False), evaluator, only)


LOW, HIGH = "{creatinine_clearance: 24 mL/min}", "{creatinine_clearance: 60 mL/min}"
PUMPED = "{creatinine_clearance: 24 mL/min, orders: [{id: o1, text: baclofen, route: intrathecal}]}"
BOTH = "{orders: [{id: o1, text: baclofen}, {id: o2, text: morphine}]}"
BORN = "{age: null, birth_date: 1960-02-01}"
HOLDS = [
    case("a", LOW, "[{subject: [o1], status: fires}]"),
    case("b", LOW, "[{subject: [o1], status: fires, missing: [], unchecked: []}]"),
    case("c", HIGH, "[{subject: [o1], status: not-met}]"),
    case("d", "{}", "[{subject: [o1], status: cannot-assess, missing: [creatinine_clearance]}]"),
    case("e", PUMPED, "[{subject: [o1], status: fires, unchecked: [pump]}]"),
    case("f", PUMPED[:-1] + ", context: {fall_risk: true}}", "[{subject: [o1], status: excepted}]"),
    case("g", "{orders: [{id: o1, text: morphine}]}", "[]"),
    case("h", "{orders: null}", "[]"),
    case("i", BOTH, "[{subject: [o1, o2], status: fires}]", "pair"),
    case("j", "{}", "[]", "pair"),
    case("k", "{allergies: [{id: a1, text: baclofen}]}", "[{subject: [o1, a1], status: fires}]", "allergy"),
    case("l", "{allergies: null}", "[{subject: [o1], status: cannot-assess}]", "allergy"),
    case("m", "{age: 70 a}", "[{subject: [], status: fires}]", "patient"),
    case("n", BORN, "[{subject: [], status: not-met}]", "patient", as_of="2026-01-31"),
    case("o", BORN, "[{subject: [], status: fires}]", "patient", as_of="2027-02-01"),
]


@pytest.mark.parametrize("evaluator", ["reference", "inprocess"])
@pytest.mark.parametrize("text", HOLDS, ids=lambda text: text.split()[2])
def test_holds(text: str, evaluator: str, tmp_path: Path) -> None:
    found = run(tmp_path, text, evaluator=evaluator)
    assert found.ok, str(found)
    assert len(found.results) == 1


FAILS = [
    (case("a", HIGH, "[{subject: [o1], status: fires}]"), "o1: expected fires, came not-met"),
    (case("b", LOW, "[{subject: [o1], status: excepted}]"), "o1: expected excepted, came fires"),
    (case("c", LOW, "[]"), "o1: expected out of scope (not listed), came fires"),
    (
        case("d", LOW, "[{subject: [o1], status: fires}, {subject: [o2], status: fires}]"),
        "o2: expected fires, came out of scope",
    ),
    (
        case("e", "{}", "[{subject: [o1], status: cannot-assess, missing: [weight]}]"),
        "o1: expected missing [weight], came [creatinine_clearance]",
    ),
    (
        case("f", PUMPED, "[{subject: [o1], status: fires, unchecked: []}]"),
        "o1: expected unchecked [], came [pump]",
    ),
    (case("g", BOTH, "[{subject: [o2, o1], status: fires}]", "pair"), "came fires"),
    (case("h", HIGH, "[]"), "o1: expected out of scope (not listed), came not-met"),
]


@pytest.mark.parametrize(("text", "difference"), FAILS, ids=lambda text: text[:12])
def test_fails(text: str, difference: str, tmp_path: Path) -> None:
    found = run(tmp_path, text)
    assert not found.ok
    assert difference in str(found.failed[0])


@pytest.mark.parametrize(("text", "difference"), FAILS[:3] + FAILS[5:7], ids=lambda text: text[:12])
def test_fails_on_another_evaluator_too(text: str, difference: str, tmp_path: Path) -> None:
    assert not run(tmp_path, text, evaluator="inprocess").ok


def test_failure_shows_the_tree_and_the_first_clause_that_differs(tmp_path: Path) -> None:
    text = str(run(tmp_path, case("a", HIGH, "[{subject: [o1], status: fires}]")).failed[0])
    assert text.splitlines()[0].endswith("topic/a.cases.yaml:9:7: a (baclofen.topic.one, fires, reference)")
    assert "first clause that differs: when: false   creatinine_clearance below 30 mL/min" in text
    assert "[creatinine_clearance = 60 mL/min" in text
    assert "unless pump" in text
    assert "unknown context.fall_risk is true   [fall_risk missing: not recorded]" in text


@pytest.mark.parametrize(
    ("given", "wanted", "clause"),
    [
        (LOW, "excepted", "unless: false   order.route is intrathecal"),
        (PUMPED, "excepted", "unless: unknown context.fall_risk is true"),
        (LOW, "not-met", "when: true    creatinine_clearance below 30"),
        (PUMPED[:-1] + ", context: {fall_risk: true}}", "fires", "unless pump: true    all of 2"),
    ],
)
def test_first_clause(given: str, wanted: str, clause: str, tmp_path: Path) -> None:
    found = run(tmp_path, case("a", given, f"[{{subject: [o1], status: {wanted}}}]"))
    assert f"first clause that differs: {clause}" in str(found)


def test_nothing_stops_at_the_first_failure(tmp_path: Path) -> None:
    bad = [text for text, _ in FAILS]
    good = [text.replace("- id: ", "- id: good-") for text in HOLDS]
    found = run(tmp_path, *bad, *good)
    assert (len(found.results), len(found.failed)) == (len(bad) + len(good), len(bad))
    assert f"{len(good)} of {len(bad) + len(good)} cases hold" in str(found)


@pytest.mark.parametrize(
    ("only", "many"),
    [("topic.pair", 2), ("baclofen.*", 15), ("*.allergy", 2), ("nothing", 0), ("m", 1), ("[gh]", 2)],
)
def test_only(only: str, many: int, tmp_path: Path) -> None:
    assert len(run(tmp_path, *HOLDS, only=only).results) == many


PROBLEMS = [
    (case("a", "{wieght: 3 kg}", "[]"), "C041", "unknown key 'wieght'", "Did you mean weight?"),
    (case("a", "{weight: 3}", "[]"), "C041", "record does not fit", "a quantity needs its unit"),
    (case("a", "{weight: 0 kg}", "[]"), "C041", "record does not fit", "greater than 0"),
    (case("a", "{orders: [{id: o1}]}", "[]"), "C041", "record does not fit", "text, codes or ingredients"),
    (case("a", "{orders: [{text: x}]}", "[]"), "C041", "missing key 'id'", "required"),
    (case("a", "{birth_date: 1990-01-01}", "[]"), "C041", "record does not fit", "not both"),
    (case("a", LOW, "[]", "onne"), "C040", "unknown rule", "Did you mean baclofen.topic.one?"),
    (case("a", LOW, "[]", as_of="2026-01"), "C042", "as_of is not a day", "2026-01"),
    (case("a", LOW, "[]", kind="boundry"), "C013", "not one of the choices", "'boundary'"),
    (case("a", LOW, "[{subject: [o1], status: maybe}]"), "C013", "not one of the choices", "'fires'"),
    (case("a", LOW, "[{subject: o1, status: fires}]"), "C015", "value does not fit", "A list is needed"),
    (case("a", LOW, "[]", wen="x"), "C011", "unknown key 'wen'", "It would be ignored."),
    (case("a", LOW, "[{subject: [o1], status: fires}]") * 2, "C008", "case 'a' stands twice", ":9:7"),
]


@pytest.mark.parametrize(("text", "code", "title", "part"), PROBLEMS, ids=lambda text: text[:30])
def test_problem_of_a_case_file(text: str, code: str, title: str, part: str, tmp_path: Path) -> None:
    found = run(tmp_path, text)
    assert not found.ok
    mine = [p for p in found.problems if p.code == code]
    assert mine, str(found)
    assert title in mine[0].title
    assert part in str(mine[0])
    assert mine[0].place.line >= 9


def test_problem_of_the_base_points_into_the_base(tmp_path: Path) -> None:
    file = tmp_path / "a.cases.yaml"
    file.write_text(HEAD.replace("age: 50 a", "age: 50") + HOLDS[0], "utf-8")
    problems = Problems()
    assert read_cases(file, problems) == []
    assert [(p.code, p.place.line, p.place.column) for p in problems.found] == [("C041", 5, 8)]


def test_other_cases_run_beside_one_that_cannot_be_read(tmp_path: Path) -> None:
    found = run(tmp_path, PROBLEMS[0][0].replace("id: a", "id: z"), HOLDS[0])
    assert len(found.results) == 1
    assert found.results[0].ok
    assert not found.ok


def test_no_cases_are_not_a_pass(tmp_path: Path) -> None:
    write(tmp_path, {"topic/a.rules.yaml": RULES})
    assert not run_cases(tmp_path, load(tmp_path, cache=False)).ok


def test_rules_file_finds_the_cases_beside_it(tmp_path: Path) -> None:
    run(tmp_path, *HOLDS)
    file = tmp_path / "topic" / "a.rules.yaml"
    assert len(run_cases(file, load(tmp_path, cache=False)).results) == len(HOLDS)


def test_junit_is_xml_that_counts_right(tmp_path: Path) -> None:
    nasty = case('"<&\\u0001>"', HIGH, "[{subject: [o1], status: fires}]")
    xml = run(tmp_path, HOLDS[0], FAILS[0][0].replace("id: a", "id: z"), nasty, PROBLEMS[6][0]).junit()
    root = ElementTree.fromstring(xml)
    suites = {s.get("name", ""): s for s in root}
    cases_suite = next(s for name, s in suites.items() if name.endswith("a.cases.yaml"))
    assert (cases_suite.get("tests"), cases_suite.get("failures")) == ("3", "2")
    failure = cases_suite.find("testcase/failure")
    assert failure is not None
    assert "first clause that differs" in (failure.text or "")
    assert suites["case files"].get("errors") == "2"
