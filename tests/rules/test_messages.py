"""Messages are public: the whole text of those that people meet most, and the place of the others."""

from __future__ import annotations

from pathlib import Path

import pytest

from authoring.small import rule, rules_file, write
from caveat.compile.compiler import compile_texts
from caveat.rules.diagnostics import Diagnostic, Place, did_you_mean
from caveat.rules.folder import read_texts
from caveat.terminology.load import load_terminology


def problems(folder: Path, *rules: str) -> list[Diagnostic]:
    write(folder, {"baclofen/baclofen.rules.yaml": rules_file(*rules)})
    texts = read_texts(folder)
    compile_texts(texts, load_terminology(folder / "concepts"), "0")
    return texts.problems.found


def one(folder: Path, when: str, **parts: str) -> str:
    found = problems(folder, rule("baclofen.renal.low", f"\n{when}\n", **parts))
    assert len(found) == 1, "\n\n".join(map(str, found))
    return str(found[0]).replace(f"{folder.name}/", "")


GOLDEN = {
    "unit of another dimension": (
        "creatinine_clearance: {below: 30 mg/dL}",
        """\
baclofen/baclofen.rules.yaml:10:35: C021 unit does not fit
   10 |     creatinine_clearance: {below: 30 mg/dL}
      |                                   ^^^^^^^^
""",
        ("mL/min", "mg/dL", "Did you mean serum_creatinine?"),
    ),
    "misspelt fact": (
        "creatinine_clearence: {below: 30 mL/min}",
        """\
baclofen/baclofen.rules.yaml:10:5: C020 unknown fact 'creatinine_clearence'
   10 |     creatinine_clearence: {below: 30 mL/min}
      |     ^^^^^^^^^^^^^^^^^^^^
creatinine_clearence is neither a key of the language nor a number.
Did you mean creatinine_clearance?""",
        (),
    ),
    "number without a unit": (
        "creatinine_clearance: {below: 30}",
        """\
baclofen/baclofen.rules.yaml:10:35: C023 number without a unit
   10 |     creatinine_clearance: {below: 30}
      |                                   ^^
creatinine_clearance needs a unit.
Write 30 mL/min.""",
        (),
    ),
    "unknown route": (
        "order: {route: orl}",
        """\
baclofen/baclofen.rules.yaml:10:20: C020 unknown route 'orl'
   10 |     order: {route: orl}
      |                    ^^^
No route has that name.
Did you mean oral?""",
        (),
    ),
    "misspelt key": (
        "condition: {in: epilepsy, status: ever, withn: 3 d}",
        """\
baclofen/baclofen.rules.yaml:10:45: C011 unknown key 'withn'
   10 |     condition: {in: epilepsy, status: ever, withn: 3 d}
      |                                             ^^^^^
It would be ignored.
Did you mean within?""",
        (),
    ),
    "missing key": (
        "condition: {in: epilepsy}",
        """\
baclofen/baclofen.rules.yaml:10:16: C012 missing key 'status'
   10 |     condition: {in: epilepsy}
      |                ^^^^^^^^^^^^^^
status is required here.""",
        (),
    ),
    "not one of the choices": (
        "condition: {in: epilepsy, status: evr}",
        """\
baclofen/baclofen.rules.yaml:10:39: C013 value is not one of the choices
   10 |     condition: {in: epilepsy, status: evr}
      |                                       ^^^
Write 'active', 'past' or 'ever'.""",
        (),
    ),
    "a part of a product without an amount": (
        "order: {of: morphine, route: oral}",
        """\
baclofen/baclofen.rules.yaml:10:13: C022 key does not fit
   10 |     order: {of: morphine, route: oral}
      |             ^^
`of` says which ingredient's part of a combination an amount is, and no amount is asked for.
Write it beside an amount, such as daily_dose or strength, or use ingredient.""",
        (),
    ),
    "unknown route in a count": (
        "count: {of: {class: opioid}, where: {any: [{not: {route: orl}}]}, at_least: 1}",
        """\
baclofen/baclofen.rules.yaml:10:62: C020 unknown route 'orl'
   10 |     count: {of: {class: opioid}, where: {any: [{not: {route: orl}}]}, at_least: 1}
      |                                                              ^^^
No route has that name.
Did you mean oral?""",
        (),
    ),
    "misspelt key in a sum": (
        "sum: {of: {class: opioid}, where: {rout: oral}, at_least: 1}",
        """\
baclofen/baclofen.rules.yaml:10:40: C011 unknown key 'rout'
   10 |     sum: {of: {class: opioid}, where: {rout: oral}, at_least: 1}
      |                                        ^^^^
It would be ignored.
Did you mean route?""",
        (),
    ),
    "misspelt fact with a plain value": (
        "agee: 3",
        """\
baclofen/baclofen.rules.yaml:10:5: C020 unknown fact 'agee'
   10 |     agee: 3
      |     ^^^^
agee is neither a key of the language nor a number with a range.
Did you mean age?""",
        (),
    ),
}


