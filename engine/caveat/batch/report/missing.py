"""What missing data hide: the least and the most the rules could say, and what each fact would tell."""

from __future__ import annotations

from typing import Final

from caveat.batch.report import charts, rates
from caveat.batch.report.cells import Cell
from caveat.batch.report.charts import Range
from caveat.batch.report.figure import figure, text_of, title_of
from caveat.batch.report.markup import Html, foreign, h, simple_table
from caveat.batch.report.view import NO_LIST, View
from caveat.batch.report.words import counted, fact, grade, per_100, shape, word

BARS: Final = 15
FACTS: Final = 40


def missing(view: View) -> Html | None:
    """What missing data hide: the least and the most the rules could say, and what each fact would tell."""
    of = view.facts.patients
    if not view.screened or not (of.alerts or of.open or of.failed):
        return None
    parts: list[Html | None] = [h("h2", "What missing data hide"), h("p", _bounds(view))]
    parts += _by_fact(view)
    bars = sorted(
        (
            r
            for r in view.rules
            if r.most is not None
            and r.facts.id != NO_LIST
            and r.facts.patients["possible"] > r.facts.patients["sure"]
        ),
        key=lambda r: (-r.facts.patients["possible"], r.severity_rank, r.facts.id),
    )[:BARS]
    if bars:
        drawn = [
            Range(
                f"{word(r.facts.severity)}: {foreign(text_of(r), 52)}",
                r.least or 0,
                100 * r.facts.patients["fired"] / view.screened,
                r.most or 0,
            )
            for r in bars
        ]
        body = [
            h(
                "tr",
                h("td", grade(r.facts.severity)),
                h("td", title_of(r)),
                h("td", per_100(r.least), class_="n"),
                h("td", per_100(one.fired), class_="n"),
                h("td", per_100(r.most), class_="n"),
            )
            for r, one in zip(bars, drawn, strict=True)
        ]
        note = (
            f"Patients per 100; the {counted(len(bars), 'rule')} that may concern most. Filled: an alert "
            "fired. Dashed: how far it would go if every patient left open had the alert. At least: "
            "patients with an alert none of whose exceptions is unchecked."
        )
        picture = (
            charts.ranges(
                drawn,
                "Patients per 100 with an alert, and with what is left open; the table below has the figures",
            )
            if charts.available()
            else None
        )
        head = ("Severity", "Rule", "At least", "Fired", "At most")
        parts.append(
            figure("", "Rule by rule, if all were known", note, picture, head, body, texts=2, level="h3")
        )
    return h("section", *parts, id="missing")


def _bounds(view: View) -> str:
    of, unlisted = view.facts.patients, view.without_list
    if not (view.alerts.exact and view.open.exact):
        return "The sums would give away a small count and are hidden; the table of rules has the rest."
    doubtful = of.alerts - sum(rule.facts.findings["sure"] for rule in view.rules)
    opened = of.open - (unlisted.low if unlisted.exact else 0)
    fewest, most = of.alerts - doubtful, of.alerts + opened + of.failed
    text = f"{counted(of.alerts, 'alert')} fired"
    if doubtful:
        some = f"{doubtful:,}"
        if view.small and doubtful < view.small:
            fewest, some = of.alerts - view.small + 1, f"fewer than {view.small}"
        text += f"; {some} of them have an exception that could not be checked, and may fall away"
    text += f". {counted(opened, 'finding')} {'was' if opened == 1 else 'were'} left open"
    if of.failed:
        text += f" and {counted(of.failed, 'check')} failed"
    text += (
        f"; each may be an alert. Were everything known, these rules would give {fewest:,} to {most:,} "
        "alerts on these patients. Outside this range lie records that were rejected and names not recognised"
    )
    if unlisted.low:
        text += f", and patients without a list of medicines ({unlisted.text}): nothing bounds their alerts"
    return text + "."


def _by_fact(view: View) -> list[Html | None]:
    if not view.missing:
        return []
    first = view.missing[0]
    alone = _alone(view, first.alone, first.patients_alone)
    lead = (
        f"Were {fact(first.fact)} known for these {counted(first.patients, 'patient')}, up to "
        f"{counted(first.findings, 'more alert')}; {alone} of these findings lack nothing else."
    )
    rows = [
        h(
            "tr",
            h("th", fact(one.fact), scope="row"),
            h("td", f"{one.patients:,}", class_="n"),
            h("td", per_100(rates_of(view, one.patients)), class_="n"),
            h("td", f"{one.findings:,}", class_="n"),
            h("td", _alone(view, one.alone, one.patients_alone), class_="n"),
        )
        for one in view.missing[:FACTS]
    ]
    note = "A finding that lacks several facts is counted at each: do not add the rows up."
    if any(rule.left_open is not Cell.SHOWN for rule in view.rules):
        note += " Rules whose findings are hidden in the table above are left out here."
    hidden = view.missing_hidden + max(len(view.missing) - FACTS, 0)
    if hidden:
        note += (
            f" {counted(hidden, 'other fact')} {'is' if hidden == 1 else 'are'} missing for fewer patients."
        )
    head = ("Missing fact", "Patients", "Per 100", "More alerts, at most", "of which lack nothing else")
    return [
        h("p", shape("open"), h("strong", lead)),
        simple_table(head, rows, "Missing facts"),
        h("p", note, class_="fine"),
    ]


def rates_of(view: View, patients: int) -> float | None:
    """Patients per 100."""
    rate = rates.of_patients(patients, view.screened)
    return rate.value if rate else None


def _alone(view: View, findings: int, patients: int) -> str:
    return f"<{view.small}" if 0 < patients < view.small else f"{findings:,}"
