"""What concerns the judged orders stays, the rest is counted; nothing is lost on the way."""

from __future__ import annotations

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from caveat.compile.nodes import All, Always, CountLeaf, SumLeaf
from caveat.compile.program import CompiledRule, Texts
from caveat.findings.report import UNSETTLED, Finding, RecordError, Report, Unrecognised
from caveat.findings.severity import Status
from caveat.intervals import Interval
from caveat.service.hooks.focus import focus

TWO = Interval(2, None)
NOTHING: frozenset[str] = frozenset()


def rule(
    name: str, subject: Any = "order", first: tuple[str, ...] = ("baclofen",), **named: Any
) -> CompiledRule:
    return CompiledRule(
        id=name,
        kind="interaction",
        severity="major",
        status="draft",
        title=name,
        covers=(),
        subject=subject,
        first=first,
        second=named.get("second", ()),
        when=named.get("when", Always()),
        unless=(),
        supersedes=(),
        texts=Texts(name, "", ""),
        evidence=(),
    )


def finding(
    of: CompiledRule,
    *orders: str,
    status: Status = Status.FIRES,
    by: str | None = None,
    allergies: tuple[str, ...] = (),
) -> Finding:
    return Finding(of, status, orders, allergies, (), suppressed_by=by)


def report(*findings: Finding, **named: Any) -> Report:
    return Report("p", "2026-01-15", "1", "sha256:0", findings, 1, **named)


def kept(found: Any) -> list[str]:
    return [f.rule.id for f in found.report.findings]


COUNT = CountLeaf(("baclofen", "diazepam"), "sedatives", "order", TWO, "2 or more")
SUM = SumLeaf((("diazepam", Interval(1, 1)),), "sedatives", None, TWO, "1", "2 or more")


def test_a_finding_stays_when_its_subject_has_a_judged_order() -> None:
    whole = report(
        finding(rule("own"), "d"),
        finding(rule("other"), "c"),
        finding(rule("pair-first", "pair"), "d", "c"),
        finding(rule("pair-second", "pair"), "c", "d"),
        finding(rule("pair-other", "pair"), "c", "e"),
        finding(rule("allergy", "allergy"), "d", allergies=("a",)),
        finding(rule("allergy-other", "allergy"), "c", allergies=("a",)),
    )
    found = focus(whole, frozenset("d"), NOTHING)
    assert kept(found) == ["own", "pair-first", "pair-second", "allergy"]
    assert [f.rule.id for f in found.left_out] == ["other", "pair-other", "allergy-other"]


def test_a_finding_on_the_patient_stays_when_a_judged_ingredient_is_in_its_scope() -> None:
    whole = report(
        finding(rule("everyone", "patient", ())),
        finding(rule("mine", "patient", ("diazepam",))),
        finding(rule("mine-second", "patient", ("x",), second=("diazepam",))),
        finding(rule("others", "patient", ("lisinopril",))),
        finding(rule("counted", "patient", ("lisinopril",), when=All((COUNT,)))),
        finding(rule("summed", "patient", ("lisinopril",), when=SUM)),
    )
    found = focus(whole, frozenset("d"), frozenset(("diazepam",)))
    assert kept(found) == ["everyone", "mine", "mine-second", "counted", "summed"]
    assert len(found.left_out) == 1


def test_an_order_of_the_context_stays_when_a_judged_one_adds_to_its_burden() -> None:
    whole = report(finding(rule("burden", when=COUNT), "c"), finding(rule("plain"), "c"))
    found = focus(whole, frozenset("d"), frozenset(("diazepam",)))
    assert kept(found) == ["burden"]


def test_a_rule_that_failed_stays_whatever_it_is_about() -> None:
    whole = report(finding(rule("failed"), "c", status=Status.ERROR))
    assert kept(focus(whole, frozenset("d"), NOTHING)) == ["failed"]


def test_what_supersedes_a_kept_finding_is_kept_too() -> None:
    # the winner is about the context order alone: without it nothing would be shown of the pair
    whole = report(
        finding(rule("loser", "pair"), "d", "c", by="winner"),
        finding(rule("winner"), "c", by="grand"),
        finding(rule("grand"), "c"),
        finding(rule("winner"), "e"),
    )
    found = focus(whole, frozenset("d"), NOTHING)
    assert kept(found) == ["loser", "winner", "grand"]
    assert [f.rule.id for f in found.report.alerts] == ["grand"]


def test_names_errors_and_notes_all_stay() -> None:
    unknown = (Unrecognised("warfrin", id="c"), Unrecognised("penicilin", kind="allergy"))
    errors = (RecordError("unit", "odd"),)
    whole = report(
        finding(rule("other"), "c"), unrecognised=unknown, errors=errors, uncovered=("zinc", "diazepam")
    )
    found = focus(whole, frozenset("d"), frozenset(("diazepam",))).report
    assert (found.unrecognised, found.errors, found.findings) == (unknown, errors, ())
    assert found.uncovered == ("diazepam",)
    assert not found.is_clear


NAMES = st.sampled_from(("baclofen", "diazepam", "lisinopril"))
IDS = st.sampled_from(("a", "b", "c", "d"))
STATUS = st.sampled_from((Status.FIRES, Status.CANNOT_ASSESS, Status.EXCEPTED, Status.ERROR))


@st.composite
def findings(draw: Any) -> Finding:
    subject = draw(st.sampled_from(("order", "pair", "allergy", "patient", "stopped")))
    when = draw(st.sampled_from((Always(), COUNT, SUM)))
    first = tuple(draw(st.lists(NAMES, max_size=2, unique=True)))
    made = rule(draw(st.sampled_from("rstuv")), subject, first, when=when)
    count = {"patient": 0, "pair": 2}.get(subject, 1)
    orders = draw(st.lists(IDS, min_size=count, max_size=count, unique=True))
    by = draw(st.none() | st.sampled_from("rstuv"))
    status = draw(STATUS)
    return finding(made, *orders, status=status, by=by if status is Status.FIRES else None)


@given(st.lists(findings(), max_size=8), st.frozensets(IDS), st.frozensets(NAMES))
def test_every_unsettled_finding_is_kept_or_counted(
    found: list[Finding], orders: frozenset[str], ingredients: frozenset[str]
) -> None:
    result = focus(report(*found), orders, ingredients)
    shown = [id(f) for f in result.report.findings]
    left = [id(f) for f in result.left_out]
    assert sorted(shown + left) == sorted(
        id(f) for f in found if f.status in UNSETTLED or id(f) in set(shown)
    )
    assert [f for f in found if id(f) in set(shown)] == list(result.report.findings)
    for one in result.left_out:
        assert orders.isdisjoint(one.orders)


@given(st.lists(findings(), max_size=8), st.frozensets(NAMES))
def test_judging_every_order_leaves_out_no_order(found: list[Finding], ingredients: frozenset[str]) -> None:
    result = focus(report(*found), frozenset("abcd"), ingredients)
    assert all(not f.orders for f in result.left_out)
