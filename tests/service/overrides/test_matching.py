"""When an override still applies: never after a deciding fact changed, always when only names changed."""

from __future__ import annotations

import copy
import random
from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import caveat
from caveat.adapters.native import read_native
from caveat.compile.ruleset import Ruleset
from caveat.findings.basis import Basis, Details, Missing
from caveat.findings.report import Finding, Report
from caveat.findings.severity import SEVERITIES, Status
from caveat.service.overrides.matching import ORDER, Fact, deciding, match
from caveat.service.question import Override

DAY = "2026-01-15"
AT = "2026-01-15T09:00:00.000Z"


@pytest.fixture(scope="module")
def rules() -> Ruleset:
    return caveat.load()


def rule(name: str = "r.one", kind: str = "interaction", severity: str = "major") -> Any:
    return SimpleNamespace(id=name, kind=kind, severity=severity, title=name)


def finding(
    *facts: tuple[str, str, str | None],
    of: Any = None,
    status: Status = Status.FIRES,
    order: str = "o1",
    missing: tuple[str, ...] = (),
    source: str | None = None,
) -> Finding:
    because = tuple(Basis(fact, value, at, source or f"Observation/{order}") for fact, value, at in facts)
    lacking = tuple(Missing(name, "not recorded") for name in missing)
    return Finding(of or rule(), status, (order,), (), ("baclofen",), Details(because, lacking))


def report(*findings: Finding) -> Report:
    return Report("p1", DAY, "1", "digest", findings, 1)


def override(of: Finding, name: str = "v1", **changes: Any) -> Override:
    made = Override(
        id=name,
        finding=of.id,
        rule=of.rule.id,
        kind=of.rule.kind,
        severity=of.severity,
        drugs=of.drugs,
        reason="other",
        comment="c",
        by="Practitioner/1",
        created=AT,
        facts=deciding(of),
    )
    return replace(made, **changes)


LAB = ("creatinine_clearance", "34 mL/min", "2026-01-10")
DOSE = ("dose", "10 mg", None)


def lapse(then: Finding, now: Finding, **changes: Any) -> str:
    found = match(report(now), [override(then, **changes)])
    assert not found.active
    assert not found.noted
    return found.lapsed[now.id][1]


def test_the_same_facts_from_other_entries() -> None:
    draft = finding(LAB, DOSE, order="draft-1")
    signed = finding(DOSE, LAB, order="MedicationRequest/77", source="MedicationRequest/77")
    made = override(draft)
    found = match(report(signed), [made])
    assert found.active == {signed.id: made}
    assert not found.lapsed


@pytest.mark.parametrize(
    ("now", "text"),
    [
        (
            ("creatinine_clearance", "28 mL/min", "2026-01-14"),
            "creatinine clearance was 34 mL/min on 2026-01-10, now 28 mL/min on 2026-01-14",
        ),
        (
            ("creatinine_clearance", "34 mL/min", "2026-01-14"),
            "creatinine clearance was 34 mL/min on 2026-01-10, now 34 mL/min on 2026-01-14",
        ),
        (
            ("creatinine_clearance", "34 mL/min", None),
            "creatinine clearance was 34 mL/min on 2026-01-10, now 34 mL/min",
        ),
    ],
)
def test_what_changed_is_said(now: tuple[str, str, str | None], text: str) -> None:
    assert lapse(finding(LAB, DOSE), finding(now, DOSE)) == text


@pytest.mark.parametrize("named", [(), ("baclofen", "morphine")])
def test_of_the_patient_whatever_medicines_were_named(named: tuple[str, ...]) -> None:
    """Overrides kept before such findings named medicines have none; the facts tell of the orders."""

    def on_patient(*doses: str) -> Finding:
        because = tuple(Basis("dose", dose) for dose in doses)
        return Finding(rule(), Status.FIRES, (), (), (), Details(because))

    now = on_patient("10 mg")
    made = override(now, drugs=named)
    assert match(report(now), [made]).active == {now.id: made}
    assert lapse(now, on_patient("10 mg", "20 mg"), drugs=named) == "dose is new: 20 mg"


