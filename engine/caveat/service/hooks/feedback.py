"""Feedback on cards, read strictly; every fault at once, comments in none of them."""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from typing import Any, Final

import msgspec

from caveat.service.hooks.body import decoded
from caveat.service.hooks.faults import Faults, kind
from caveat.service.hooks.request import UUID
from caveat.service.store.base import Said

OUTCOMES: Final = ("accepted", "overridden")
LONGEST: Final = {"code": 200, "system": 500, "display": 500, "userComment": 8_000}
"""Characters of what a client may say; more is refused, never cut."""
INSTANT: Final = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?(Z|[+-]\d{2}:\d{2})$"
_INSTANT: Final = re.compile(INSTANT)
_UUID: Final = re.compile(UUID)
TITLE: Final = "CDS Hooks feedback"


class _Wire(msgspec.Struct):
    feedback: Any = None


_WIRE: Final = msgspec.json.Decoder(_Wire)


def read(data: bytes) -> tuple[Said, ...]:
    """What was said, in order. Raises Refused with 400 and every fault with its path.

    Instants come back in UTC with microseconds, so that one moment is written in one way.
    """
    wire = decoded(data, _WIRE, TITLE)
    faults = Faults()
    found: list[Said] = []
    if wire.feedback is None:
        faults.add("missing", "feedback is required", "$.feedback")
    elif not isinstance(wire.feedback, list):
        faults.add("type", f"feedback must be a list, not {kind(wire.feedback)}", "$.feedback")
    elif not wire.feedback:
        faults.add("empty", "feedback must not be empty", "$.feedback")
    else:
        for number, item in enumerate(wire.feedback):
            said = _said(item, f"$.feedback[{number}]", faults)
            if said is not None:
                found.append(said)
    faults.refuse(f"this is no {TITLE} that can be kept")
    return tuple(found)


def _said(item: Any, path: str, faults: Faults) -> Said | None:
    if not isinstance(item, dict):
        faults.add("type", f"each feedback must be an object, not {kind(item)}", path)
        return None
    card = _uuid(item.get("card"), f"{path}.card", faults)
    outcome = faults.text(item.get("outcome"), f"{path}.outcome")
    if outcome is not None and outcome not in OUTCOMES:
        faults.add("outcome", f"an outcome is {' or '.join(OUTCOMES)}", f"{path}.outcome", outcome)
    at = _instant(item.get("outcomeTimestamp"), f"{path}.outcomeTimestamp", faults)
    accepted = _accepted(item.get("acceptedSuggestions"), outcome, f"{path}.acceptedSuggestions", faults)
    reason, comment = _reason(item.get("overrideReason"), f"{path}.overrideReason", faults)
    if card is None or outcome is None or at is None:
        return None
    return Said(card, outcome, at, accepted, reason, comment)


def _uuid(value: Any, path: str, faults: Faults) -> str | None:
    found = faults.text(value, path)
    if found is not None and not _UUID.fullmatch(found):
        faults.add("uuid", "this must be the uuid that the service gave", path, found)
        return None
    return found.lower() if found is not None else None


def _instant(value: Any, path: str, faults: Faults) -> str | None:
    text = faults.text(value, path)
    if text is None:
        return None
    try:
        if not _INSTANT.fullmatch(text):
            raise ValueError
        cut = re.sub(r"(\.\d{6})\d+", r"\1", text)
        at = datetime.fromisoformat(cut)
        at = at.replace(tzinfo=None) - (at.utcoffset() or timedelta())
    except (ValueError, OverflowError):
        hint = "Write it in UTC, such as 2026-01-15T09:30:00Z"
        faults.add("instant", "outcomeTimestamp must be an instant with its zone", path, text, hint)
        return None
    return at.isoformat(timespec="microseconds") + "Z"


def _accepted(value: Any, outcome: str | None, path: str, faults: Faults) -> tuple[str, ...]:
    if value is None:
        if outcome == "accepted":
            faults.add("missing", "acceptedSuggestions is required for an accepted card", path)
        return ()
    if not isinstance(value, list):
        faults.add("type", f"acceptedSuggestions must be a list, not {kind(value)}", path)
        return ()
    if not value and outcome == "accepted":
        faults.add("empty", "acceptedSuggestions must not be empty for an accepted card", path)
    found: list[str] = []
    for number, one in enumerate(value):
        where = f"{path}[{number}]"
        if not isinstance(one, dict):
            faults.add("type", f"a suggestion is an object with an id, not {kind(one)}", where)
            continue
        name = _uuid(one.get("id"), f"{where}.id", faults)
        if name is not None:
            found.append(name)
    return tuple(dict.fromkeys(found)) if outcome == "accepted" else ()


def _reason(value: Any, path: str, faults: Faults) -> tuple[tuple[str, str, str] | None, str]:
    if value is None:
        return None, ""
    if not isinstance(value, dict):
        faults.add("type", f"overrideReason must be an object, not {kind(value)}", path)
        return None, ""
    comment = _bounded(value.get("userComment"), "userComment", path, faults, required=False)
    coding = value.get("reason")
    if coding is None:
        return None, comment
    where = f"{path}.reason"
    if not isinstance(coding, dict):
        faults.add("type", f"reason must be a Coding, not {kind(coding)}", where)
        return None, comment
    code = _bounded(coding.get("code"), "code", where, faults)
    system = _bounded(coding.get("system"), "system", where, faults, required=False)
    display = _bounded(coding.get("display"), "display", where, faults, required=False)
    return (code, system, display), comment


def _bounded(value: Any, name: str, path: str, faults: Faults, *, required: bool = True) -> str:
    """The text, trimmed; too much of it is a fault that does not repeat it."""
    where = f"{path}.{name}"
    if value is not None and not isinstance(value, str):
        faults.add("type", f"{name} must be text, not {kind(value)}", where)
        return ""
    text = (value or "").strip().replace("\0", "\ufffd")  # no database keeps a NUL
    if required and not text:
        faults.add("missing", f"{name} is required", where)
    if len(text) > LONGEST[name]:
        faults.add("too-long", f"{name} has {len(text)} characters; at most {LONGEST[name]} are kept", where)
    return text