@pytest.mark.parametrize("name", GOLDEN)
def test_message(name: str, tmp_path: Path) -> None:
    when, text, parts = GOLDEN[name]
    found = one(tmp_path, when)
    if parts:
        assert found.startswith(text), found
        rest = found.removeprefix(text)
        assert all(part in rest for part in parts), found
    else:
        assert found == text


PLACED = [
    # when, code, the text under the caret
    ("order: {}", "C010", "{}"),
    ("{}", "C010", "{}"),
    ("potassium: {}", "C024", "{}"),
    ("potassium: {below: 3 mmol/L, at_most: 4 mmol/L}", "C024", "4 mmol/L"),
    ("potassium: {above: 5 mmol/L, below: 3 mmol/L}", "C024", "above: 5 mmol/L"),
    ("potassium: {below: 3-4 mmol/L}", "C024", "3-4 mmol/L"),
    ("potassium: {below: 3 foo}", "C021", "3 foo"),
    ("potassium: {below: 3 mmol/L, within: 3 mg}", "C021", "3 mg"),
    ("age: {below: 3 a, using: actual}", "C022", "using"),
    ("other: {route: oral}", "C022", "other"),
    ("allergy: {status: active}", "C022", "allergy"),
    ("order: {ingredient: baclofn}", "C020", "baclofn"),
    ("order: {class: opioids}", "C020", "opioids"),
    ("condition: {in: epilepsi, status: ever}", "C020", "epilepsi"),
    ("known: [agee]", "C020", "agee"),
    ("known: [order.as_neded]", "C020", "order.as_neded"),
    ("exposure: {of: {class: opioid}, at_least: 7 d}", "C012", "{of: {class: opioid}, at_least: 7 d}"),
    ("exposure: {of: {class: opioid}, within: 30 d, at_least: 31 d}", "C030", "within: 30 d, at_least: 31 d"),
    ("exposure: {of: {class: opioid}, within: 30 mg, at_least: 3 d}", "C021", "30 mg"),
    ("exposure: {of: {class: opioid}, within: 30 d, at_least: 3 mg}", "C021", "3 mg"),
    ("order: {of: morfine, dose: {above: 5 mg}}", "C020", "morfine"),
    ("count: {of: {class: opioid}, where: {}, at_least: 1}", "C010", "{}"),
    ("count: {of: {class: opioid}, where: {dose: {above: 5}}, at_least: 1}", "C023", "5"),
    ("count: {of: {class: opioid}, where: {of: morphine}, at_least: 1}", "C022", "of"),
    ("context: {fall_risc: true}", "C011", "fall_risc"),
    ("at_least: {count: 3, of: [{sex: male}, {sex: female}]}", "C030", "3"),
    ("sum: {of: {class: opioid}, weights: {morfine: 1}, at_least: 1}", "C020", "morfine"),
    ("always: false", "C015", "false"),
    ("pregnant: maybe", "C015", "maybe"),
]


@pytest.mark.parametrize(("when", "code", "under"), PLACED, ids=lambda v: str(v)[:40])
def test_place(when: str, code: str, under: str, tmp_path: Path) -> None:
    found = [d for d in problems(tmp_path, rule("baclofen.renal.low", f"\n{when}\n")) if d.code == code]
    assert found, when
    place = found[0].place
    shown = place.text[place.column - 1 : place.column - 1 + place.width]
    assert under in shown, str(found[0])
    assert found[0].rule == "baclofen.renal.low"