def test_a_fact_that_appears_or_vanishes() -> None:
    failure = ("condition:heart-failure", "Heart failure", "2026-01-12")
    assert lapse(finding(LAB), finding(LAB, failure)) == "heart failure is new: Heart failure on 2026-01-12"
    told = "heart failure no longer counts: it was Heart failure on 2026-01-12"
    assert lapse(finding(LAB, failure), finding(LAB)) == told
    assert lapse(finding(LAB), finding(LAB, LAB)).startswith("creatinine clearance is new")


def test_long_texts_are_cut_and_counted() -> None:
    many = [(f"fact_{n}", "1", None) for n in range(5)]
    text = lapse(finding(), finding(*many))
    assert text == "fact 0 is new: 1; fact 1 is new: 1; fact 2 is new: 1; and 2 more"


@pytest.mark.parametrize("now", ["contraindicated", "moderate", "info"])
def test_another_severity(now: str) -> None:
    other = finding(LAB, of=rule(severity=now))
    assert lapse(finding(LAB), other) == f"the severity was major, now {now}"


def test_another_kind() -> None:
    text = lapse(finding(LAB), finding(LAB, of=rule(kind="precaution")))
    assert text == "the rule was of the kind interaction, now precaution"


def test_what_cannot_be_assessed_is_not_overridden() -> None:
    now = finding(LAB, status=Status.CANNOT_ASSESS, missing=("potassium", "potassium", "weight"))
    assert lapse(finding(LAB), now) == "this can no longer be assessed without potassium, weight"
    assert lapse(finding(LAB), finding(LAB, status=Status.ERROR)) == "this can no longer be assessed"


@pytest.mark.parametrize(
    "of", [rule(kind="contraindication"), rule(severity="contraindicated", kind="allergy")]
)
def test_a_contraindication_is_noted_and_never_suppressed(of: Any) -> None:
    now = finding(LAB, of=of)
    made = override(now)
    found = match(report(now), [made])
    assert found.noted == {now.id: made}
    assert not found.active


def test_a_hard_stop_is_noted_and_never_suppressed() -> None:
    plain = finding(LAB)
    now = Finding(plain.rule, plain.status, plain.orders, (), plain.drugs, plain.details, tier="hard-stop")
    found = match(report(now), [override(plain)])
    assert set(found.noted) == {now.id}
    assert not found.active


def test_another_rule_or_ingredient_is_nothing() -> None:
    now = finding(LAB)
    for changes in ({"rule": "r.two"}, {"drugs": ("morphine",)}, {"drugs": ("baclofen", "morphine")}):
        found = match(report(now), [override(now, **changes)])
        assert (dict(found.active), dict(found.lapsed), dict(found.noted)) == ({}, {}, {})


def test_one_override_excuses_one_alert() -> None:
    """A second order exactly like the first is a second alert, and nobody has overridden that one."""
    first, second = finding(LAB, order="o1"), finding(LAB, order="o2")
    assert first.id != second.id
    found = match(report(first, second), [override(first)])
    assert len(found.active) == 1
    assert not found.lapsed
    both = match(report(first, second), [override(first), override(second, "v2")])
    assert set(both.active) == {first.id, second.id}


def test_an_override_of_one_order_says_nothing_of_another() -> None:
    first, second = finding(LAB, DOSE), finding(LAB, ("dose", "20 mg", None), order="o2")
    found = match(report(first, second), [override(first)])
    assert set(found.active) == {first.id}
    assert not found.lapsed


def test_what_is_suppressed_or_excepted_takes_no_override() -> None:
    now = finding(LAB)
    hidden = Finding(now.rule, now.status, now.orders, (), now.drugs, now.details, suppressed_by="r.two")
    for other in (hidden, finding(LAB, status=Status.EXCEPTED)):
        found = match(report(other), [override(now)])
        assert not found.active
        assert not found.lapsed


