"""JSON bodies as they arrive: one object, or a refusal that says why not."""

from __future__ import annotations

import json
from collections import Counter
from typing import Any, Final, TypeVar

import msgspec

from caveat.adapters.fhir import decode
from caveat.errors import InputError, shorten
from caveat.service.hooks.faults import kind
from caveat.service.problems import Fault, Refused

T = TypeVar("T")
_BOM: Final = b"\xef\xbb\xbf"
_NULL: Final = b"null"
# Bytes of an object without its values: braces, then for each key the key, its marks and its place.
_FRAME: Final = 64
_KEY: Final = 24


def decoded(data: bytes, decoder: msgspec.json.Decoder[T], what: str) -> T:
    """The object that the bytes are.

    Raises Refused with 400 and the place for what is no JSON or no object, with 413 for what is
    nested too deeply to be read.
    """
    data = data.removeprefix(_BOM)
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


def repeated(raw: bytes, values: int, keys: int) -> list[str]:
    """The keys that the outermost object of raw JSON gives more than once: all but the last are lost.

    They are looked for where the bytes of the `values` that were kept, with so many `keys`, do not
    come near the length of the whole: what is missing then may have been a resource.
    """
    if len(raw) - values <= _FRAME + keys * _KEY:
        return []
    outermost: list[str] = []

    def note(pairs: list[tuple[str, Any]]) -> None:
        outermost[:] = [name for name, _ in pairs]

    try:
        json.loads(raw, object_pairs_hook=note)
    except (ValueError, RecursionError):
        return []
    return [name for name, count in Counter(outermost).items() if count > 1]
