"""What went wrong, as a FHIR R4 OperationOutcome."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from functools import partial
from typing import Any, Final, Protocol

from caveat.findings.report import RecordError, Report, Unrecognised
from caveat.render.cds.failures import FAILURES, failures
from caveat.render.fhir.parts import LONG
from caveat.render.markdown import plain

FAULT_SYSTEM: Final = "urn:caveat:fault"
_FIELDS: Final = ("code", "message", "path", "value", "hint")
_PATH: Final = re.compile(r"[A-Z][A-Za-z]+(?:\.[a-z][A-Za-z]*(?:\[\d+\])?)+")
_TYPES: Final = (
    (("required", "missing", "absent"), "required"),
    (("not-found", "unknown-id", "no-such"), "not-found"),
    (("too-large", "too-many", "too-deep", "too-long", "limit"), "too-costly"),
    (("timeout", "time"), "timeout"),
    (("version", "unsupported", "media"), "not-supported"),
    (("json", "syntax", "malformed", "parse"), "structure"),
    (("conflict", "duplicate"), "conflict"),
    (("failed", "differ", "exception"), "exception"),
    (("token", "auth", "login"), "security"),
)


class Stated(Protocol):
    """One thing that is wrong: a stable code, what, where and how to mend it."""

    @property
    def code(self) -> str: ...
    @property
    def message(self) -> str: ...
    @property
    def path(self) -> str: ...
    @property
    def value(self) -> str: ...
    @property
    def hint(self) -> str: ...


def operation_outcome(faults: Iterable[Stated | Mapping[str, str]], title: str = "") -> dict[str, Any]:
    """One error a fault, given as an object or as its fields; without a fault the title is the error.

    Raises ValueError where there is neither: an outcome must say something.
    """
    issues = []
    for fault in faults:
        get = fault.get if isinstance(fault, Mapping) else partial(getattr, fault)
        code, message, path, value, hint = (get(name, "") or "" for name in _FIELDS)
        issues.append(_issue("error", issue_type(code), code, message or title, path, value, hint))
    if not issues and title:
        issues.append(_issue("error", issue_type(title), "", title))
    if not issues:
        raise ValueError("an OperationOutcome needs at least one fault, or a title")
    return {"resourceType": "OperationOutcome", "issue": issues}


def outcome_of(report: Report) -> dict[str, Any] | None:
    """What of a record was not recognised, not used or not judged; None when there is nothing of it."""
    faults = [error for error in report.errors if error.code not in FAILURES]
    issues = [_error(error) for error in (*failures(report), *faults)]
    issues += [_unrecognised(name) for name in report.unrecognised]
    issues += [
        _issue("information", "not-supported", "not-covered", f"no rule of this ruleset is about {name}")
        for name in report.uncovered
    ]
    return {"resourceType": "OperationOutcome", "issue": issues} if issues else None


def issue_type(code: str) -> str:
    """The issue type of FHIR that fits one of our codes; `invalid` where no closer one does."""
    return next((kind for parts, kind in _TYPES if any(part in code for part in parts)), "invalid")


def _error(error: RecordError) -> dict[str, Any]:
    if error.code in FAILURES:
        text = f"Interaction check failed, review manually: {error.message}"
        return _issue("error", "exception", error.code, text, error.path, error.value)
    return _issue("warning", "value", error.code, error.message, error.path, error.value)


def _unrecognised(name: Unrecognised) -> dict[str, Any]:
    text = f"{name.kind} {plain(name.text)!r} is not recognised and was not judged"
    if name.partly:
        text += f"; judged as {' + '.join(name.partly)} only"
    hint = f"Close names, none of them taken: {', '.join(name.candidates)}" if name.candidates else ""
    return _issue("warning", "code-invalid", "not-recognised", text, name.id, "", hint)


def _issue(
    severity: str, kind: str, code: str, message: str, path: str = "", value: str = "", hint: str = ""
) -> dict[str, Any]:
    found: dict[str, Any] = {"severity": severity, "code": kind}
    text = plain(message, LONG) or kind
    shown = plain(code, 80)
    found["details"] = (
        {"coding": [{"system": FAULT_SYSTEM, "code": shown}], "text": text} if shown else {"text": text}
    )
    place = plain(path, 400)
    parts = [
        f"at {place}" if place else "",
        f"found {plain(value, 200)}" if value else "",
        plain(hint, LONG),
    ]
    if told := ". ".join(part for part in parts if part):
        found["diagnostics"] = told
    if _PATH.fullmatch(place):
        found["expression"] = [place]
    return found