def test_a_proposed_order_becomes_active_and_starts() -> None:
    then = finding(("status", "proposed", None), ("since_start", "proposed", None))
    for start in ("2026-01-14", "2026-01-15", "2026-02-01T08:00:00Z"):
        now = finding(("status", "active", None), ("since_start", f"start {start}", start))
        assert now.id in match(report(now), [override(then)]).active
    earlier = finding(("status", "active", None), ("since_start", "start 2025-12-01", "2025-12-01"))
    assert lapse(then, earlier) == "start was proposed, now start 2025-12-01"
    held = finding(("status", "on-hold", None), ("since_start", "proposed", None))
    assert lapse(then, held) == "status was active, now on-hold"


# --- properties ---

VALUES = st.sampled_from(["10 mg", "20 mg", "34 mL/min", "28 mL/min", "oral", "true"])
DATES = st.sampled_from([None, "2026-01-10", "2026-01-11", "2025"])
NAMES = st.sampled_from(["creatinine_clearance", "dose", "condition:epilepsy", "age", "order", "route"])
FACTS = st.lists(st.tuples(NAMES, VALUES, DATES), max_size=5)


@given(FACTS, st.randoms(use_true_random=False), st.text(max_size=5), st.sampled_from(SEVERITIES[1:]))
def test_shuffled_and_renamed_it_still_applies(
    facts: list[tuple[str, str, str | None]], order: random.Random, name: str, severity: str
) -> None:
    then = finding(*facts, of=rule(severity=severity))
    mixed = list(facts)
    order.shuffle(mixed)
    now = finding(*mixed, of=rule(severity=severity), order=f"x{name}", source=name)
    assert set(match(report(now), [override(then)]).active) == {now.id}


@given(st.lists(st.tuples(NAMES, VALUES, DATES), min_size=1, max_size=5), st.data())
def test_any_changed_fact_ends_it(facts: list[tuple[str, str, str | None]], data: st.DataObject) -> None:
    index = data.draw(st.integers(0, len(facts) - 1))
    changed = list(facts)
    how = data.draw(st.sampled_from(["value", "date", "vanishes", "appears", "renamed"]))
    fact, value, at = facts[index]
    if how == "vanishes":
        del changed[index]
    elif how == "appears":
        changed.append(data.draw(st.tuples(NAMES, VALUES, DATES)))
    else:
        changed[index] = {
            "value": (fact, value + " more", at),
            "date": (fact, value, "1999-01-01"),
            "renamed": (fact + "_else", value, at),
        }[how]
    then, now = finding(*facts), finding(*changed)
    found = match(report(now), [override(then)])
    assert not found.active
    assert found.lapsed[now.id][1]


@given(
    st.lists(st.tuples(FACTS, st.sampled_from(["o1", "o2", "o3"])), max_size=4), st.lists(FACTS, max_size=4)
)
def test_no_override_is_used_twice(
    now: list[tuple[list[tuple[str, str, str | None]], str]], then: list[list[tuple[str, str, str | None]]]
) -> None:
    findings = {f.id: f for f in (finding(*facts, order=order) for facts, order in now)}
    overrides = [override(finding(*facts), f"v{n}") for n, facts in enumerate(then)]
    found = match(report(*findings.values()), overrides)
    used = [o.id for o in found.active.values()] + [o.id for o, _ in found.lapsed.values()]
    assert len(used) == len(set(used))
    assert set(found.active).isdisjoint(found.lapsed)


# --- with real rules ---

