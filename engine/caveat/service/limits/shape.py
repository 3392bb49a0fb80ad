"""Depth and entries of a JSON body, before anything is made of it."""

from __future__ import annotations

from typing import Any, Final

import msgspec

from caveat.service.problems import Fault, Refused

_MARKS: Final = bytes(set(range(256)) - set(b'[]{}"'))
_SQUARE: Final = bytes.maketrans(b"{}", b"[]")


class _Outer(msgspec.Struct):
    entry: msgspec.Raw = msgspec.Raw()
    prefetch: msgspec.Raw = msgspec.Raw()
    context: msgspec.Raw = msgspec.Raw()


class _Context(msgspec.Struct):
    draft: msgspec.Raw = msgspec.field(default=msgspec.Raw(), name="draftOrders")


class _Bundle(msgspec.Struct):
    entry: msgspec.Raw = msgspec.Raw()


_outer = msgspec.json.Decoder(_Outer)
_context = msgspec.json.Decoder(_Context)
_bundle = msgspec.json.Decoder(_Bundle)
_many = msgspec.json.Decoder(list[msgspec.Raw])
_named = msgspec.json.Decoder(dict[str, msgspec.Raw])


def check_json(body: bytes, depth: int, entries: int | None = None) -> None:
    """Refuse (413) a body nested past `depth`, or with more Bundle entries than `entries`.

    Brackets in texts do not count. A body that is no JSON may pass: reading it will say so.
    """
    if is_deeper(body, depth):
        raise Refused(
            413,
            "the body is nested too deeply",
            (Fault("too-deep", f"it is nested past {depth} levels", "$", hint="Send a flatter record"),),
        )
    if entries is not None and _most_entries(body) > entries:
        found = count_entries(body)
        if found > entries:
            raise Refused(
                413,
                "the body has too many entries",
                (
                    Fault(
                        "too-many-entries",
                        f"it has {found} Bundle entries; the limit is {entries}",
                        "$",
                        hint="Send what concerns this patient now, or split it",
                    ),
                ),
            )


def _most_entries(body: bytes) -> int:
    """No fewer than all arrays of a JSON text hold together: each has one entry more than commas."""
    return body.count(b",") + body.count(b"[")


def is_deeper(body: bytes, depth: int) -> bool:
    """Whether arrays and objects nest past `depth` levels; may be True for text that is no JSON.

    The brackets outside texts are kept; each round then takes the innermost pairs away, so that a
    pair which outlasts `depth` rounds held more than that.
    """
    if b"\\" in body:
        body = body.replace(b"\\\\", b"").replace(b'\\"', b"")
    marks = body.translate(_SQUARE, _MARKS).replace(b'""', b"")
    if b'"' in marks:
        marks = b"".join(marks.split(b'"')[::2])
    for _ in range(depth):
        if not marks:
            return False
        before = len(marks)
        marks = marks.replace(b"[]", b"")
        if len(marks) == before:
            break
    return b"[]" in marks or _climbs(marks, depth)


def _climbs(marks: bytes, depth: int) -> bool:
    """The same, a bracket at a time, for what is left; ends where a bracket closes that none opened."""
    level = 0
    for mark in marks:
        level += 1 if mark == 91 else -1
        if level > depth or level < 0:
            return level > 0
    return False


def count_entries(body: bytes) -> int:
    """Entries of the Bundle a body is, or of all Bundles in prefetch and draft orders of a hook call.

    What does not have that form counts as none.
    """
    outer = _read(_outer, body)
    if outer is None:
        return 0
    found = _length(outer.entry)
    prefetch = _read(_named, outer.prefetch)
    for part in prefetch.values() if prefetch is not None else ():
        found += _entries(part)
    context = _read(_context, outer.context)
    return found + (_entries(context.draft) if context is not None else 0)


def _entries(part: msgspec.Raw) -> int:
    bundle = _read(_bundle, part)
    return 0 if bundle is None else _length(bundle.entry)


def _length(part: msgspec.Raw) -> int:
    listed = _read(_many, part)
    return 0 if listed is None else len(listed)


def _read(decoder: Any, part: msgspec.Raw | bytes) -> Any:
    """The part as the decoder has it, None where it is something else."""
    if len(part) == 0:
        return None
    try:
        return decoder.decode(part)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError):
        return None
