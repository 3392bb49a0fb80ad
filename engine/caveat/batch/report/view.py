"""The facts as they may be shown: small cells hidden, rates worked out, rules in order."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caveat.batch.report import cells, rates
from caveat.batch.report.cells import Cell, Row, Total, protect
from caveat.batch.report.facts import Facts, Missing, Named, RuleFacts, missing_facts
from caveat.batch.report.rates import Rate
from caveat.evaluators.assemble import NO_ORDERS
from caveat.findings.severity import SEVERITIES

NO_LIST: Final = NO_ORDERS.id
"""Stands for all rules where a record has no list of medicines: what it hides has no upper bound."""

NOT_SHOWN: Final = "–"
"""Stands for a number that is k or more and hidden so that a total does not give a small one away."""

_UNKNOWN_RANK: Final = len(SEVERITIES)


@dataclass(frozen=True, slots=True)
class Number:
    """A count as shown: exact when `low` is `high`; `high` None has no end."""

    low: int
    high: int | None

    @property
    def exact(self) -> bool:
        """Whether it is shown as it is."""
        return self.low == self.high

    @property
    def text(self) -> str:
        """`1,234`, `<5`, `996 to 999` or `at least 1,234`."""
        if self.exact:
            return f"{self.low:,}"
        if self.high is None:
            return f"at least {self.low:,}"
        return f"<{self.high + 1:,}" if self.low <= 1 else f"{self.low:,} to {self.high:,}"

    def less_from(self, whole: int) -> Number:
        """`whole` less this number."""
        return Number(whole - (whole if self.high is None else self.high), whole - self.low)


@dataclass(frozen=True, slots=True)
class RuleView:
    """A rule as shown; texts of numbers that are hidden say so, and their rates are None.

    `least` and `most` are the patients with an alert per 100 if all that is missing were known:
    alerts without an open exception, and those together with all that is open or failed.
    """

    facts: RuleFacts
    alerts: str
    patients: str
    rate: Rate | None
    open: str
    open_rate: Rate | None
    least: float | None
    most: float | None
    excepted: str
    suppressed: str
    failed: str
    fired: Cell
    left_open: Cell

    @property
    def severity_rank(self) -> int:
        """0 for the gravest."""
        return rank(self.facts.severity)


@dataclass(frozen=True, slots=True)
class View:
    """What the report shows. `small` is k of the small cells, 0 when all are shown."""

    facts: Facts
    small: int
    rules: tuple[RuleView, ...]
    alerts: Number
    interruptive: Number
    open: Number
    with_alert: Number
    with_interruptive: Number
    with_contraindicated: Number
    with_open: Number
    identified: Number
    assessable: Number
    names: tuple[Named, ...]
    names_hidden: int
    missing: tuple[Missing, ...]
    missing_hidden: int

    @property
    def screened(self) -> int:
        """The patients that rates refer to."""
        return self.facts.patients.screened

    @property
    def unassessed(self) -> Number:
        """Things that could not be assessed: open rules, names, faults, and what was rejected."""
        patients, rejects = self.facts.patients, self.facts.rejects
        more = patients.unrecognised + patients.faults + rejects.total - rejects.harmless
        return Number(self.open.low + more, None if self.open.high is None else self.open.high + more)

    @property
    def without_list(self) -> Number:
        """Patients whose record has no list of medicines."""
        for rule in self.rules:
            if rule.facts.id == NO_LIST:
                if rule.left_open is Cell.PARTNER:
                    return Number(self.small, None)
                return number(rule.facts.patients["open"], self.small)
        return Number(0, 0)

    def share(self, number: Number) -> Rate | None:
        """The rate per 100 patients of a number of patients; None when it is hidden."""
        return rates.of_patients(number.low, self.screened) if number.exact else None


def rank(severity: str) -> int:
    """0 for the gravest; a severity that is not known comes last."""
    return SEVERITIES.index(severity) if severity in SEVERITIES else _UNKNOWN_RANK


def view(folder: Path, facts: Facts, small: int) -> View:
    """What may be shown of the facts of the run in `folder`. Raises ValueError for a bad `small`."""
    cells.check_limit(small)
    of = facts.patients
    fired = protect(
        [Row(rule.findings["fired"], rule.patients["fired"], _marks(rule)) for rule in facts.rules],
        [
            Total("", of.with_alert),
            Total("interruptive", facts.with_interruptive),
            Total("contraindicated", of.with_contraindicated),
        ],
        small,
    )
    opened = protect(
        [Row(rule.findings["open"], rule.patients["open"]) for rule in facts.rules],
        [Total("", of.with_open)],
        small,
    )
    rules = sorted(
        (_rule(*row, of.screened, small) for row in zip(facts.rules, fired.cells, opened.cells, strict=True)),
        key=_order,
    )
    shown = {
        "alerts": sum(r.facts.findings["fired"] for r in rules if r.fired is Cell.SHOWN),
        "interruptive": sum(
            r.facts.findings["fired"] for r in rules if r.fired is Cell.SHOWN and r.facts.interrupts
        ),
        "open": sum(r.facts.findings["open"] for r in rules if r.left_open is Cell.SHOWN),
    }
    identified, assessable = chain((of.screened, of.identified, of.assessable), small)[1:]
    names = tuple(name for name in facts.names if not cells.is_small(name.patients, small))
    missing = missing_facts(
        folder,
        facts,
        frozenset(r.facts.id for r in rules if r.left_open is Cell.SHOWN and r.facts.id != NO_LIST),
    )
    told = tuple(one for one in missing if not cells.is_small(one.patients, small))
    gone = fired.hidden_totals
    return View(
        facts=facts,
        small=small,
        rules=tuple(rules),
        alerts=_sum(of.alerts, shown["alerts"], "" in gone),
        interruptive=_sum(facts.interruptive, shown["interruptive"], "interruptive" in gone),
        open=_sum(of.open, shown["open"], "" in opened.hidden_totals),
        with_alert=_patients(of.with_alert, small, "" in gone),
        with_interruptive=_patients(facts.with_interruptive, small, "interruptive" in gone),
        with_contraindicated=_patients(of.with_contraindicated, small, "contraindicated" in gone),
        with_open=_patients(of.with_open, small, "" in opened.hidden_totals),
        identified=identified,
        assessable=assessable,
        names=names,
        names_hidden=facts.different_names - len(names),
        missing=told,
        missing_hidden=len(missing) - len(told),
    )


def number(patients: int, small: int) -> Number:
    """A count of patients, hidden where it is small."""
    return Number(1, small - 1) if cells.is_small(patients, small) else Number(patients, patients)


def chain(counts: tuple[int, ...], small: int) -> list[Number]:
    """Counts of which each is part of the one before: neither they nor the steps between are small."""
    found: list[Number] = []
    last = counts[0]
    for count in counts:
        if cells.is_small(last - count, small):
            found.append(Number(max(last - small + 1, 0), last - 1 if last >= small else last))
        else:
            found.append(number(count, small) if found else Number(count, count))
            last = count if found[-1].exact else last
    return found


def _marks(rule: RuleFacts) -> frozenset[str]:
    marks = {"interruptive"} if rule.interrupts else set()
    return frozenset(marks | {"contraindicated"} if rule.severity == "contraindicated" else marks)


def _sum(total: int, shown: int, hidden: bool) -> Number:
    return Number(max(shown, 1), None) if hidden and total else Number(total, total)


def _patients(count: int, small: int, hidden: bool) -> Number:
    found = number(count, small)
    return Number(small, None) if hidden and found.exact and count else found


def _rule(rule: RuleFacts, fired: Cell, left_open: Cell, screened: int, small: int) -> RuleView:
    findings, patients = rule.findings, rule.patients
    least, most = patients["sure"], patients["possible"]
    hidden = (least, most, patients["fired"] - least)
    bounded = fired is left_open is Cell.SHOWN and not any(cells.is_small(count, small) for count in hidden)
    bounded = bounded and screened > 0 and not cells.is_small(patients["failed"], small)

    def told(count: int, cell: Cell) -> str:
        return {Cell.SMALL: f"<{small}", Cell.PARTNER: NOT_SHOWN}.get(cell) or f"{count:,}"

    def unless_small(name: str) -> str:
        return f"<{small}" if cells.is_small(patients[name], small) else f"{findings[name]:,}"

    return RuleView(
        facts=rule,
        alerts=told(findings["fired"], fired),
        patients=told(patients["fired"], fired),
        rate=rates.of_patients(patients["fired"], screened) if fired is Cell.SHOWN else None,
        open=told(findings["open"], left_open),
        open_rate=rates.of_patients(patients["open"], screened) if left_open is Cell.SHOWN else None,
        least=100 * least / screened if bounded else None,
        most=100 * most / screened if bounded else None,
        excepted=unless_small("excepted"),
        suppressed=unless_small("suppressed"),
        failed=unless_small("failed"),
        fired=fired,
        left_open=left_open,
    )


def _order(rule: RuleView) -> tuple[object, ...]:
    """Most alerts first; hidden ones after those that are shown, in an order that tells nothing."""
    fired, opened = rule.facts.findings["fired"], rule.facts.findings["open"]
    alerts = fired if rule.fired is Cell.SHOWN else 0.5
    left_open = opened if rule.left_open is Cell.SHOWN else 0.5
    return (-alerts, -left_open, rule.severity_rank, rule.facts.id)
