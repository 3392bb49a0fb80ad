"""`show`, `schema`, `check`, `test`, `coverage`, `mutate`, `doctor`, and the command line as a whole."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml
import yamlcore

from caveat.authoring.english import rule_in_english
from caveat.authoring.schemas import KINDS, schema
from caveat.cli.group import COMMANDS
from caveat.cli.talk import print_diagnostics
from caveat.compile.ruleset import Ruleset, load
from caveat.rules.diagnostics import Diagnostic, Place
from cli.conftest import Caller
from cli.small import record, write_rules

ENGLISH = """\
baclofen.renal.crcl-below-30
  Baclofen when creatinine clearance is below 30 mL/min

  Contraindication, contraindicated (contraindicated: do not use).
  Status draft: no site has reviewed it. Confidence unknown.
  Carries CI-3.

Judged once for each current order of baclofen.

It alerts when
  - creatinine clearance is below 30 mL/min (no older than 90 days)

It is excused, for that same subject, when
  - all of these hold:
    - the order's route is intrathecal
    - a specialist oversees the treatment
    (intrathecal-with-specialist) because a specialist gives small doses straight to the spinal fluid.

Alert: Baclofen ({order.route}) with creatinine clearance {creatinine_clearance}
What can happen: Baclofen builds up; confusion, drowsiness and coma may follow.
Do this: Avoid baclofen. Do not stop it at once if it is already taken.
Monitor: Watch alertness and breathing.

Evidence
  Not below 30 mL/min.
    Press. The Book of Doses. 2nd (contraindications; checked 2026-01-01)
