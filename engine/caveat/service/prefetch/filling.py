"""Templates filled in for one call: what is lacking of a prefetch, and where to ask for it."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any, Final

import msgspec

from caveat.adapters.fhir.queries import query
from caveat.errors import InputError, shorten
from caveat.service.prefetch.templates import REQUIRED

_TOKEN: Final = re.compile(r"\{\{context\.([A-Za-z]+)\}\}")
_IDENTITY: Final = re.compile(r"[A-Za-z0-9\-._]{1,128}")


class _Link(msgspec.Struct):
    relation: Any = None


class _Head(msgspec.Struct):
    resourceType: Any = None
    link: list[_Link] | None = None


_HEAD: Final = msgspec.json.Decoder(_Head)


def filled(templates: Mapping[str, str], context: Mapping[str, Any]) -> dict[str, str]:
    """The query of each key, relative to a FHIR server, with the call's context in the place of tokens.

    An id may stand as `x`, `Patient/x` or an absolute reference. Raises InputError for one with any
    other character than FHIR ids have, so that no id can lead a query elsewhere or widen it.
    """

    def fill(found: re.Match[str]) -> str:
        return identity(context.get(found[1]), found[1])

    return {key: _TOKEN.sub(fill, template) for key, template in templates.items()}


def identity(value: Any, name: str) -> str:
    """The bare id of a reference in the context. Raises InputError when it is none."""
    found = value.strip().rpartition("/")[2] if isinstance(value, str) else ""
    if not _IDENTITY.fullmatch(found) or not found.strip("."):
        raise InputError(
            f"{name} is no id",
            code="context-id",
            path=f"$.context.{name}",
            value=shorten(value) if value is not None else "",
            hint="An id has letters, digits, '-', '.' and '_' only",
        )
    return found


def lacking(templates: Mapping[str, str], sent: Mapping[str, bytes]) -> tuple[str, ...]:
    """The keys that are worth asking a FHIR server for: not given, not available, or with a further page."""
    return tuple(key for key, template in templates.items() if _is_lacking(template, sent.get(key)))


def merged(sent: Mapping[str, bytes], fetched: Mapping[str, bytes]) -> dict[str, bytes]:
    """What was sent, with what was fetched in its place; a failure to fetch takes the place of nothing."""
    found = dict(sent)
    for key, value in fetched.items():
        if key not in found or _head(value).resourceType != "OperationOutcome":
            found[key] = value
    return found


def refusing(parts: Mapping[str, bytes]) -> tuple[str, ...]:
    """The required keys without which a call cannot be answered: not given, or not available.

    `null` says that there is none: for the patient that is as good as nothing, for medicines it is
    an answer.
    """
    return tuple(
        key
        for key in REQUIRED
        if key not in parts
        or _head(parts[key]).resourceType == "OperationOutcome"
        or (key == "patient" and _is_null(parts[key]))
    )


def _is_lacking(template: str, raw: bytes | None) -> bool:
    if raw is None:
        return True
    if _is_null(raw):
        return False
    head = _head(raw)
    if head.resourceType == "OperationOutcome":
        return True
    return not query(template).newest and any(link.relation == "next" for link in head.link or ())


def _is_null(raw: bytes) -> bool:
    return raw.strip() == b"null"


def _head(raw: bytes) -> _Head:
    try:
        return _HEAD.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return _Head()
