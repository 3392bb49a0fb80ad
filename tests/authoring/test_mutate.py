"""Each kind of mistake makes a mutant; enough cases kill them; a survivor names its place."""

from __future__ import annotations

from pathlib import Path
from zlib import crc32

import pytest

from authoring.small import rule, rules_file, write
from caveat.authoring.mutants import mutants, vocabulary
from caveat.authoring.mutate import FILE, MutationReport, run
from caveat.compile.ruleset import bundled, load
from caveat.rules.folder import rule_files

WHEN = "{potassium: {below: 3 mmol/L, within: 90 d}}"
HEAD = """\
format: 1
as_of: 2026-01-15
base: {sex: female, age: 50 a, orders: [{id: o1, text: baclofen, route: oral, status: active}]}
cases:
"""


def case(name: str, given: str, status: str) -> str:
    text = f"- id: {name}\n  rule: baclofen.topic.one\n  class: boundary\n  given: {{{given}}}\n"
    return text + f"  expect: [{{subject: [o1], status: {status}}}]\n"


def value(text: str, at: str = "2026-01-01") -> str:
    return f"{{concept: potassium, value: {text}, at: {at}}}"


COMPLETE = {
    "below": (f"observations: [{value('2.9 mmol/L')}]", "fires"),
    "at": (f"observations: [{value('3 mmol/L')}]", "not-met"),
    "above": (f"observations: [{value('3.1 mmol/L')}]", "not-met"),
    "missing": ("sex: female", "cannot-assess"),
    "inside": (f"observations: [{value('2 mmol/L', '2025-10-18')}]", "fires"),
    "outside": (f"observations: [{value('2 mmol/L', '2025-10-16')}]", "cannot-assess"),
    "latest-low": (f"observations: [{value('2 mmol/L')}, {value('5 mmol/L', '2025-12-01')}]", "fires"),
    "latest-high": (f"observations: [{value('5 mmol/L')}, {value('2 mmol/L', '2025-12-01')}]", "not-met"),
}


def report(
    folder: Path, chosen: dict[str, tuple[str, str]], argued: str = "", when: str = WHEN
) -> MutationReport:
    files = {
        "topic/a.rules.yaml": rules_file(rule("baclofen.topic.one", WHEN)),
        "topic/a.cases.yaml": HEAD + "".join(case(name, *parts) for name, parts in chosen.items()),
    }
    if argued:
        files[f"topic/{FILE}"] = f"format: 1\nmutants:\n{argued}"
    write(folder, files)
    return run(folder, load(folder, cache=False))


def test_complete_cases_leave_none(tmp_path: Path) -> None:
    found = report(tmp_path, COMPLETE)
    assert found.ok, str(found)
    assert found.killed == found.total > 8


@pytest.mark.parametrize(
    ("gone", "survivor"),
    [
        ("at", "when:high-open"),
        ("outside", "when:within-gone"),
        ("inside", "when:within-half"),
        ("latest-low", "when:pick-highest"),
        ("latest-high", "when:pick-lowest"),
    ],
)
def test_missing_case_is_a_survivor_with_its_place(gone: str, survivor: str, tmp_path: Path) -> None:
    found = report(tmp_path, {k: v for k, v in COMPLETE.items() if k != gone})
    mine = [s for s in found.survivors if s.id == survivor]
    assert mine, str(found)
    assert mine[0].place.file.endswith("topic/a.rules.yaml")
    assert mine[0].place.line == 9
    assert not found.ok


def argue(mutation: str, rule: str = "one") -> str:
    return f'- {{rule: baclofen.topic.{rule}, mutation: "{mutation}", reason: nobody would notice this}}\n'


WITHOUT = {name: parts for name, parts in COMPLETE.items() if name != "at"}


def test_argued_mutants_are_counted_apart(tmp_path: Path) -> None:
    found = report(tmp_path, WITHOUT, argue("when:high-open"))
    assert found.ok, str(found)
    assert found.argued == 1


def test_argument_for_a_mutant_that_is_killed_is_stale(tmp_path: Path) -> None:
    found = report(tmp_path, COMPLETE, argue("when:high-open"))
    assert [p.code for p in found.problems] == ["C066"]
    assert not found.ok


def test_argument_without_a_reason_is_refused(tmp_path: Path) -> None:
    found = report(tmp_path, WITHOUT, argue("when:high-open").replace("nobody would notice this", "x"))
    assert "C015" in [p.code for p in found.problems]
    assert not found.ok


def test_argument_for_an_unknown_rule_is_a_problem(tmp_path: Path) -> None:
    assert [p.code for p in report(tmp_path, COMPLETE, argue("x", "onne")).problems] == ["C020"]