"""


@pytest.fixture(scope="module")
def bundled_rules() -> Ruleset:
    return load(cache=False)


def test_a_rule_reads_as_written_down(call: Caller, small_rules: Path) -> None:
    called = call("show", "baclofen.renal.crcl-below-30", "--rules", small_rules)
    assert (called.code, called.out) == (0, ENGLISH)


CLAUSES = {
    "age: {below: 2 a}": "age is below 2 a",
    "not: {age: {below: 2 a}}": "it is not so that age is below 2 a",
    "creatinine_clearance: {at_most: 30 mL/min, within: 90 d, using: ideal}": (
        "creatinine clearance is at most 30 mL/min (no older than 90 days, computed with ideal weight)"
    ),
    "serum_creatinine: {above: 2 mg/dL, pick: highest}": (
        "serum creatinine is above 2 mg/dL (the highest on record)"
    ),
    "condition: {in: epilepsy, status: active}": "epilepsy is present now",
    "condition: {in: epilepsy, status: past, within: 30 d, during_order: true}": (
        "epilepsy is past and over, noted within 30 days and first noted since the order began"
    ),
    "condition: {in: [epilepsy, pregnancy], status: ever}": (
        "epilepsy or pregnancy is recorded, now or in the past"
    ),
    "order: {route: [oral, intrathecal]}": "the order's route is intrathecal or oral",
    "order: {daily_dose: {above: 80 mg/d}}": "the order's daily dose is above 80 mg/d",
    "order: {dose_multiple_of: 5 mg}": "the order's single dose is a whole multiple of 5 mg",
    "order: {purpose: test}": "it is a test dose",
    "order: {as_needed: false}": "it is taken regularly",
    "order: {ingredient: baclofen}": "the order is of baclofen",
    "order: {class: sedative}": "the order is of sedatives (2 ingredients)",
    "order: {indication: epilepsy}": "the order's indication is epilepsy",
    "known: [weight]": "weight is known",
    "unknown: [weight]": "it is not so that weight is known",
    "sex: female": "sex is female",
    "pregnant: true": "the patient is pregnant",
    "context: {specialist_oversight: false}": "no specialist oversees the treatment",
    "context: {care_setting: [home, inpatient]}": "care setting is home or inpatient",
    "child_pugh_class: [B, C]": "Child-Pugh class is B or C",
    "count: {of: {class: sedative}, at_least: 2}": (
        "the number of current different ingredients of sedatives is at least 2"
    ),
    "sum: {of: {ingredient: morphine}, weights: {morphine: 1}, times: daily_dose, above: 90 mg/d}": (
        "the weighted sum over morphine, each times its daily dose is above 90 mg/d"
    ),
    "order: {of: morphine, dose: {above: 5 mg}}": "the order's dose of morphine is above 5 mg",
    "known: [order.as_needed]": "whether it is taken as needed is known",
    "count: {of: {class: sedative}, where: {route: oral, not: {as_needed: true}}, at_least: 2}": (
        "the number of current different ingredients of sedatives is at least 2, over orders where "
        "the order's route is oral and it is not so that it is taken as needed"
    ),
    "sum: {of: {ingredient: morphine}, where: {dose: {above: 5 mg}}, at_least: 2}": (
        "the weighted sum over morphine is at least 2, over orders where the order's dose is above 5 mg"
    ),
    "exposure: {of: {class: opioid}, within: 30 d, at_least: 7 d}": (
        "of the last 30 days, those with an order of opioids are at least 7 d"
    ),
    "any: [{sex: female}, {sex: male}]": "at least one of these holds",
    "at_least: {count: 2, of: [{sex: female}, {pregnant: true}, {lactating: true}]}": (
        "at least 2 of these 3 hold"
    ),
}


@pytest.mark.parametrize("clause", CLAUSES)
def test_every_kind_of_clause_has_words(tmp_path: Path, clause: str) -> None:
    folder = write_rules(tmp_path)
    file = folder / "baclofen" / "baclofen.rules.yaml"
    head, _, _ = file.read_text("utf-8").partition("- id: baclofen.renal.crcl-30-to-50")
    text = head.replace("creatinine_clearance: {below: 30 mL/min, within: 90 d}", clause)
    file.write_text(text, "utf-8")
    rules = load(folder, cache=False)
    shown = rule_in_english(rules.program.rules[0], rules.terminology)
    assert f"\n  - {CLAUSES[clause]}" in shown


def test_every_bundled_rule_can_be_read_back(bundled_rules: Ruleset) -> None:
    known = set(bundled_rules.terminology.ids("value_set"))
    for rule in bundled_rules.program.rules:
        text = rule_in_english(rule, bundled_rules.terminology, dict(bundled_rules.sources))
        assert rule.texts.action in text
        assert "Leaf" not in text
        when = text.split("Judged ")[1].split("Alert: ")[0]
        assert not [name for name in known if "-" in name and f" {name} " in when]
        for exclusion in rule.unless:
            assert f"({exclusion.id}) because" in text


def test_a_substance_shows_its_data_and_rules(call: Caller, small_rules: Path, tmp_path: Path) -> None:
    called = call("show", "baclofen")
    assert called.code == 0
    assert "Kinetics" in called.out
    assert "baclofen.renal.crcl-below-30" in called.out
    only = call("show", "baclofen", "--monograph")
    assert "Rules (" not in only.out


def test_the_ledger_lists_every_statement(call: Caller, root: Path) -> None:
    called = call("show", "baclofen", "--ledger")
    text = (root / "rulesets" / "baclofen" / "ledger.yaml").read_text("utf-8")
    ledger = yaml.load(text, Loader=yamlcore.CCoreLoader)
    names = {line.split("  ")[0] for line in called.out.splitlines()}
    assert {entry["id"] for entry in ledger["statements"]} <= names
    assert f"{len(ledger['statements'])} statements: " in called.out
    assert "NOT CARRIED" not in called.out


@pytest.mark.parametrize(
    ("arguments", "hint"),
    [
        (["show", "baclofn"], "Did you mean baclofen"),
        (["show", "renal.crcl-below"], "baclofen.renal.crcl-below-30"),
        (["show", "baclofen.renal.crcl-below-30", "--ledger"], "take a substance"),
        (["scren", "x"], "Did you mean 'screen'?"),
        (["screen"], "Missing argument"),
        (["schema", "x"], "is not one of"),
        (["check", "no-such-folder"], "no such file or folder"),
        (["test", "no-such-folder"], "no such file or folder"),
    ],
)
def test_wrong_calls_are_answered_with_a_way_on(call: Caller, arguments: list[str], hint: str) -> None:
    called = call(*arguments)
    assert called.code == 2
    assert hint in called.err
    assert "Traceback" not in called.err


def _plain(path: Path) -> Any:
    return yaml.load(path.read_text("utf-8"), Loader=yamlcore.CCoreLoader)


@pytest.mark.parametrize("kind", KINDS)
def test_every_schema_is_one(call: Caller, kind: str) -> None:
    printed = json.loads(call("schema", kind).out)
    assert printed == json.loads(json.dumps(schema(kind)))
    jsonschema.Draft202012Validator.check_schema(printed)
    assert printed["$schema"].endswith("2020-12/schema")


FILES = {
    "rules": "*.rules.yaml",
    "cases": "*.cases.yaml",
    "sources": "sources.yaml",
    "ledger": "ledger.yaml",
    "monograph": "monograph.yaml",
    "policy": "policies/*.yaml",
    "overlay": "policies/overlays/*.yaml",
    "must-fire": "must-fire/*.yaml",
}


@pytest.mark.parametrize("kind", FILES)
def test_bundled_files_fit_their_schema(rulesets_dir: Path, kind: str) -> None:
    validator = jsonschema.Draft202012Validator(schema(kind))
    files = sorted(rulesets_dir.rglob(FILES[kind]))
    assert files
    for file in files:
        validator.validate(_plain(file))


def test_schemas_refuse_what_the_readers_refuse() -> None:
    patient = jsonschema.Draft202012Validator(schema("patient"))
    assert patient.is_valid(record())
    assert not patient.is_valid(record(medications=[]))
    assert not patient.is_valid({"age": "70 a"})
    rules = jsonschema.Draft202012Validator(schema("rules"))
    whole = _plain_text(write_text())
    assert rules.is_valid(whole)
    whole["rules"][0]["severty"] = "major"
    assert not rules.is_valid(whole)


def write_text() -> str:
    """The small rules as text."""
    from cli.small import FILES as SMALL

    return SMALL["baclofen/baclofen.rules.yaml"]


def _plain_text(text: str) -> Any:
    return yaml.load(text, Loader=yamlcore.CCoreLoader)


def test_check_prints_each_mistake_on_a_line_when_piped(call: Caller, tmp_path: Path) -> None:
    folder = write_rules(tmp_path / "rules")
    file = folder / "baclofen" / "baclofen.rules.yaml"
    file.write_text(file.read_text("utf-8").replace("30 mL/min, within", "30 mg/dL, within"), "utf-8")
    called = call("check", folder)
    assert called.code == 2
    lines = [line for line in called.out.splitlines() if "C021 unit does not fit" in line]
    assert lines
    assert lines[0].startswith("rules/baclofen/baclofen.rules.yaml:")
    assert "error" in called.err


def test_diagnostics_are_in_full_on_a_terminal_up_to_thirty(tmp_path: Path) -> None:
    import io

    class Terminal(io.StringIO):
        def isatty(self) -> bool:
            return True

    place = Place("a.rules.yaml", 3, 5, 2, "    x: y")
    one = Diagnostic("C020", "unknown fact 'x'", place, "No such fact.", "Did you mean z?")
    full, many, piped = Terminal(), Terminal(), io.StringIO()
    print_diagnostics([one] * 2, full)
    assert full.getvalue() == f"{one}\n\n{one}\n"
    assert "    x: y" in full.getvalue()
    print_diagnostics([one] * 31, many)
    assert many.getvalue().splitlines() == [one.one_line] * 31
    print_diagnostics([one], piped)
    assert piped.getvalue() == f"{one.one_line}\n"


CASES = """\
format: 1
as_of: "2026-01-15"
base:
  age: 50 a
  orders: [{id: o1, text: baclofen 10 mg tablet, route: oral, status: active}]
  conditions: []
