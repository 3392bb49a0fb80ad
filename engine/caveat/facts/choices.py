"""Facts that are one of a few: sex, pregnancy, lactation, Child-Pugh class, context."""

from __future__ import annotations

from caveat.facts import quick
from caveat.facts.chart import Chart
from caveat.facts.derive.child_pugh import child_pugh_class
from caveat.facts.numbers import in_unit, number, years
from caveat.facts.problems_list import has_condition
from caveat.findings.basis import Basis, Missing
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth

CHILDBEARING = (8, 60)
"""Completed years outside which pregnancy and lactation count as FALSE when nothing is recorded."""

LASTS = 44 * 7
"""Days after which a pregnancy on the condition list is not taken to go on, though nothing there ends it."""


class Choice(tuple[frozenset[str], tuple[Basis, ...], tuple[Missing, ...]]):
    """The values that are possible, what they rest on, what is missing."""

    __slots__ = ()

    @property
    def values(self) -> frozenset[str]:
        """Every value it may have."""
        return self[0]

    @property
    def basis(self) -> tuple[Basis, ...]:
        """What it rests on."""
        return self[1]

    @property
    def missing(self) -> tuple[Missing, ...]:
        """What is missing."""
        return self[2]

    def among(self, wanted: tuple[str, ...]) -> Truth:
        """Whether the value is one of `wanted`."""
        if self.values.issubset(wanted):
            return TRUE
        return UNKNOWN if not self.values.isdisjoint(wanted) else FALSE


_EITHER = frozenset({"true", "false"})


def choice(chart: Chart, fact: str) -> Choice:
    """The fact as far as it is known."""
    return chart.once(("choice", fact), lambda: _choice(chart, fact))


def _known(fact: str, value: str, shown: str | None = None) -> Choice:
    return Choice((frozenset({value}), (Basis(fact, shown or value),), ()))


def _open(
    fact: str, values: frozenset[str], reason: str = "not recorded", basis: tuple[Basis, ...] = ()
) -> Choice:
    return Choice((values, basis, (Missing(fact, reason),)))


def _choice(chart: Chart, fact: str) -> Choice:
    patient = chart.patient
    if fact == "sex":
        return _known(fact, patient.sex) if patient.sex else _open(fact, frozenset({"female", "male"}))
    if fact == "child_pugh_class":
        return _child_pugh(chart)
    if fact in ("pregnant", "lactating"):
        return _reproductive(chart, fact)
    name = fact.removeprefix("context.")
    value = getattr(patient.context, name, None)
    if isinstance(value, bool):
        return _known(name, "true" if value else "false")
    if value is None:
        settings = frozenset(
            {"ambulatory", "inpatient", "emergency", "intensive-care", "home", "long-term-care"}
        )
        return _open(name, settings if name == "care_setting" else _EITHER)
    return _known(name, value)


def _child_pugh(chart: Chart) -> Choice:
    found = in_unit(number(chart, "child_pugh_score", "1"), "1")
    if found.interval is None:
        return Choice((frozenset("ABC"), found.basis, found.missing))
    values = child_pugh_class(found.interval)
    missing = tuple(Missing("child_pugh_class", m.reason, m.inputs) for m in found.missing)
    return Choice((values, found.basis, missing if len(values) > 1 else ()))


def _reproductive(chart: Chart, fact: str) -> Choice:
    """As stated; else a male is not, an active condition says yes, ages 8 to 59 are open.

    Lists are seldom tidied: an active pregnancy that was noted longer ago than one lasts says neither.
    """
    stated = getattr(chart.patient, fact)
    if stated is not None:
        return _known(fact, "true" if stated else "false")
    kind = "pregnancy" if fact == "pregnant" else "lactation"
    recorded = has_condition(chart, (kind,), "active", None, None)
    if chart.patient.sex == "male":
        if recorded.basis:
            return _open(fact, _EITHER, f"{kind} is recorded, and so is male sex", recorded.basis)
        return Choice((frozenset({"false"}), (Basis("sex", "male"),), ()))
    over = False
    if recorded.truth == TRUE:
        over = fact == "pregnant" and has_condition(chart, (kind,), "active", LASTS, None).truth == FALSE
        if not over:
            return Choice((frozenset({"true"}), recorded.basis, ()))
    plain = quick.years(chart)
    if plain is not None and not recorded.basis and CHILDBEARING[0] <= plain < CHILDBEARING[1]:
        lived = None
    else:
        lived = years(chart).interval
    if lived is not None and not recorded.basis:
        young = lived.high is not None and lived.high < CHILDBEARING[0]
        old = lived.low is not None and lived.low >= CHILDBEARING[1]
        if young or old:
            return Choice((frozenset({"false"}), years(chart).basis, ()))
    if recorded.truth == FALSE and chart.patient.complete.conditions == "closed":
        return Choice((frozenset({"false"}), (Basis(fact, "not in the closed condition list"),), ()))
    reason = f"the pregnancy on the list was noted more than {LASTS} days ago" if over else "not recorded"
    return _open(fact, _EITHER, reason, recorded.basis)
