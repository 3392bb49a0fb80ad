"""Where the alerts are: by severity and kind of rule, and in how few rules."""

from __future__ import annotations

from typing import Final

from caveat.batch.report import charts
from caveat.batch.report.cells import Cell
from caveat.batch.report.charts import Tile
from caveat.batch.report.figure import figure, title_of
from caveat.batch.report.markup import Html, foreign, h
from caveat.batch.report.view import View, rank
from caveat.batch.report.words import counted, grade, per_100, word

TOP: Final = 10


def heat(view: View) -> Html | None:
    """Alerts per 100 patients by severity and kind of rule."""
    if not view.rules or not view.screened:
        return None
    sums: dict[tuple[str, str], int] = {}
    more: set[tuple[str, str]] = set()
    order = sorted({(rank(r.facts.severity), word(r.facts.severity)) for r in view.rules})
    rows = list(dict.fromkeys(name for _, name in order))
    for rule in view.rules:
        key = word(rule.facts.severity), foreign(rule.facts.kind or "not stated", 40)
        sums[key] = sums.get(key, 0) + (rule.facts.findings["fired"] if rule.fired is Cell.SHOWN else 0)
        if rule.fired is not Cell.SHOWN:
            more.add(key)
    totals: dict[str, int] = {}
    for (_, kind), count in sums.items():
        totals[kind] = totals.get(kind, 0) + count
    columns = sorted(totals, key=lambda kind: (-totals[kind], kind))
    rated = {key: 100 * count / view.screened for key, count in sums.items()}
    text = {key: per_100(rate) + ("+" if key in more else "") for key, rate in rated.items()}
    tiles = [Tile(*key, rate, text[key]) for key, rate in rated.items()]
    body = [
        h(
            "tr",
            h("th", row, scope="row"),
            *(h("td", text.get((row, kind), ""), class_="n") for kind in columns),
        )
        for row in rows
    ]
    note = "Alerts per 100 patients. An empty place has no rule."
    if more:
        note += f" “+”: rules with fewer than {view.small} patients, or hidden for their sake, come on top."
    picture = (
        charts.heat_map(
            tiles,
            rows,
            columns,
            "Alerts per 100 patients by severity and kind of rule; the table has the figures",
        )
        if charts.available()
        else None
    )
    return figure("heat", "Severity by kind of rule", note, picture, ("", *columns), body)


def concentration(view: View) -> Html | None:
    """Which few rules make most of the alerts."""
    fired = [rule for rule in view.rules if rule.fired is Cell.SHOWN and rule.facts.findings["fired"]]
    if not fired:
        return None
    total = view.alerts.low if view.alerts.exact else sum(rule.facts.findings["fired"] for rule in fired)
    shares: list[float] = []
    done = 0
    for rule in fired:
        done += rule.facts.findings["fired"]
        shares.append(100 * done / total)
    mark = next((place for place, share in enumerate(shares, 1) if share >= 80), 0)
    top = fired[:TOP]
    first = f"{len(top)} rules with most alerts make" if len(top) > 1 else "rule with most alerts makes"
    whole = "all" if view.alerts.exact else "the shown"
    lead = f"The {first} {shares[len(top) - 1]:.0f} % of {whole} alerts"
    reach = (
        f"{counted(mark, 'rule')} reach{'es' if mark == 1 else ''} 80 %"
        if mark
        else "those shown do not reach 80 %"
    )
    lead = f"{lead}; {reach}."
    body = []
    for place, rule in enumerate(top):
        count = rule.facts.findings["fired"]
        body.append(
            h(
                "tr",
                h("td", f"{place + 1}", class_="n"),
                h("td", grade(rule.facts.severity)),
                h("td", title_of(rule)),
                h("td", f"{count:,}", class_="n"),
                h("td", f"{100 * count / total:.1f} %", class_="n"),
                h("td", f"{shares[place]:.1f} %", class_="n"),
            )
        )
    picture = (
        charts.concentration(shares, mark, f"Share of alerts by rules, those with most first: {lead}")
        if charts.available()
        else None
    )
    head = ("", "Severity", "Rule", "Alerts", "Share", "Up to here")
    return figure(
        "concentration", "Where the alerts come from", lead, picture, head, body, texts=3, opened=True
    )
