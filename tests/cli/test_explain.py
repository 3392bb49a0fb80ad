"""`caveat explain` and what it is built on: its verdict is the evaluator's, for every subject."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.adapters import read_native
from caveat.authoring.explain import explain
from caveat.compile.ruleset import Ruleset, load
from caveat.evaluators.assemble import superseded
from caveat.evaluators.reference import ReferenceEvaluator, Trace
from caveat.evaluators.screen import build, ordinal, screen
from caveat.facts.chart import Chart
from caveat.findings.severity import Status
from cli.conftest import Caller
from cli.small import AS_OF, BACLOFEN, CLEAR, record, write_record

PUMP = BACLOFEN | {"id": "o2", "text": "baclofen pump", "route": "intrathecal"}

FIRES = """\
baclofen.renal.crcl-below-30 (contraindicated, draft)
  Baclofen when creatinine clearance is below 30 mL/min
Patient p1 · as of 2026-01-15

Orders of the record
  o1  Lioresal 10 mg tablet = baclofen, by its brand name · current · in scope

Judged for order o1 (Lioresal 10 mg tablet)
  Verdict: fires
  when: TRUE
    TRUE     creatinine clearance is below 30 mL/min (no older than 90 days)
             has creatinine clearance 24 mL/min · 2026-01-10 · Observation/9
  unless intrathecal-with-specialist: FALSE
    FALSE    all of these hold
      FALSE    the order's route is intrathecal
               has route oral
      UNKNOWN  a specialist oversees the treatment
               lacks specialist oversight not recorded
      because A specialist gives small doses straight to the spinal fluid.
  alert: Baclofen (oral) with creatinine clearance 24 mL/min
