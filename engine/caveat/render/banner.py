"""The line that opens every report: always three numbers, and why some things could not be assessed."""

from __future__ import annotations

from collections import Counter
from dataclasses import replace

from caveat.findings.report import Report
from caveat.render.clean import clean
from caveat.render.words import counted, joined, missing_briefly

MOST_REASONS = 3


def banner(report: Report, most: int = MOST_REASONS, why: list[str] | None = None) -> str:
    """`3 alerts · 212 rules checked · 4 could not be assessed (no creatinine; "warfrin" not recognised)`.

    The third number counts rules left open, names not recognised, values not used and rules that
    failed: it is 0 only when nothing of that kind is there. `why` are the reasons where they are at hand.
    """
    open_count = unassessed(report)
    text = (
        f"{counted(len(report.alerts), 'alert')} · {counted(report.rules_checked, 'rule')} checked · "
        f"{open_count} could not be assessed"
    )
    if not open_count:
        return text
    return f"{text} ({joined(reasons(report) if why is None else why, most)})"


def unassessed(report: Report) -> int:
    """How many things of this record could not be assessed."""
    return len(report.cannot_assess) + len(report.unrecognised) + len(report.errors)


def reasons(report: Report) -> list[str]:
    """Why, in words: failures and names not recognised first, then missing facts, the commonest first."""
    found: list[str] = []
    failed = [e for e in report.errors if e.code in ("rule-failed", "check-failed", "evaluators-differ")]
    if failed:
        found.append("interaction check failed, review manually")
    unused = len(report.errors) - len(failed)
    if unused:
        found.append(f"{counted(unused, 'fault')} in the record")
    found += [f'"{clean(u.text, 40)}" not recognised' for u in report.unrecognised if u.kind != "condition"]
    conditions = [u for u in report.unrecognised if u.kind == "condition"]
    if len(conditions) == 1:
        found.append(f'"{clean(conditions[0].text, 40)}" not recognised')
    elif conditions:
        found.append(f"{len(conditions)} conditions not recognised")
    missing: Counter[str] = Counter()
    for finding in report.cannot_assess:
        missing.update({missing_briefly(replace(m, of=())): 1 for m in finding.missing})
    return found + [text for text, _ in missing.most_common()]
