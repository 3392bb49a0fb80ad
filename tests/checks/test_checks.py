"""Each check on a small folder that has the fault, and on the nearest folder that has not."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import pytest

from authoring.small import EVIDENCE, rule, rules_file, write
from caveat.authoring.check import check_folder
from caveat.authoring.checks import CHECKS
from caveat.rules.diagnostics import Diagnostic


@dataclass(frozen=True)
class Try:
    """`code` is found in a folder with these rules (and files) exactly `times`."""

    code: str
    name: str
    times: int
    rules: tuple[str, ...]
    files: tuple[tuple[str, str], ...] = ()


def one(when: str, **parts: str) -> tuple[str, ...]:
    return (rule("baclofen.topic.one", when, **parts),)


def two(first: str, second: str, one: dict[str, str] | None = None, **parts: str) -> tuple[str, ...]:
    return (
        rule("baclofen.topic.one", first, **(one or {})),
        rule("baclofen.topic.two", second, **parts),
    )


def excuse(text: str) -> str:
    return f"[{{id: e, because: b, {text}}}]"


CRCL = "creatinine_clearance"
ORAL, PUMP = "order: {route: oral}", "order: {route: intrathecal}"
PAIR = "{pair: {order: {ingredient: baclofen}, with: {class: opioid}}}"
LOW, MIDDLE = f"{{{CRCL}: {{below: 30 mL/min}}}}", f"{{{CRCL}: {{below: 50 mL/min}}}}"
LOW_ORAL = f"{{{CRCL}: {{below: 30 mL/min}}, {ORAL}}}"
BETWEEN = f"{{{CRCL}: {{at_least: 30 mL/min, below: 50 mL/min}}}}"
GRAVE = {"severity": "contraindicated"}
META = (
    "{mechanism: m, seriousness: s, modifying_factors: m, "
    "frequency_of_exposure: unknown, frequency_of_harm: unknown}"
)


def alert(summary: str) -> str:
    return f'{{summary: "{summary}", consequence: Harm., action: Avoid.}}'


def ledger(*statements: str) -> tuple[tuple[str, str], ...]:
    return (("topic/ledger.yaml", "format: 1\nsource: book\nstatements:\n" + "\n".join(statements)),)


def concepts(row: str) -> tuple[tuple[str, str], ...]:
    from authoring.small import CONCEPTS

    return (("concepts/value_sets.yaml", CONCEPTS["value_sets.yaml"] + row),)


C030 = [
    ("routes", 1, one(f"{{all: [{{{ORAL}}}, {{{PUMP}}}]}}")),
    ("one of two routes", 0, one("{all: [{order: {route: [oral, topical]}}, {order: {route: topical}}]}")),
    ("ranges", 1, one("{all: [{age: {below: 2 a}}, {age: {at_least: 2 a}}]}")),
    ("ranges that touch", 0, one("{all: [{age: {at_most: 2 a}}, {age: {at_least: 2 a}}]}")),
    ("negation", 1, one("{all: [{pregnant: true}, {not: {pregnant: true}}]}")),
    ("two facts", 0, one("{all: [{pregnant: true}, {not: {lactating: true}}]}")),
    ("male and pregnant", 1, one("{sex: male, pregnant: true}")),
    ("female and pregnant", 0, one("{sex: female, pregnant: true}")),
    ("dimensions", 1, one("{all: [{order: {dose: {above: 5 mg}}}, {order: {dose: {above: 1 mL}}}]}")),
    (
        "dead branch of any",
        1,
        one(f"{{all: [{{{ORAL}}}, {{any: [{{{PUMP}}}, {{age: {{below: 2 a}}}}]}}]}}"),
    ),
    ("known and unknown", 1, one("{known: [age], unknown: [age]}")),
    (
        "present and absent",
        1,
        one("""
        all:
        - condition: {in: falls, status: active}
        - not: {condition: {in: [falls, epilepsy], status: ever}}
    """),
    ),
    (
        "active and past",
        0,
        one("""
        all:
        - condition: {in: falls, status: active}
        - condition: {in: falls, status: past}
    """),
    ),
    (
        "absent elsewhere",
        0,
        one("""
        all:
        - condition: {in: [falls, epilepsy], status: active}
        - not: {condition: {in: falls, status: ever}}
    """),
    ),
    ("outside its scope", 1, one("{not: {order: {ingredient: baclofen}}}")),
    (
        "three ranges, each two of them fine",
        1,
        one("""
        all:
        - not: {potassium: {above: 1 mmol/L, below: 5 mmol/L}}
        - potassium: {at_least: 2 mmol/L}
        - potassium: {at_most: 4 mmol/L}
    """),
    ),
    (
        "highest and lowest",
        0,
        one("""
        all:
        - potassium: {above: 5 mmol/L, pick: highest}
        - potassium: {below: 3 mmol/L, pick: lowest}
    """),
    ),
    ("never", 1, one("{all: [{age: {below: 2 a}}, {not: {always: true}}]}")),
    ("at least two of which one", 1, one("{at_least: {count: 2, of: [{sex: male}, {sex: female}]}}")),
    ("at least two", 0, one("{at_least: {count: 2, of: [{sex: male}, {sex: female}, {age: {above: 2 a}}]}}")),
]
C031 = [
    ("both sides", 1, one("{any: [{age: {below: 65 a}}, {age: {at_least: 65 a}}]}")),
    ("one year left out", 0, one("{any: [{age: {below: 65 a}}, {age: {above: 65 a}}]}")),
    ("always in an any", 1, one("{any: [{age: {below: 65 a}}, {always: true}]}")),
    ("a rule that always holds", 0, one("{always: true}")),
    ("an exception that always holds", 1, one("{age: {below: 65 a}}", unless=excuse("always: true"))),
    ("an exception that may fail", 0, one("{age: {below: 65 a}}", unless=excuse("sex: male"))),
]
C032 = [
    ("another route", 1, one(f"{{{ORAL}}}", unless=excuse(PUMP))),
    ("a route of several", 0, one("{order: {route: [oral, intrathecal]}}", unless=excuse(PUMP))),
    ("without a route", 0, one("{age: {below: 2 a}}", unless=excuse(PUMP))),
    (
        "another range",
        1,
        one(LOW, unless=excuse(f"{CRCL}: {{at_least: 30 mL/min}}")),
    ),
    (
        "a range that is open when the value is old",
        0,
        one(
            f"{{{CRCL}: {{below: 30 mL/min, within: 90 d}}}}",
            unless=excuse(f"{CRCL}: {{at_least: 30 mL/min}}"),
        ),
    ),
    ("a combination product", 0, one("{age: {below: 2 a}}", unless=excuse("order: {ingredient: morphine}"))),
    (
        "impossible by itself",
        0,
        one("{age: {below: 2 a}}", unless=excuse("all: [{sex: male}, {sex: female}]")),
    ),
]
C033 = [
    ("limits that overlap", 1, two(LOW, MIDDLE, GRAVE)),
    ("limits apart", 0, two(LOW, BETWEEN, GRAVE)),
    ("superseded", 0, two(LOW, MIDDLE, {**GRAVE, "supersedes": "[baclofen.topic.two]"})),
    ("the same severity", 0, two(LOW, MIDDLE)),
    ("another fact", 0, two(LOW, "{age: {above: 65 a}}", GRAVE)),
    ("one inside the other", 1, two(LOW_ORAL, MIDDLE, GRAVE)),
    ("one beside the other", 0, two(LOW_ORAL, f"{{{CRCL}: {{below: 20 mL/min}}}}", GRAVE)),
    ("another scope", 0, two(LOW, MIDDLE, {**GRAVE, "applies_to": PAIR})),
    (
        "excused where the other holds",
        0,
        two(LOW, f"{{{CRCL}: {{below: 30 mL/min}}, {PUMP}}}", {**GRAVE, "unless": excuse(PUMP)}),
    ),
]
C034 = [
    (
        "two",
        2,
        two(
            "{always: true}",
            "{always: true}",
            {"supersedes": "[baclofen.topic.two]"},
            supersedes="[baclofen.topic.one]",
        ),
    ),
    ("itself", 1, one("{always: true}", supersedes="[baclofen.topic.one]")),
    ("a chain", 0, two("{always: true}", "{always: true}", {"supersedes": "[baclofen.topic.two]"})),
]
C035 = [
    ("milder", 1, two("{always: true}", "{always: true}", GRAVE, supersedes="[baclofen.topic.one]")),
    ("equal", 0, two("{always: true}", "{always: true}", supersedes="[baclofen.topic.one]")),
]
C036 = [
    ("the limit itself", 1, two("{weight: {below: 30 kg}}", "{weight: {above: 30 kg}}")),
    ("they meet", 0, two("{weight: {below: 30 kg}}", "{weight: {at_least: 30 kg}}")),
    ("between grades", 1, two("{weight: {below: 30 kg}}", "{weight: {at_least: 35 kg, below: 50 kg}}")),
    ("a low and a high alarm", 0, two("{weight: {below: 30 kg}}", "{weight: {above: 150 kg}}")),
    ("completed years have none between", 0, two("{age: {at_most: 2 a}}", "{age: {at_least: 3 a}}")),
    ("a completed year", 1, two("{age: {below: 2 a}}", "{age: {above: 2 a}}")),
    ("another clause differs", 0, two("{weight: {below: 30 kg}, sex: male}", "{weight: {above: 30 kg}}")),
    (
        "with the same other clause",
        1,
        two(f"{{weight: {{below: 30 kg}}, {ORAL}}}", f"{{weight: {{above: 30 kg}}, {ORAL}}}"),
    ),
    ("in another unit", 1, two("{weight: {below: 30 kg}}", "{weight: {above: 30000 g}}")),
]
C037 = [
    ("overlap", 1, two("{weight: {at_most: 30 kg}}", "{weight: {at_least: 30 kg}}")),
    ("they meet", 0, two("{weight: {below: 30 kg}}", "{weight: {at_least: 30 kg}}")),
    (
        "superseded",
        0,
        two("{weight: {above: 30 kg}}", "{weight: {above: 50 kg}}", supersedes="[baclofen.topic.one]"),
    ),
    ("not superseded", 1, two("{weight: {above: 30 kg}}", "{weight: {above: 50 kg}}")),
    (
        "the other clause differs",
        0,
        two(f"{{weight: {{above: 30 kg}}, {ORAL}}}", f"{{weight: {{above: 50 kg}}, {PUMP}}}"),
    ),
]
ON_FALLS = one("{condition: {in: [falls, epilepsy], status: ever}}")
WITHIN = (
    "- {{id: void, title: Void, kind: sign, words: [void]}}\n"
    "- {{id: hole, title: Hole, kind: sign, icd10cm: [R11], within: [{}]}}\n"
)
C038 = [
    ("no code", 1, ON_FALLS, concepts("- {id: void, title: Void, kind: sign, words: [void]}\n")),
    ("one code", 0, ON_FALLS, concepts("- {id: void, title: Void, kind: sign, icd10cm: [R11]}\n")),
    ("codes of a set within it", 0, ON_FALLS, concepts(WITHIN.format("void"))),
    ("within one without code", 1, ON_FALLS, concepts(WITHIN.format("epilepsy"))),
]
C039 = [
    ("nobody asks", 1, ON_FALLS, concepts("- {id: void, title: Void, kind: sign, icd10cm: [R11]}\n")),
    (
        "an assertion",
        0,
        ON_FALLS,
        concepts("- {id: none, title: None, kind: assertion, icd10cm: [R11]}\n"),
    ),
    ("asked", 0, ON_FALLS),
    ("within one that is asked", 1, ON_FALLS, concepts(WITHIN.format("falls"))),
    ("within one that is not", 2, ON_FALLS, concepts(WITHIN.format("void"))),
    ("as an indication", 0, one("{order: {indication: [falls, epilepsy]}}")),
    (
        "as a reaction",
        0,
        one(
            "{allergy: {reaction: [falls, epilepsy]}}",
            applies_to="{allergy: {order: {ingredient: baclofen}}}",
        ),
    ),
]
C050 = [
    ("none", 1, one("{always: true}", evidence="[]")),
    ("one", 0, one("{always: true}", evidence=EVIDENCE)),
]
C051 = [
    ("misspelt", 1, one("{always: true}", evidence=EVIDENCE.replace("book", "boook"))),
    ("known", 0, one("{always: true}", evidence=EVIDENCE)),
    (
        "of a ledger",
        1,
        one("{always: true}"),
        (("topic/ledger.yaml", "format: 1\nsource: x\nstatements: []\n"),),
    ),
]
SUMMED = "{sum: {of: {class: opioid}, times: daily_dose, at_least: 60 mg/d}}"
COUNTED = "{sum: {of: {class: sedative}, at_least: 2}}"
C052 = [
    ("no fact", 1, one("{always: true}", alert=alert("{creatinine_clearence}"))),
    ("a fact", 0, one("{always: true}", alert=alert("{creatinine_clearance} {age} {sex}"))),
    ("the order", 0, one("{always: true}", alert=alert("{order.route} {half:order.daily_dose}"))),
    ("no property", 1, one("{always: true}", alert=alert("{order.rout}"))),
    ("no pair", 1, one("{always: true}", alert=alert("{other.name}"))),
    ("a pair", 0, one("{always: true}", alert=alert("{other.name}"), applies_to=PAIR)),
    ("no allergy", 1, one("{always: true}", alert=alert("{allergy.name}"))),
    ("half of a name", 1, one("{always: true}", alert=alert("{half:order.name}"))),
    (
        "an order of a patient rule",
        1,
        one("{always: true}", alert=alert("{order.name}"), applies_to="{patient: {taking: {class: opioid}}}"),
    ),
    ("a stray brace", 1, one("{always: true}", alert=alert("{age"))),
    ("the sum", 0, one(SUMMED, alert=alert("{total}"), applies_to="{patient: {}}")),
    ("no sum", 1, one("{always: true}", alert=alert("{total}"))),
    ("two sums", 1, one(f"{{all: [{SUMMED}, {COUNTED}]}}", alert=alert("{total}"))),
]
C053 = [
    ("140", 1, one("{always: true}", alert=alert("x" * 140))),
    ("139", 0, one("{always: true}", alert=alert("x" * 139))),
]
C054 = [
    ("a name of 40", 1, one("{always: true}", alert=alert("{order.name}" + "x" * 100))),
    ("one less", 0, one("{always: true}", alert=alert("{order.name}" + "x" * 99))),
    ("without values", 0, one("{always: true}", alert=alert("x" * 139))),
]
C055 = [
    ("none", 1, one("{always: true}", kind="interaction")),
    ("another kind", 0, one("{always: true}", kind="dosing")),
    ("given", 0, one("{always: true}", kind="interaction", interaction=META)),
    (
        "blank",
        1,
        one("{always: true}", kind="interaction", interaction=META.replace("mechanism: m", "mechanism: ' '")),
    ),
]
REVIEWED = (
    (
        "topic/reviews.yaml",
        "format: 1\nreviews:\n- {rule: baclofen.topic.one, status: reviewed, by: A, date: 2026-01-01}\n",
    ),
)
C056 = [
    ("reviewed, by nobody", 1, one("{always: true}", status="reviewed")),
    ("reviewed, as recorded", 0, one("{always: true}", status="reviewed"), REVIEWED),
    ("active, recorded as reviewed", 1, one("{always: true}", status="active"), REVIEWED),
    ("a draft", 0, one("{always: true}")),
    ("a draft that says it is", 1, one("{always: true}", title="A reviewed rule")),
    ("a word that is not a claim", 0, one("{always: true}", title="Not approved at 2 years")),
]
STATEMENT = "- {{id: X-1, section: s, says: s, {}}}"
NAMED = ledger(STATEMENT.format("rules: [baclofen.topic.one]"))
C061 = [
    ("no ledger", 1, one("{always: true}", covers="[X-1]")),
    ("known", 0, one("{always: true}", covers="[X-1]"), NAMED),
]
C062 = [
    ("misspelt", 1, one("{always: true}"), ledger(STATEMENT.format("rules: [baclofen.topic.onne]"))),
    ("retired", 1, one("{always: true}", covers="[X-1]", status="retired"), NAMED),
    ("known", 0, one("{always: true}", covers="[X-1]"), NAMED),
]
C063 = [
    ("not covered back", 1, one("{always: true}"), NAMED),
    ("not named back", 1, one("{always: true}", covers="[X-1]"), ledger(STATEMENT.format("advice: a"))),
    ("both", 0, one("{always: true}", covers="[X-1]"), NAMED),
]
C064 = [
    ("none", 1, one("{always: true}"), ledger(STATEMENT.format("note: n"))),
    ("two", 1, one("{always: true}"), ledger(STATEMENT.format("data: d, advice: a"))),
    ("one", 0, one("{always: true}"), ledger(STATEMENT.format("cannot: c"))),
    (
        "the same id twice",
        1,
        one("{always: true}"),
        ledger(STATEMENT.format("data: d"), STATEMENT.format("data: d")),
    ),
]
SAME = "[{id: e, because: b, sex: male}, {id: e, because: b, age: {below: 2 a}}]"
C065 = [
    ("twice", 1, one(f"{{{ORAL}}}", unless=SAME)),
    ("two ids", 0, one(f"{{{ORAL}}}", unless=SAME.replace("id: e", "id: f", 1))),
]

TABLES = {name: value for name, value in globals().items() if name.startswith("C0")}
TRIES = [Try(code, *row) for code, rows in TABLES.items() for row in rows]


def found(folder: Path, code: str, *, cases: bool = False) -> list[Diagnostic]:
    return [item for item in check_folder(folder, cases=cases) if item.code == code]


@pytest.mark.parametrize("one_try", TRIES, ids=lambda t: f"{t.code}-{t.name}")
def test_check(one_try: Try, tmp_path: Path) -> None:
    write(tmp_path, {"topic/a.rules.yaml": rules_file(*one_try.rules), **dict(one_try.files)})
    everything = check_folder(tmp_path, cases=False)
    mine = [item for item in everything if item.code == one_try.code]
    assert len(mine) == one_try.times, "\n\n".join(map(str, everything))
    assert not [item for item in everything if item.code < "C030" and item.code != "C009"], everything


@pytest.mark.parametrize("one_try", [t for t in TRIES if t.times], ids=lambda t: f"{t.code}-{t.name}")
def test_finding_has_place_reason_and_level(one_try: Try, tmp_path: Path) -> None:
    write(tmp_path, {"topic/a.rules.yaml": rules_file(*one_try.rules), **dict(one_try.files)})
    check = next(check for check in CHECKS if check.code == one_try.code)
    for item in found(tmp_path, one_try.code):
        assert item.level == check.level
        assert item.why
        assert not Path(item.place.file).is_absolute()
        lines = (tmp_path.parent / item.place.file).read_text("utf-8").splitlines()
        assert lines[item.place.line - 1] == item.place.text
        assert item.place.column <= len(item.place.text)


def test_every_check_can_fire_and_can_stay_silent() -> None:
    about_cases = {"C057", "C058", "C059", "C060"}
    for check in CHECKS:
        if check.code not in about_cases:
            times = {t.times > 0 for t in TRIES if t.code == check.code}
            assert times == {True, False}, check.code


def test_codes_are_each_used_once() -> None:
    codes = [check.code for check in CHECKS]
    assert len(codes) == len(set(codes))


def test_everything_is_sorted_by_place_and_reported_at_once(tmp_path: Path) -> None:
    first = rules_file(rule("baclofen.topic.one", "{agee: {below: 2 a}}", evidence="[]"))
    second = rules_file(rule("baclofen.topic.two", f"{{all: [{{{ORAL}}}, {{{PUMP}}}]}}"))
    write(
        tmp_path, {"topic/a.rules.yaml": first, "topic/b.rules.yaml": second, "topic/c.rules.yaml": "x: [\n"}
    )
    everything = check_folder(tmp_path)
    places = [(d.place.file, d.place.line, d.place.column) for d in everything]
    assert places == sorted(places)
    assert {"C003", "C020", "C030", "C039", "C050", "C057"} <= {d.code for d in everything}


def test_rule_with_a_fault_of_its_own_is_not_judged_by_logic(tmp_path: Path) -> None:
    # a clause that could not be read stands in the tree as "never"; that is not a contradiction
    write(tmp_path, {"topic/a.rules.yaml": rules_file(*one("{agee: {below: 2 a}}"))})
    codes = [d.code for d in check_folder(tmp_path, cases=False)]
    assert "C020" in codes
    assert "C030" not in codes


def test_vocabulary_that_cannot_be_read_is_one_finding(tmp_path: Path) -> None:
    write(tmp_path, {"topic/a.rules.yaml": rules_file(*one("{always: true}"))})
    (tmp_path / "concepts" / "routes.yaml").unlink()
    assert [d.code for d in check_folder(tmp_path)] == ["C009"]


def test_folder_without_rules(tmp_path: Path) -> None:
    assert "C000" in [d.code for d in check_folder(tmp_path / "nowhere")]


def test_shipped_rules_have_no_error(rulesets_dir: Path) -> None:
    errors = [str(d) for d in check_folder(rulesets_dir) if d.level == "error"]
    assert not errors, "\n\n".join(errors)
