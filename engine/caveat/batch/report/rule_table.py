"""The table of rules, sortable and searchable, and as CSV."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from caveat.batch.report.markup import Html, csv_link, foreign, h
from caveat.batch.report.view import RuleView, View, rank
from caveat.batch.report.words import counted, grade, interval, per_100

LISTED: Final = 500
"""Rules that the table lists; the file for download has more."""

MOST_CSV: Final = 20_000
"""Rules in the file for download."""


TEXTS: Final = 3
"""Columns of text before those of numbers."""

_TOOLS: Final = Html(
    '<div class="tools" hidden><label>Find <input type="search" id="find" placeholder="rule or kind">'
    '</label> <label>Severity <select id="grade"><option value="">all</option></select></label> '
    '<output id="found"></output></div>'
)

_COLUMNS: Final = (
    "Alerts: fired and not superseded. Patients: with such an alert; per 100 of those screened, with the 95 "
    "% interval. Left open: findings that could not be assessed because a fact is missing; per 100: "
    "patients. Excepted: an exception of the rule holds. Superseded: it fired, and another rule says more."
)


def rules(view: View) -> Html:
    """A row a rule."""
    listed = view.rules[:LISTED]
    head = (
        "Severity",
        "Kind",
        "Rule",
        "Alerts",
        "Patients",
        "Per 100",
        "Left open",
        "Open per 100",
        "Excepted",
        "Superseded",
    )
    cells = [h("th", name, scope="col", class_="n" if at >= TEXTS else None) for at, name in enumerate(head)]
    table = h(
        "table",
        h("thead", h("tr", *cells)),
        h("tbody", *map(_row, listed)),
        id="rule-table",
        class_="sortable",
        aria_label="Rules",
    )
    return h(
        "section",
        h("h2", "Rule by rule"),
        h("p", *_about_table(view, len(listed))),
        _TOOLS if listed else None,
        h("div", table, class_="wide tall") if listed else None,
        h("p", _COLUMNS, class_="fine") if listed else None,
        id="rules",
    )


def _about_table(view: View, listed: int) -> Iterable[Html | str]:
    total = len(view.rules)
    if not total:
        yield "No rule had any finding, and the run lists none."
        return
    unlisted = view.facts.run.rules_checked - total
    silent = sum(
        not rule.facts.findings["possible"] and not rule.facts.findings["excepted"] for rule in view.rules
    )
    yield f"{counted(total, 'row')}; {silent:,} of these neither fired nor were left open for anybody. "
    if unlisted > 0:
        yield f"The run does not list a further {counted(unlisted, 'rule')} without any finding. "
    if listed < total:
        in_csv = min(total, MOST_CSV)
        yield f"The {listed:,} with most alerts are listed here, and {in_csv - listed:,} more are in the CSV"
        yield (
            f"; {total - in_csv:,} have so few that only findings.parquet has them. "
            if in_csv < total
            else ". "
        )
    if view.small:
        yield (
            f"“<{view.small}” stands for 1 to {view.small - 1} patients; “–” is hidden so that a total does "
            "not give away such a count. "
        )
    yield csv_link("rules.csv", "Download as CSV", _CSV, (_csv_row(rule) for rule in view.rules[:MOST_CSV]))


def _row(rule: RuleView) -> Html:
    facts = rule.facts
    rate = per_100(rule.rate.value if rule.rate else None)
    title = foreign(facts.title, 160) or foreign(facts.id, 120)
    marks = " · interrupts" if facts.interrupts else None
    failed = (
        h("strong", f"FAILED {rule.failed} times; review by hand", class_="failed")
        if facts.findings["failed"]
        else None
    )
    return h(
        "tr",
        h("td", grade(facts.severity), data_v=rank(facts.severity)),
        h("td", foreign(facts.kind, 40)),
        h("td", title, h("small", h("code", foreign(facts.id, 120)), marks), failed, class_="rule"),
        _count(rule.alerts),
        _count(rule.patients),
        h(
            "td",
            h("b", rate),
            h("small", interval(rule.rate)) if rule.rate and rule.rate.value else None,
            class_="n",
            data_v=_sortable(rule.rate.value if rule.rate else None),
        ),
        _count(rule.open, "open" if facts.findings["open"] else ""),
        h(
            "td",
            per_100(rule.open_rate.value if rule.open_rate else None),
            class_="n",
            data_v=_sortable(rule.open_rate.value if rule.open_rate else None),
        ),
        _count(rule.excepted),
        _count(rule.suppressed),
    )


def _count(text: str, name: str = "") -> Html:
    digits = text.replace(",", "")
    value = digits if digits.isdigit() else "0.5"
    return h("td", text, class_=f"n {name}".strip(), data_v=value)


def _sortable(value: float | None) -> str:
    return "0" if value is None else f"{value:.6g}"


_CSV: Final = (
    "rule",
    "title",
    "severity",
    "kind",
    "tier",
    "status",
    "alerts",
    "patients",
    "patients_per_100",
    "low_95",
    "high_95",
    "left_open",
    "patients_left_open_per_100",
    "least_per_100",
    "most_per_100",
    "excepted",
    "superseded",
    "failed",
)


def _csv_row(rule: RuleView) -> tuple[object, ...]:
    facts, rate = rule.facts, rule.rate

    def number(text: str) -> object:
        return text.replace(",", "")

    def exact(value: float | None) -> object:
        return "" if value is None else f"{value:.6g}"

    return (
        facts.id,
        facts.title,
        facts.severity,
        facts.kind,
        facts.tier,
        facts.status,
        number(rule.alerts),
        number(rule.patients),
        exact(rate.value if rate else None),
        exact(rate.low if rate else None),
        exact(rate.high if rate else None),
        number(rule.open),
        exact(rule.open_rate.value if rule.open_rate else None),
        exact(rule.least),
        exact(rule.most),
        number(rule.excepted),
        number(rule.suppressed),
        number(rule.failed),
    )
