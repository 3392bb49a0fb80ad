"""From records read to patients assessed, and what was rejected on the way."""

from __future__ import annotations

from typing import Final

from caveat.batch.report.facts import MOST_REJECTS
from caveat.batch.report.markup import Html, csv_link, foreign, h, simple_table
from caveat.batch.report.view import Number, View
from caveat.batch.report.words import counted

MOST_CODES: Final = 20


def attrition(view: View, *, identifiers: bool) -> Html:
    """From what was read to what could be assessed in full, and what was set aside with the reasons."""
    of, rejects, run = view.facts.patients, view.facts.rejects, view.facts.run
    read = run.entered if run.entered is not None else of.screened + rejects.records
    steps = [
        ("Read", "patient records found in the source", Number(read, read)),
        ("Parsed", "valid records; these were screened", Number(of.screened, of.screened)),
        ("Identified", "every medicine and allergen was recognised", view.identified),
        ("Assessable", "and nothing else was left open: no rule, no name, no value", view.assessable),
    ]
    rows = []
    for name, meant, number in steps:
        share = 100 * number.low / read if read else 0.0
        bar = h("span", h("span", style=f"width:{share:.1f}%"), class_="meter", aria_hidden="true")
        percent = f"{share:.1f} %" if number.exact and read else ""
        rows.append(
            h(
                "tr",
                h("th", name, scope="row"),
                h("td", meant),
                h("td", number.text, class_="n"),
                h("td", percent, class_="n"),
                h("td", bar),
            )
        )
    columns = ("Step", "What it means", "Patients", "Of those read", "")
    table = simple_table(columns, rows, "Attrition", texts=2)
    return h(
        "section",
        h("h2", "From records read to patients assessed"),
        table,
        *_rejected(view, identifiers),
        id="attrition",
    )


def _rejected(view: View, identifiers: bool) -> list[Html]:
    rejects = view.facts.rejects
    if not rejects.total:
        return [h("p", "Nothing was rejected or set aside.")]
    text = f"{counted(rejects.records, 'patient record')} rejected"
    other = rejects.total - rejects.records - rejects.harmless
    if other > 0:
        text += f", {counted(other, 'other item')} of the input set aside"
    if rejects.harmless:
        text += f"; {counted(rejects.harmless, 'item')} beside the records that cannot hold patient data"
    rows = [
        h(
            "tr",
            h("td", h("code", foreign(code, 60))),
            h("td", foreign(field, 80) or "the whole record"),
            h("td", f"{count:,}", class_="n"),
        )
        for code, field, count in rejects.by_code[:MOST_CODES]
    ]
    more = rejects.total - sum(count for _, _, count in rejects.by_code[:MOST_CODES])
    found = [
        h("h3", "Rejected and set aside"),
        h("p", text + "."),
        simple_table(("Code", "Field", "Items"), rows, "Rejected", texts=2),
    ]
    if more:
        found.append(h("p", f"And {counted(more, 'item')} with other codes or fields."))
    cut = "" if rejects.total <= MOST_REJECTS else f" (the first {MOST_REJECTS:,} of {rejects.total:,})"
    hint = "rejects.parquet beside this report has every row with file, value and how to mend it."
    return [*found, h("p", f"{hint} ", _reject_link(view, identifiers), cut)]


def _reject_link(view: View, identifiers: bool) -> Html:
    names = (
        ("file", "line", "field", "code", "message", "value", "patient")
        if identifiers
        else ("line", "field", "code")
    )
    numbers = {path: place for place, (path, _) in enumerate(view.facts.run.inputs, 1)}
    rows = [(numbers.get(row["file"]), *(row[name] for name in names)) for row in view.facts.rejects.rows]
    return csv_link("rejects.csv", "Download as CSV", ("input", *names), rows)
