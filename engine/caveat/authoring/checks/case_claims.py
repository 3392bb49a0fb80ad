"""A case that is not what its class says."""

from __future__ import annotations

from collections.abc import Iterator

from caveat.authoring.case_files import Case, PlacedCase
from caveat.authoring.checks.base import Check, Folder, finding
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C059", "error")
TITLE = "case does not show what its class says"
_STATUSES = {"fires": "fires", "not-met": "not-met", "exception-met": "excepted"}


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each case whose expectations do not have what its class stands for."""
    for placed in folder.cases:
        why = problem(placed.case, placed)
        if why:
            hint = "Change its class, or what it expects."
            yield finding(CODE, TITLE, placed.place, why, hint, rule=placed.case.rule)


def problem(case: Case, placed: PlacedCase) -> str:
    """Why a case does not fit its class; empty when it does."""
    statuses = {item.status for item in case.expect}
    wanted = _STATUSES.get(case.class_)
    if wanted is not None and wanted not in statuses:
        return f"No subject is expected to be {wanted}."
    if case.class_ == "missing" and "cannot-assess" not in statuses:
        return "No subject is expected to be cannot-assess."
    if case.class_ == "exception-unknown" and not any(item.unchecked for item in case.expect):
        return "No subject is expected to have an exception under unchecked."
    if case.class_ == "out-of-scope" and case.expect:
        return "It lists subjects; expect: [] says that there are none."
    if case.class_ == "two-orders" and len(placed.patient.orders or ()) < 2:
        return f"Its record has {len(placed.patient.orders or ())} orders."
    return ""


CHECK = Check(*CODE, TITLE, run)
