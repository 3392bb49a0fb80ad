"""JSON bodies as they arrive: one object, or a refusal that says why not."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable
from typing import Any, Final, TypeVar

import msgspec

from caveat.adapters.fhir import decode
from caveat.errors import InputError, shorten
from caveat.service.hooks.faults import kind
from caveat.service.problems import Fault, Refused

T = TypeVar("T")
BOM: Final = b"\xef\xbb\xbf"
_NULL: Final = b"null"


class _Key:
    """A key that equals no other, so that a dictionary of them keeps those that stand twice."""

    __slots__ = ("name",)

    def __init__(self, name: str) -> None:
        self.name = name


_KEYED: Final = msgspec.json.Decoder(dict[_Key, msgspec.Raw], dec_hook=lambda kind, name: _Key(name))


def decoded(data: bytes, decoder: msgspec.json.Decoder[T], what: str) -> T:
    """The object that the bytes are.

    Raises Refused with 400 and the place for what is no JSON or no object, with 413 for what is
    nested too deeply to be read.
    """
    data = data.removeprefix(BOM)
    try:
        data.decode()
        return decoder.decode(data)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        fault = _fault(data)
        raise Refused(413 if fault.code == "too-deep" else 400, f"this is no {what}", (fault,)) from None


def _fault(data: bytes) -> Fault:
    if not data.strip():
        return Fault("empty", "the body is empty", "$", hint="Send a JSON object")
    try:
        value: Any = decode.parse(data)
    except InputError as error:
        return Fault(error.code, error.message, error.path or "$", error.value, error.hint)
    if isinstance(value, dict):
        return Fault("not-json", "this JSON cannot be read", "$")
    return Fault("type", f"the body must be an object, not {kind(value)}", "$", shorten(value))


def is_null(raw: bytes) -> bool:
    """Whether raw JSON says null."""
    return raw.strip() == _NULL


def is_object(raw: bytes) -> bool:
    """Whether raw JSON, known to be whole, is an object."""
    return raw.lstrip()[:1] == b"{"


def loads(raw: bytes) -> Any:
    """The value of raw JSON that was seen to be whole; None where it cannot be had after all."""
    try:
        return msgspec.json.decode(raw)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None


def repeated(raw: bytes) -> list[str]:
    """The keys that the outermost object of raw JSON gives more than once: all but the last would be lost."""
    try:
        names = [key.name for key in _KEYED.decode(raw)]
    except (msgspec.MsgspecError, RecursionError):
        return []
    return _twice(names) if len(set(names)) < len(names) else []


def repeated_within(raw: bytes) -> list[str]:
    """The same for every object of raw JSON, whatever it is within."""
    found: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        if len({name for name, _ in pairs}) < len(pairs):
            found.extend(_twice(name for name, _ in pairs))

    try:
        json.loads(raw, object_pairs_hook=note)
    except (ValueError, RecursionError):
        return []
    return list(dict.fromkeys(found))


def _twice(names: Iterable[str]) -> list[str]:
    return [name for name, count in Counter(names).items() if count > 1]