SUBJECTS = [
    # applies_to, code, the text under the caret
    ("{order: {any: true}}", "C022", "any"),
    ("{patient: {taking: {any: true}}}", "C022", "any"),
    ("{allergy: {order: {any: true, class: opioid}}}", "C022", "any"),
    ("{allergy: {order: {any: true, except: morfine}}}", "C020", "morfine"),
    ("{allergy: {order: {class: opioid}, to: {any: true}}}", "C022", "any"),
    ("{pair: {order: {any: true}, with: {class: opioid}}}", "C022", "any"),
    ("{pair: {order: {class: opioid}}}", "C022", "{order: "),
    ("{pair: {order: {class: opioid}, share: none}}", "C022", "{order: "),
    ("{pair: {order: {any: true}, with: {class: opioid}, share: ingredient}}", "C022", "{order: "),
]


@pytest.mark.parametrize(("applies_to", "code", "under"), SUBJECTS, ids=lambda v: str(v)[:70])
def test_place_in_a_subject(applies_to: str, code: str, under: str, tmp_path: Path) -> None:
    found = problems(tmp_path, rule("baclofen.renal.low", "{always: true}", applies_to=applies_to))
    assert code in [d.code for d in found], found
    place = next(d for d in found if d.code == code).place
    assert under in place.text[place.column - 1 : place.column - 1 + place.width], str(found[0])


def test_a_reaction_is_a_value_set(tmp_path: Path) -> None:
    subject = "{allergy: {order: {any: true}}}"
    for prop in ("reaction", "only_reaction"):
        when = f"{{allergy: {{{prop}: epilepsi}}}}"
        found = problems(tmp_path, rule("baclofen.renal.low", when, applies_to=subject))
        assert [d.code for d in found] == ["C020"]
    assert not problems(
        tmp_path,
        rule(
            "baclofen.renal.low",
            "{known: [allergy.reaction, allergy.severity, allergy.criticality, allergy.recorded]}",
            applies_to=subject,
        ),
    )


def test_rule_twice_names_the_first(tmp_path: Path) -> None:
    found = problems(tmp_path, *[rule("baclofen.renal.low", "{always: true}")] * 2)
    assert [d.code for d in found] == ["C008"]
    assert "baclofen.rules.yaml:3:7" in found[0].why


@pytest.mark.parametrize("name", ["baclofen", "baclofen.renal", "Baclofen.renal.low", "a..b.c", "a.b.c_d"])
def test_rule_id_has_a_form(name: str, tmp_path: Path) -> None:
    assert [d.code for d in problems(tmp_path, rule(name, "{always: true}"))] == ["C014"]


def test_problems_of_several_rules_are_all_there(tmp_path: Path) -> None:
    found = problems(
        tmp_path,
        rule("baclofen.a.one", "{agee: {below: 2 a}, sex: male}"),
        rule("baclofen.a.two", "{order: {route: orl}}", supersedes="[baclofen.a.none]"),
    )
    assert [d.code for d in found] == ["C020", "C020", "C020"]
    assert {d.rule for d in found} == {"baclofen.a.one", "baclofen.a.two"}


def test_one_line_form() -> None:
    place = Place("f.yaml", 3, 5, 2, "    ab")
    item = Diagnostic("C020", "unknown fact 'ab'", place, "It is none.", "Did you mean abc?")
    assert item.one_line == "f.yaml:3:5: C020 unknown fact 'ab': It is none. Did you mean abc?"


def test_caret_stays_under_the_text_of_a_long_line() -> None:
    text = "x" * 300 + "HERE" + "y" * 300
    lines = str(Diagnostic("C020", "t", Place("f.yaml", 1, 301, 4, text))).splitlines()
    start = lines[2].index("^")
    assert lines[1][start : start + 4] == "HERE"


def test_nothing_is_close_to_a_very_long_word() -> None:
    assert did_you_mean("x" * 1_000_000, ["x"]) == ""
    assert did_you_mean("potasium", ["potassium", "sodium"]) == "Did you mean potassium?"