def test_rule_without_cases_keeps_every_mutant(tmp_path: Path) -> None:
    write(tmp_path, {"topic/a.rules.yaml": rules_file(rule("baclofen.topic.one", WHEN))})
    found = run(tmp_path, load(tmp_path, cache=False))
    assert found.killed == 0
    assert len(found.survivors) == found.total > 5


KINDS = [
    # condition, changes that are made, changes that are not
    (
        "{age: {below: 65 a}}",
        "high+step high-open high-step negated turned",
        "high+5% pick-lowest",
    ),
    (
        "{potassium: {above: 5 mmol/L}}",
        "low+5% low-5% low-open pick-highest turned unit/1000 unitx1000",
        "",
    ),
    (
        "{potassium: {at_least: 3 mmol/L, below: 5 mmol/L}}",
        "high-gone high-open low-gone low-open",
        "turned",
    ),
    (
        "{potassium: {above: 5 mmol/L, within: 90 d}}",
        "within-gone within-half within-x2",
        "",
    ),
    (
        "{creatinine_clearance: {below: 30 mL/min}}",
        "using-adjusted using-ideal",
        "using-actual",
    ),
    (
        "{condition: {in: [falls, epilepsy], status: ever}}",
        "drop-falls during-order status-active status-past",
        "status-ever",
    ),
    (
        "{order: {route: [oral, topical]}}",
        "drop-oral drop-topical negated",
        "",
    ),
    (
        "{order: {purpose: test}}",
        "value-treatment",
        "add-treatment",
    ),
    (
        "{order: {as_needed: true}}",
        "value-turned",
        "",
    ),
    (
        "{order: {dose_multiple_of: 5 mg}}",
        "step-half step-x1000 step-x2",
        "",
    ),
    (
        "{order: {dose: {equals: 5 mg}}}",
        "low+5% low-5% unitx1000",
        "high+5% low-open",
    ),
    (
        "{child_pugh_class: [B, C]}",
        "add-A drop-B drop-C value-A",
        "",
    ),
    (
        "{known: [age]}",
        "negated",
        "",
    ),
    (
        "{count: {of: {class: opioid}, at_least: 2}}",
        "by low+step low-step",
        "low+5%",
    ),
    (
        "{count: {of: {class: opioid}, where: {all: [{route: oral}, {dose: {above: 5 mg}}]}, at_least: 1}}",
        "where-gone where:any where:drop-0 where.0:negated where.1:low+5% where.1:low-open low+step",
        "by where.2:negated",
    ),
    (
        "{sum: {of: {class: opioid}, where: {not: {as_needed: true}}, at_least: 1}}",
        "where-gone where:negated where:value-turned",
        "where:drop-0",
    ),
    (
        "{exposure: {of: {class: opioid}, within: 30 d, where: {route: oral}, at_least: 7 d}}",
        "low+step low-step low-open window-half window-x2 where-gone where:negated",
        "low+5% within-x2",
    ),
    (
        "{all: [{sex: male}, {order: {of: morphine, dose: {above: 5 mg}}}]}",
        "of-scope drop-0 low+5%",
        "",
    ),
    (
        "{order: {dose: {above: 5 mg}}}",
        "low+5%",
        "of-scope",
    ),
    (
        "{sum: {of: {class: opioid}, weights: {morphine: 1}, times: daily_dose, at_least: 90 mg/d}}",
        "low+5% weight-morphine",
        "",
    ),
    (
        "{all: [{sex: male}, {pregnant: true}]}",
        "any drop-0 drop-1",
        "all",
    ),
    (
        "{any: [{sex: male}, {pregnant: true}]}",
        "all drop-0 drop-1",
        "any",
    ),
    (
        "{at_least: {count: 2, of: [{sex: male}, {pregnant: true}, {lactating: true}]}}",
        "count-1 count-3 drop-0",
        "count-0",
    ),
]


@pytest.mark.parametrize(("when", "made", "not_made"), KINDS, ids=lambda v: str(v)[:40])
def test_kinds_of_mistake(when: str, made: str, not_made: str, tmp_path: Path) -> None:
    write(tmp_path, {"topic/a.rules.yaml": rules_file(rule("baclofen.topic.one", when))})
    rules = load(tmp_path, cache=False).program.rules
    found = list(mutants(rules[0], vocabulary(rules)))
    changes = {mutant.id.partition(":")[2] for mutant in found}
    assert set(made.split()) <= changes, changes
    assert not (set(not_made.split()) & changes), changes
    assert len({m.id for m in found}) == len(found)
    assert all(m.rule != rules[0] for m in found)