cases:
- id: elderly.fires-at-70
  rule: baclofen.age.elderly
  class: fires
  given: {age: 70 a}
  expect: [{subject: [o1], status: fires}]
- id: elderly.not-met-at-64
  rule: baclofen.age.elderly
  class: not-met
  given: {age: 64 a}
  expect: [{subject: [o1], status: EXPECTED}]
"""


@pytest.mark.parametrize(("expected", "code", "held"), [("not-met", 0, 2), ("fires", 1, 1)])
def test_cases_are_run_and_failures_explained(
    call: Caller, tmp_path: Path, expected: str, code: int, held: int
) -> None:
    folder = write_rules(tmp_path / "rules")
    cases = folder / "baclofen" / "baclofen.cases.yaml"
    cases.write_text(CASES.replace("EXPECTED", expected), "utf-8")
    called = call("test", folder, "--junit", tmp_path / "out.xml")
    assert called.code == code
    assert f"{held} of 2 cases hold (reference)" in called.err
    assert ("age at least 65 a" in called.out) == bool(code)
    assert (tmp_path / "out.xml").read_text("utf-8").count("<testcase") == 2
    assert call("test", folder, "-k", "fires-at").code == 0
    assert call("test", folder, "-k", "no-such-case").code == 2
    assert call("coverage", folder, "--min", "100").code == 1
    assert call("coverage", folder).code == 0
    assert "never" in call("coverage", folder).out
    assert "mutants of 1 rules" in call("mutate", folder, "-k", "age.elderly").err


def test_no_cases_is_not_a_pass(call: Caller, small_rules: Path) -> None:
    called = call("test", small_rules)
    assert called.code == 2
    assert "no cases were found" in called.err


def test_doctor_says_what_is_there(call: Caller, root: Path) -> None:
    called = call("doctor")
    assert called.code == 0
    for word in (
        "caveat",
        "python",
        "pydantic",
        "durable",
        "in the wheel",
        "in a checkout",
        "cache",
        "sha256:",
    ):
        assert word in called.out
    assert f"{root / 'rulesets'}: in use" in called.out


def test_doctor_says_when_rules_do_not_load(call: Caller, monkeypatch: pytest.MonkeyPatch) -> None:
    from caveat.errors import CaveatError

    def broken(*_: object, **__: object) -> None:
        raise CaveatError("the bundled rulesets are missing")

    monkeypatch.setattr("caveat.compile.ruleset.load", broken)
    called = call("doctor")
    assert called.code == 2
    assert "rules do not load: the bundled rulesets are missing" in called.out


@pytest.mark.parametrize("name", COMMANDS)
def test_every_command_has_help_that_agrees_with_the_list(call: Caller, name: str) -> None:
    called = call(name, "--help")
    assert called.code == 0
    assert called.out.startswith(f"Usage: caveat {name}")


def test_help_lists_every_command_and_loads_none() -> None:
    code = (
        "import sys; from caveat.cli import run; code = run(['--help']); "
        "heavy = [m for m in sys.modules if m.split('.')[0] in "
        "('pydantic', 'rich', 'yaml', 'msgspec', 'orjson') or m.startswith('caveat.compile')]; "
        "print(heavy, code)"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[] 0"
    assert all(name in done.stdout for name in COMMANDS)


def test_rich_is_not_loaded_where_it_is_not_used(tmp_path: Path, small_rules: Path) -> None:
    code = (
        "import sys; from caveat.cli import run; "
        f"code = run(['screen', {str(tmp_path / 'p.json')!r}, '--rules', {str(small_rules)!r}, "
        "'--as-of', '2026-01-15', '--format', 'json']); "
        "print('rich' in sys.modules, code)"
    )
    (tmp_path / "p.json").write_text(json.dumps(record()), "utf-8")
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "False 0"


def test_python_dash_m_is_the_same(tmp_path: Path) -> None:
    done = subprocess.run(
        [sys.executable, "-m", "caveat", "--version"], capture_output=True, text=True, check=True
    )
    assert done.stdout.startswith("caveat ")