"""


@pytest.fixture(scope="module")
def rules(small_rules: Path) -> Ruleset:
    return load(small_rules, cache=False)


@pytest.fixture
def explained(call: Caller, small_rules: Path) -> Caller:
    """Run `caveat explain` with the small ruleset on a fixed day."""

    def called(rule: str, *arguments: object) -> Any:
        return call("explain", rule, *arguments, "--rules", small_rules, "--as-of", AS_OF)

    return called


def test_a_tree_reads_as_written_down(explained: Caller, tmp_path: Path) -> None:
    called = explained("baclofen.renal.crcl-below-30", write_record(tmp_path / "p.json"))
    assert called.out == FIRES
    assert called.code == 0


def test_a_rule_that_is_not_met_shows_the_false_clause(explained: Caller, tmp_path: Path) -> None:
    called = explained("baclofen.renal.crcl-below-30", write_record(tmp_path / "p.json", **CLEAR))
    assert "Verdict: not met" in called.out
    assert "FALSE    creatinine clearance is below 30 mL/min" in called.out
    assert "has creatinine clearance 90 mL/min · 2026-01-10" in called.out
    assert "unless intrathecal-with-specialist: FALSE" in called.out


def test_missing_facts_and_inputs_are_named(explained: Caller, tmp_path: Path) -> None:
    path = write_record(tmp_path / "p.json", creatinine_clearance=None)
    called = explained("baclofen.renal.crcl-below-30", path)
    assert "Verdict: cannot be assessed" in called.out
    assert "(would help: serum creatinine, weight)" in called.out


def test_two_orders_are_judged_apart(explained: Caller, tmp_path: Path) -> None:
    path = write_record(tmp_path / "p.json", orders=[BACLOFEN, PUMP], context={"specialist_oversight": True})
    called = explained("baclofen.renal.crcl-below-30", path)
    parts = called.out.split("Judged for ")
    assert "order o1" in parts[1]
    assert "Verdict: fires" in parts[1]
    assert "order o2" in parts[2]
    assert "Verdict: excused by an exception (intrathecal-with-specialist)" in parts[2]
    alone = explained("baclofen.renal.crcl-below-30", path, "--order", "o2")
    assert "order o1" not in alone.out.split("Judged for ", 1)[1]


def test_what_supersedes_is_named(explained: Caller, tmp_path: Path) -> None:
    orders = [BACLOFEN, {"id": "o2", "text": "diazepam 5 mg", "status": "active"}]
    path = write_record(tmp_path / "p.json", age="70 a", orders=orders)
    called = explained("baclofen.age.elderly", path)
    assert "Verdict: fires, suppressed by baclofen.interaction.sedative" in called.out


@pytest.mark.parametrize(
    ("orders", "reason"),
    [
        (None, "no list of medicines is recorded, so no order could be judged"),
        ([], "the list of medicines is empty"),
        ([{"id": "o1", "text": "warfarin", "status": "active"}], "no current order of its ingredients"),
        ([BACLOFEN | {"status": "completed"}], "no current order of its ingredients"),
    ],
)
def test_out_of_scope_has_its_reason(
    explained: Caller, tmp_path: Path, orders: list[Any] | None, reason: str
) -> None:
    called = explained("baclofen.age.elderly", write_record(tmp_path / "p.json", orders=orders))
    assert f"Verdict: out of scope: {reason}." in called.out


def test_an_order_that_was_not_recognised_is_not_called_irrelevant(explained: Caller, tmp_path: Path) -> None:
    orders = [{"id": "o1", "text": "baclofn", "status": "active"}]
    called = explained("baclofen.age.elderly", write_record(tmp_path / "p.json", orders=orders))
    assert "o1  baclofn: not recognised · current · not in scope · did you mean baclofen?" in called.out
    assert 'so whether the rule is about it is not known: "baclofn"' in called.out


def test_an_ended_order_shows_that_it_does_not_count(explained: Caller, tmp_path: Path) -> None:
    path = write_record(tmp_path / "p.json", orders=[BACLOFEN | {"status": "stopped"}])
    assert "by its brand name · ended · in scope" in explained("baclofen.age.elderly", path).out


def test_wrong_names_are_answered_with_close_ones(explained: Caller, tmp_path: Path) -> None:
    path = write_record(tmp_path / "p.json")
    rule = explained("baclofen.renal.crcl", path)
    assert rule.code == 2
    assert "Did you mean baclofen.renal.crcl-below-30" in rule.err
    order = explained("baclofen.age.elderly", path, "--order", "o9")
    assert "no order 'o9'. Orders: o1" in order.err
    patient = explained("baclofen.age.elderly", path, "--patient", "p9")
    assert patient.code == 3
    assert "no patient 'p9' among 1" in patient.err


def test_json_holds_the_same_tree(explained: Caller, tmp_path: Path) -> None:
    called = explained("baclofen.renal.crcl-below-30", write_record(tmp_path / "p.json"), "--format", "json")
    found = json.loads(called.out)
    (subject,) = found["subjects"]
    assert subject["status"] == "fires"
    assert subject["when"]["facts"][0]["value"] == "24 mL/min"
    assert [part["truth"] for part in subject["unless"][0]["parts"]] == ["false", "unknown"]


def _leaves(trace: Trace) -> int:
    return sum(map(_leaves, trace.parts)) if trace.parts else 1


ROUTES = st.sampled_from(["oral", "intrathecal", "elsewhere", None])
NAMES = st.sampled_from(["baclofen", "Lioresal 10 mg", "diazepam", "morphine", "warfrin", "warfarin"])
STATUSES = st.sampled_from(["active", "stopped", "on-hold", "cancelled", None])
DATES = st.sampled_from([None, "2025", "2025-11", "2025-10-20", "2026-01-10", "2026-02-01"])


@st.composite
def records(draw: st.DrawFn) -> dict[str, Any]:
    """Records with every fact the small rules ask for known, unknown, stale or in part."""
    orders = [
        {"id": f"o{n}", "text": draw(NAMES), "route": draw(ROUTES), "status": draw(STATUSES), "start": start}
        for n, start in enumerate(draw(st.lists(st.sampled_from([None, "2025-11-03"]), max_size=4)))
    ]
    clearance = draw(
        st.sampled_from([None, "24 mL/min", "30 mL/min", "<50 mL/min", "0.5 mL/s", "29.99 mL/min"])
    )
    found: dict[str, Any] = {
        "age": draw(st.sampled_from([None, "64 a", "65 a", "70 a"])),
        "orders": draw(st.sampled_from([orders, orders, None])),
        "creatinine_clearance": clearance and {"value": clearance, "at": draw(DATES)},
        "weight": draw(st.sampled_from([None, "70 kg"])),
        "serum_creatinine": draw(st.sampled_from([None, "1 mg/dL", "250 umol/L"])),
        "context": {"specialist_oversight": draw(st.sampled_from([None, True, False]))},
    }
    return record(**found)


@given(records())
def test_verdicts_are_the_evaluators(rules: Ruleset, given_record: dict[str, Any]) -> None:
    patient = read_native(given_record)
    outcomes = ReferenceEvaluator(rules.program).outcomes(
        Chart(patient, rules.terminology, as_of=ordinal(AS_OF))
    )
    hidden = superseded([o for o in outcomes if o.status is not Status.NOT_MET])
    shown = [o for o in outcomes if o.status is not Status.NOT_MET]
    suppressed = {shown[index].key: by for index, by in hidden.items()}
    explained = []
    for rule in rules.program.rules:
        found = explain(rule.id, patient, rules, AS_OF)
        assert bool(found.subjects) != bool(found.out_of_scope)
        for subject in found.subjects:
            judged = subject.judgement
            assert subject.suppressed_by == suppressed.get(judged.outcome.key)
            assert judged.when is not None
            whole = _leaves(judged.when) + sum(map(_leaves, judged.unless))
            assert whole == len(rule.leaves())
            explained.append(judged.outcome)
    assert {o.key: o.status for o in explained} == {o.key: o.status for o in outcomes}
    report = screen(patient, rules, as_of=AS_OF, evaluator=build("inprocess", rules.program))
    seen = {(f.rule.id, f.orders): f.status for f in report.findings if f.orders}
    assert seen == {
        (o.rule.id, o.subject.order_ids): o.status for o in explained if o.status is not Status.NOT_MET
    }


def test_what_if_judges_a_changed_record_and_says_so(explained: Caller, tmp_path: Path) -> None:
    file = write_record(tmp_path / "p1.json", creatinine_clearance="24 mL/min")
    plain = explained("baclofen.renal.crcl-below-30", file)
    changed = explained("baclofen.renal.crcl-below-30", file, "--what-if", "creatinine_clearance=35 mL/min")
    assert "Verdict: fires" in plain.out
    assert changed.out.startswith("If creatinine_clearance were 35 mL/min\n")
    assert "Verdict: not met" in changed.out


def test_why_not_shows_where_the_verdict_turns(explained: Caller, tmp_path: Path) -> None:
    file = write_record(tmp_path / "p1.json", creatinine_clearance="35 mL/min")
    found = explained("baclofen.renal.crcl-below-30", file, "--why-not")
    assert "What would change it, one number at a time\ncreatinine clearance (now 35 mL/min)\n" in found.out
    assert "  from 30 mL/min: no more baclofen.renal.crcl-below-30\n" in found.out
    data = json.loads(explained("baclofen.renal.crcl-below-30", file, "--why-not", "--format", "json").out)
    assert data["tipping_points"]["facts"][0]["points"][0]["value"] == "30 mL/min"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("creatinine_clearance", "--what-if takes FACT=VALUE"),
        ("creatinine_clearence=35 mL/min", "Did you mean creatinine_clearance?"),
        ("creatinine_clearance=35", "creatinine_clearance"),
    ],
)
def test_a_change_that_cannot_be_made_is_bad_input(
    explained: Caller, tmp_path: Path, given: str, message: str
) -> None:
    found = explained("baclofen.renal.crcl-below-30", write_record(tmp_path / "p1.json"), "--what-if", given)
    assert found.code in (2, 3)
    assert message in found.err
    assert "Traceback" not in found.err