@pytest.mark.parametrize(
    ("parts", "ids"),
    [
        ({"unless": "[{id: e, because: b, sex: male}]"}, {"unless[0]:dropped", "unless[0]:negated"}),
        ({"applies_to": "{order: {ingredient: [baclofen, morphine]}}"}, {"scope.first:drop-baclofen"}),
        (
            {"applies_to": "{pair: {order: {ingredient: baclofen}, with: {class: opioid}}}"},
            {"scope:swap", "scope.second:self", "scope.second:first"},
        ),
        ({"applies_to": "{stopped: {ingredient: baclofen}}"}, {"scope:order"}),
        ({"applies_to": "{patient: {taking: {ingredient: baclofen}}}"}, {"scope:everyone"}),
    ],
)
def test_mistakes_outside_the_condition(parts: dict[str, str], ids: set[str], tmp_path: Path) -> None:
    write(
        tmp_path, {"topic/a.rules.yaml": rules_file(rule("baclofen.topic.one", "{pregnant: true}", **parts))}
    )
    rules = load(tmp_path, cache=False).program.rules
    assert ids <= {mutant.id for mutant in mutants(rules[0], vocabulary(rules))}


def test_values_of_other_rules_take_one_anothers_place(tmp_path: Path) -> None:
    text = rules_file(
        rule("baclofen.topic.one", "{order: {route: oral}}"),
        rule("baclofen.topic.two", "{order: {route: intrathecal}}"),
    )
    write(tmp_path, {"topic/a.rules.yaml": text})
    rules = load(tmp_path, cache=False).program.rules
    found = {mutant.id for mutant in mutants(rules[0], vocabulary(rules))}
    assert {"when:value-intrathecal", "when:add-intrathecal"} <= found


TOPICS = sorted({file.parent.name for file in rule_files(bundled())})


@pytest.mark.parametrize("topic", TOPICS)
def test_shipped_rules_leave_no_survivor(topic: str, rulesets_dir: Path) -> None:
    """All of baclofen, one rule in six of the others; `make knowledge-report ARGS=--mutants` breaks all."""
    rules = load(rulesets_dir / topic, cache=False)
    ids = sorted(rule.id for rule in rules.program.rules)
    chosen = ids if topic == "baclofen" else [one for one in ids if crc32(one.encode()) % 6 == 0] or ids[:3]
    found = run(rulesets_dir / topic, rules, chosen)
    assert len(found.rules) == len(chosen)
    assert found.total > 5 * len(chosen)
    assert found.ok, str(found)


@pytest.mark.parametrize(
    ("target", "made"),
    [
        ("at_least: 1", False),
        ("above: 0", False),
        ("below: 1", False),
        ("at_most: 0", False),
        ("at_least: 2", True),
        ("at_most: 1", True),
        ("above: 1", True),
    ],
)
def test_what_is_counted_is_changed_only_where_one_and_two_differ(
    tmp_path: Path, target: str, made: bool
) -> None:
    when = f"{{count: {{of: {{ingredient: baclofen}}, by: order, {target}}}}}"
    write(tmp_path, {"topic/a.rules.yaml": rules_file(rule("baclofen.topic.one", when))})
    rules = load(tmp_path, cache=False).program.rules
    assert ("when:by" in {mutant.id for mutant in mutants(rules[0], vocabulary(rules))}) is made


def test_nothing_is_broken_while_a_case_fails(tmp_path: Path) -> None:
    found = report(tmp_path, COMPLETE | {"at": (COMPLETE["at"][0], "fires")})
    assert not found.ok
    assert found.total == 0
    (problem,) = found.problems
    assert problem.code == "C068"
    assert "'at' fails before anything is broken" in str(problem)


def test_a_ruleset_is_broken_with_its_own_words(tmp_path: Path) -> None:
    routes = ("oral", "intrathecal"), ("oral", "topical")
    files = {}
    for number, pair in enumerate(routes):
        texts = [
            rule(f"baclofen.topic.r{number}-{route}", f"{{order: {{route: {route}}}}}") for route in pair
        ]
        files[f"set{number}/a.rules.yaml"] = rules_file("".join(texts))
    write(tmp_path, files)
    survivors = {(s.rule, s.id) for s in run(tmp_path, load(tmp_path, cache=False)).survivors}
    assert ("baclofen.topic.r0-oral", "when:add-intrathecal") in survivors
    assert ("baclofen.topic.r1-oral", "when:add-topical") in survivors
    assert ("baclofen.topic.r0-oral", "when:add-topical") not in survivors
    assert ("baclofen.topic.r1-oral", "when:add-intrathecal") not in survivors
