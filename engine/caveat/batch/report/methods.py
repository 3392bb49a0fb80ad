"""How the figures were made, and what they do not say."""

from __future__ import annotations

from typing import Final

from caveat.batch.report.markup import Html, h
from caveat.batch.report.view import View

_TERMS: Final = (
    (
        "Alert",
        "a rule that fired for a patient, or for an order, pair or allergy of one, and that no other firing "
        "rule supersedes.",
    ),
    ("Interruptive", "the policy of the run makes it a hard stop or an interruption."),
    (
        "Left open",
        "the rule could not be assessed, because a fact it needs is missing, too old or in an odd unit.",
    ),
    ("Per 100", "per 100 patients screened, whether or not the rule could concern them."),
    ("Interval of a share", "Wilson’s score interval, 95 %, without continuity correction."),
    (
        "Interval of alerts",
        "that of the logarithm of the rate, with the standard error of the mean number a patient, never "
        "below Poisson’s; with no alert, Poisson’s exact upper end.",
    ),
    (
        "Could not be assessed",
        "rules left open, names not recognised, values not used, checks that failed, and items of the input "
        "that were set aside.",
    ),
    (
        "At least, at most",
        "patients with an alert none of whose exceptions is unchecked; those with an alert, a rule left "
        "open or a failed check. What supersedes what is taken as it stands.",
    ),
)

_FILES: Final = (
    "run.json (manifest with hashes), patients.parquet, findings.parquet and rejects.parquet stand beside "
    "this report."
)


def _small_cells(k: int) -> str:
    if not k:
        return (
            "Small cells are shown, so this report can point to single patients: keep it as the records are."
        )
    return (
        f"Counts of 1 to {k - 1} patients, and the findings they have, are shown as “<{k}”. Further rows are "
        "hidden (“–”) until the totals over all rules leave each of them open. Breakdowns are sums of rows "
        "that are shown. Not protected: counts of records read and rejected, of faults in them and of "
        "failed checks; the rest of a large count (998 of 1,000); differences of two figures, or of two "
        "reports on nearly the same patients."
    )


def _named(view: View, identifiers: bool) -> str:
    if identifiers:
        return "This report names records: rejected rows carry their file, value and patient."
    text = "No patient identifier is written. Names not recognised are shown as the records have them"
    return f"{text}, where at least {view.small} patients share them." if view.small else text + "."


def methods(view: View, *, identifiers: bool) -> Html:
    """Definitions, intervals, small cells, and where the rest is."""
    terms = [*_TERMS, ("Small cells", _small_cells(view.small)), ("Identifiers", _named(view, identifiers))]
    terms.append(("Files", _FILES))
    return h(
        "section",
        h("h2", "Methods"),
        h("dl", *(h("div", h("dt", name), h("dd", text)) for name, text in terms), class_="methods"),
        id="methods",
    )
