"""A report as text: the banner, alerts gravest first, what could not be assessed, what was not recognised.

Word and shape carry the meaning; colour is laid over by `render.colour` where a terminal has it.
"""

from __future__ import annotations

from collections.abc import Iterable

from caveat.compile.site import NOTES
from caveat.findings.report import Report, Unrecognised
from caveat.render.alert import alert_lines, open_groups, product_words, subject_words
from caveat.render.banner import banner
from caveat.render.clean import clean
from caveat.render.json import exceptions
from caveat.render.lines import BLANK, Line, line, paragraph, plain
from caveat.render.products import NotCovered, Product
from caveat.render.view import View
from caveat.render.words import counted

NOT_A_DEVICE = "caveat is not a medical device; it does not replace clinical judgement."
FAILED = "interaction check failed, review manually"
MOST_NAMES = 5
_RECORDS = ("same-patient", "patient-conflict", "more-problems")
_DOUBT = "Record in doubt"


def report_text(
    report: Report,
    view: View | None = None,
    *,
    checked: Iterable[Product] = (),
    not_covered: Iterable[NotCovered] | None = None,
) -> str:
    """The report as plain text; `report_lines` says what the arguments are."""
    return plain(report_lines(report, view or View(), checked=checked, not_covered=not_covered))


def report_lines(
    report: Report,
    view: View,
    *,
    checked: Iterable[Product] = (),
    not_covered: Iterable[NotCovered] | None = None,
) -> list[Line]:
    """The report as lines. `checked` are the recognised current orders, `not_covered` those of them
    that no rule is about (None: not worked out)."""
    lines = [line(("Patient ", "label"), (clean(report.patient), "head"), f" · as of {report.as_of}")]
    lines.append(line((banner(report), "head")))
    if report.errors:
        lines += [BLANK, *_errors(report, view)]
    for finding in report.alerts:
        lines += [BLANK, *alert_lines(finding, view)]
    for group in open_groups(report.cannot_assess, view):
        lines += [BLANK, *group]
    if report.unrecognised:
        lines += [BLANK, *_unrecognised(report.unrecognised, view)]
    others = list(not_covered or ())
    if report.is_clear:
        lines += [BLANK, *_clear(report, view, list(checked), others)]
    elif others:
        lines += [BLANK, *_uncovered(others, view)]
    aside = _aside(report, view)
    return [*lines, BLANK, *aside] if aside else lines


def _errors(report: Report, view: View) -> list[Line]:
    lines: list[Line] = []
    for error in report.errors:
        failed = error.code in ("rule-failed", "check-failed", "evaluators-differ")
        head = FAILED if failed else _DOUBT if error.code in _RECORDS else "Value not used"
        lines.append(line((f"{view.shape('open')} {head}", "open")))
        where = f" at {clean(error.path)}" if error.path else ""
        shown = f" (found {clean(error.value, 80)})" if error.value else ""
        lines += paragraph("", f"{clean(error.message, 400)}{where}{shown}", view.width)
    return lines


def _unrecognised(found: tuple[Unrecognised, ...], view: View) -> list[Line]:
    lines = [line((f"{view.shape('open')} Not recognised, so not judged", "open"))]
    named = [u for u in found if u.kind != "condition"]
    conditions = [u for u in found if u.kind == "condition"]
    shown = conditions if view.verbose else conditions[:MOST_NAMES]
    for entry in (*named, *shown):
        lines += paragraph(entry.kind.capitalize(), _name(entry), view.width)
    if len(shown) < len(conditions):
        rest = len(conditions) - len(shown)
        lines += paragraph(
            "", f"and {counted(rest, 'more condition')} (-v shows them)", view.width, role="dim"
        )
    return lines


def _name(entry: Unrecognised) -> str:
    text = f'"{clean(entry.text)}"'
    if entry.id:
        text += f" ({clean(entry.id, 60)})"
    if entry.partly:
        text += f"; judged as {' + '.join(entry.partly)} only"
    if entry.candidates:
        text += f". Did you mean {' or '.join(clean(c, 60) for c in entry.candidates[:3])}? None was taken"
    return text


def _clear(report: Report, view: View, checked: list[Product], others: list[NotCovered]) -> list[Line]:
    """Nothing found and nothing open: exactly what that statement rests on."""
    status = f" ({view.rules})" if view.statuses else ""
    what = ", ".join(product_words(p) for p in checked) or "no current medicine"
    text = (
        f"Nothing found by {counted(report.rules_checked, 'rule')}{status} of ruleset {report.version} "
        f"on {report.as_of}."
    )
    lines = paragraph("Checked", text, view.width)
    lines += paragraph("Against", what, view.width)
    lines += _uncovered(others, view)
    return lines + paragraph("", NOT_A_DEVICE, view.width, role="dim")


def _uncovered(others: list[NotCovered], view: View) -> list[Line]:
    if not others:
        return []
    names = ", ".join(product_words(p) for p in others)
    return paragraph("Not covered", f"no rule of this ruleset is about {names}", view.width)


def _aside(report: Report, view: View) -> list[Line]:
    """What was excused, suppressed or noted: counted always, listed when more was asked for.

    What the site changed about the rules is always said.
    """
    site = [note for note in report.notes if note.code in NOTES]
    lines: list[Line] = []
    for note in site:
        lines += paragraph("Site", clean(note.message, 400), view.width, indent=0)
    if not view.verbose:
        notes = sum(note.count for note in report.notes if note not in site)
        parts = [
            f"{count} {what}"
            for count, what in (
                (len(report.suppressed), "suppressed by a graver alert"),
                (len(report.excepted), "excused by an exception"),
            )
            if count
        ]
        if notes:
            parts.append(counted(notes, "note") + " on the data")
        return [*lines, line((" · ".join(parts) + " (-v lists them)", "dim"))] if parts else lines
    for finding in report.suppressed:
        text = f"{finding.rule.id} for {subject_words(finding)}, by {finding.suppressed_by}"
        lines += paragraph("Suppressed", text, view.width, indent=0)
    for finding in report.excepted:
        why = "; ".join(f"{e['id']}: {clean(e['because'])}" for e in exceptions(finding))
        lines += paragraph(
            "Excused", f"{finding.rule.id} for {subject_words(finding)} by {why}", view.width, indent=0
        )
    for note in (note for note in report.notes if note not in site):
        times = f" ({note.count} times)" if note.count > 1 else ""
        where = f" at {clean(note.path)}" if note.path else ""
        lines += paragraph("Note", f"{clean(note.message, 400)}{times}{where}", view.width, indent=0)
    return lines