RECORD: dict[str, Any] = {
    "id": "p1",
    "age": "50 a",
    "sex": "male",
    "observations": [{"concept": "creatinine_clearance", "value": "45 mL/min", "at": "2026-01-10"}],
    "orders": [
        {"id": "o1", "text": "Baclofen 10 mg tablet", "route": "oral", "dose": "20 mg", "frequency": "3 /d",
         "status": "proposed"},
        {"id": "o2", "text": "Morphine 10 mg tablet", "route": "oral", "dose": "10 mg", "frequency": "2 /d",
         "status": "active", "start": "2025-12-01"},
    ],
    "conditions": [{"text": "Epilepsy", "clinical_status": "active"}],
    "allergies": [],
}  # fmt: skip


def screened(rules: Ruleset, record: dict[str, Any]) -> Report:
    return caveat.screen(read_native(record), rules, as_of=DAY)


def overridden(found: Report) -> list[Override]:
    return [override(f, f"v{n}") for n, f in enumerate(found.alerts)]


def test_a_signed_order_keeps_its_overrides(rules: Ruleset) -> None:
    before = screened(rules, RECORD)
    assert {f.rule.id for f in before.alerts} == {
        "baclofen.history.epilepsy-or-seizure",
        "baclofen.interaction.opioid",
        "baclofen.renal.crcl-30-to-50-over-5-mg",
    }
    signed = copy.deepcopy(RECORD)
    signed["orders"].reverse()
    signed["orders"][1] |= {"id": "MedicationRequest/9", "status": "active", "source": "MedicationRequest/9"}
    after = screened(rules, signed)
    found = match(after, overridden(before))
    assert {f.rule.id for f in after.alerts if f.id in found.active} == {
        "baclofen.interaction.opioid",
        "baclofen.renal.crcl-30-to-50-over-5-mg",
    }
    assert {f.rule.id for f in after.alerts if f.id in found.noted} == {
        "baclofen.history.epilepsy-or-seizure"
    }
    assert not found.lapsed


def test_a_higher_dose_ends_overrides_that_no_rule_ties_to_the_dose(rules: Ruleset) -> None:
    made = overridden(screened(rules, RECORD))
    raised = copy.deepcopy(RECORD)
    raised["orders"][1]["dose"] = "60 mg"
    after = screened(rules, raised)
    found = match(after, made)
    opioid = next(f for f in after.alerts if f.rule.id == "baclofen.interaction.opioid")
    assert found.lapsed[opioid.id][1] == (
        "order was morphine 10 mg, 20 mg/d, oral, now morphine 60 mg, 120 mg/d, oral"
    )


def test_facts_kept_without_how_orders_are_taken(rules: Ruleset) -> None:
    before = screened(rules, RECORD)

    def bare(facts: tuple[Fact, ...]) -> tuple[Fact, ...]:
        return tuple(fact for fact in facts if fact[0] != ORDER)

    made = [replace(one, facts=bare(one.facts)) for one in overridden(before)]
    found = match(before, made)
    assert len(found.active) + len(found.noted) == len(before.alerts)


def test_a_new_laboratory_value_ends_the_one_that_rests_on_it(rules: Ruleset) -> None:
    made = overridden(screened(rules, RECORD))
    later = copy.deepcopy(RECORD)
    later["observations"].append(
        {"concept": "creatinine_clearance", "value": "38 mL/min", "at": "2026-01-14"}
    )
    after = screened(rules, later)
    found = match(after, made)
    renal = next(f for f in after.alerts if f.rule.id == "baclofen.renal.crcl-30-to-50-over-5-mg")
    opioid = next(f for f in after.alerts if f.rule.id == "baclofen.interaction.opioid")
    assert found.lapsed[renal.id][1] == (
        "creatinine clearance was 45 mL/min on 2026-01-10, now 38 mL/min on 2026-01-14"
    )
    assert opioid.id in found.active


def test_nothing_is_made_of_a_report_without_overrides(rules: Ruleset) -> None:
    found = match(screened(rules, RECORD), ())
    assert (found.active, found.lapsed, found.noted) == ({}, {}, {})
