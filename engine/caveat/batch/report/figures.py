"""Key figures with their intervals, and the names that were not recognised."""

from __future__ import annotations

from typing import Final

from caveat.batch.report import rates
from caveat.batch.report.markup import Html, foreign, h, simple_table
from caveat.batch.report.rates import Rate
from caveat.batch.report.view import Number, View, number
from caveat.batch.report.words import counted, interval, per_100

NAMES_SHOWN: Final = 25


def key_figures(view: View) -> Html | None:
    """Rates per 100 patients with intervals, and the names that were not recognised."""
    if not view.screened:
        return None
    facts, of, n = view.facts, view.facts.patients, view.screened
    alerts = rates.of_events(of.alerts, of.alert_squares, n) if view.alerts.exact else None
    loud = (
        rates.of_events(facts.interruptive, facts.interruptive_squares, n)
        if view.interruptive.exact
        else None
    )
    partly = view.assessable.less_from(n)
    unnamed = view.identified.less_from(n)
    contraindicated, not_assessed = view.share(view.with_contraindicated), view.share(partly)
    cards = [
        ("alerts per 100 patients", alerts, view.alerts),
        ("interruptive alerts per 100 patients", loud, view.interruptive),
        ("of 100 patients have a contraindication", contraindicated, view.with_contraindicated),
        ("of 100 patients could not be assessed in full", not_assessed, partly),
    ]
    rows = [
        _figure("Alerts", "rules that fired and that no other supersedes", view.alerts, alerts),
        _figure(
            "Interruptive alerts", "hard stops and interruptions under the policy", view.interruptive, loud
        ),
        _figure("Patients with an alert", "", view.with_alert, view.share(view.with_alert)),
        _figure(
            "Patients with an interruptive alert",
            "",
            view.with_interruptive,
            view.share(view.with_interruptive),
        ),
        _figure("Patients with a contraindication", "", view.with_contraindicated, contraindicated),
        _figure(
            "Patients not assessed in full",
            "something was left open, not recognised or not used",
            partly,
            not_assessed,
        ),
        _figure(
            "Patients with a rule left open",
            "a fact it needs is missing",
            view.with_open,
            view.share(view.with_open),
        ),
        _figure(
            "Patients with a medicine or allergen not recognised",
            "no rule was tried on it",
            unnamed,
            view.share(unnamed),
        ),
    ]
    outside = number(of.with_uncovered, view.small)
    rows.append(
        _figure(
            "Patients with a medicine that no rule is about",
            "recognised, but nothing is said of it",
            outside,
            view.share(outside),
        )
    )
    head = ("Figure", "Count", "Per 100 patients", "95 % interval")
    return h(
        "section",
        h("h2", "Key figures"),
        h("div", *(_card(*card) for card in cards), class_="cards"),
        simple_table(head, rows, "Key figures"),
        h(
            "p",
            "Intervals say how far chance alone reaches, as if this cohort were a sample: Wilson’s for "
            "patients; for alerts, which come several to a patient, that of the mean number a patient (see "
            "Methods).",
            class_="fine",
        ),
        *_names(view),
        id="figures",
    )


def _card(words: str, rate: Rate | None, number: Number) -> Html:
    big = per_100(rate.value) if rate else number.text
    return h(
        "div",
        h("b", big),
        h("span", words if rate else words.replace("per 100 patients", "").replace("of 100 ", "")),
        h("small", f"95 % interval {interval(rate)}" if rate else "rate not shown"),
        class_="card",
    )


def _figure(name: str, meant: str, number: Number, rate: Rate | None) -> Html:
    label = h("th", name, h("small", meant) if meant else None, scope="row")
    value = per_100(rate.value) if rate else per_100(None)
    return h(
        "tr",
        label,
        h("td", number.text, class_="n"),
        h("td", value, class_="n"),
        h("td", interval(rate), class_="n"),
    )


def _names(view: View) -> list[Html]:
    if not view.facts.different_names:
        return [
            h("h3", "Names not recognised"),
            h("p", "Every medicine, allergen and condition was recognised."),
        ]
    rank = {"medication": 0, "allergy": 1}
    listed = sorted(view.names, key=lambda name: (rank.get(name.kind, 2), -name.patients, name.text))
    rows = [
        h(
            "tr",
            h("td", foreign(name.text, 80)),
            h("td", foreign(name.kind, 20)),
            h("td", f"{name.patients:,}", class_="n"),
            h("td", f"{name.mentions:,}", class_="n"),
        )
        for name in listed[:NAMES_SHOWN]
    ]
    found = [
        h("h3", "Names not recognised"),
        h("p", "No rule was tried on these. Those met most often, medicines first:") if rows else None,
        simple_table(("As written", "Kind", "Patients", "Mentions"), rows, "Names not recognised", texts=2)
        if rows
        else None,
    ]
    more = view.facts.different_names - len(rows)
    if more and rows:
        found.append(h("p", f"And {counted(more, 'other name')}; patients.parquet has all."))
    elif more:
        few = f", each in fewer than {view.small} patients"
        found.append(
            h("p", f"{counted(more, 'name')}{few}; no rule was tried on them. patients.parquet has all.")
        )
    return [part for part in found if part is not None]
