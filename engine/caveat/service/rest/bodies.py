"""JSON bodies read strictly: every key once, no key unknown, no deeper than allowed."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any, Final

from caveat.errors import InputError, shorten
from caveat.service.limits.shape import is_deeper
from caveat.service.problems import Fault, Refused
from caveat.service.question import Site

BAD_JSON: Final = frozenset(("not-json", "encoding", "truncated"))
"""Codes of what is no JSON at all: 400, where what is JSON and does not fit is 422."""


def fault_of(problem: InputError) -> Fault:
    """An InputError as the fault of a call."""
    path = "" if problem.path == "$" else problem.path
    return Fault(problem.code, problem.message, path, problem.value, problem.hint)


def status_of(code: str) -> int:
    """The HTTP status for the code of an InputError."""
    return 400 if code in BAD_JSON else 413 if code.startswith("too-") else 422


def refused(problem: InputError) -> Refused:
    """The refusal of a body that cannot be read."""
    status = status_of(problem.code)
    title = {400: "the body is not JSON", 413: "the body is larger than the site allows"}.get(
        status, "the body does not fit"
    )
    return Refused(status, title, (fault_of(problem),))


def check_depth(data: bytes, site: Site) -> None:
    """Raises InputError for JSON that is nested deeper than the site allows."""
    if is_deeper(data, site.depth):
        raise InputError(
            f"the JSON is nested more than {site.depth} deep",
            code="too-deep",
            hint="Check how it was made; no record needs that",
        )


def fields(
    data: bytes, site: Site, *, required: tuple[str, ...], optional: tuple[str, ...]
) -> dict[str, Any]:
    """The fields of a JSON object, each as its own bytes, so that what is inside is read as it was sent.

    Raises Refused with every fault: 400 for what is no JSON, 413 for what is nested too deeply, 422
    for a body that is no object, and for keys that are unknown, missing or given twice.
    """
    import msgspec

    from caveat.adapters.fhir import decode

    try:
        value = decode.parse(data)
        check_depth(data, site)
    except InputError as problem:
        raise refused(problem) from None
    if not isinstance(value, dict):
        what = Fault("not-an-object", "the body must be a JSON object", value=shorten(value))
        raise Refused(422, "the body does not fit", (what,))
    faults = [unknown_key(key, (*required, *optional)) for key in value if key not in {*required, *optional}]
    faults += [
        Fault("missing", "this is required and is not there", f"$.{key}")
        for key in required
        if key not in value
    ]
    faults += [
        Fault("duplicate-key", "this key appears twice", f"$.{shorten(key, 40)}", hint="Take one out")
        for key in _twice(data)
    ]
    if faults:
        raise Refused(422, "the body does not fit", tuple(faults))
    try:
        return dict(msgspec.json.decode(data, type=dict[str, msgspec.Raw]))
    except (msgspec.MsgspecError, UnicodeDecodeError) as error:
        raise refused(InputError(f"not JSON: {shorten(str(error))}", code="not-json")) from None


def _twice(data: bytes) -> list[str]:
    """The keys that the outermost object gives more than once."""
    import json

    outermost: list[str] = []

    def keys(pairs: list[tuple[str, Any]]) -> None:
        outermost[:] = [name for name, _ in pairs]

    json.loads(data, object_pairs_hook=keys)
    return [name for name in dict.fromkeys(outermost) if outermost.count(name) > 1]


def unknown_key(key: str, known: Iterable[str], *, path: str | None = None) -> Fault:
    """The fault of a key or parameter that nobody reads, with the one that may be meant."""
    from caveat.rules.diagnostics import did_you_mean

    listed = tuple(known)
    hint = did_you_mean(key, listed) or f"Known here: {', '.join(listed)}"
    shown = shorten(key, 40)
    return Fault(
        "unknown-key", f"{shown!r} is not known here", f"$.{shown}" if path is None else path, hint=hint
    )
