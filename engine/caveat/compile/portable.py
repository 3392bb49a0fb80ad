"""A whole ruleset as bytes, to be carried to other processes and machines; never pickled.

One line says what the bytes are and their SHA-256, the rest is JSON, compressed: the program, the
vocabulary, the policy and the bibliography, as `caveat.compile.ruleset` keeps them.
"""

from __future__ import annotations

import hashlib
import json
import zlib
from functools import lru_cache
from pathlib import Path
from typing import Any, Final

from caveat.compile.ruleset import Ruleset, assemble, content_of
from caveat.errors import CaveatError

FORMAT: Final = b"caveat-ruleset 1"
LARGEST: Final = 1 << 30
"""Bytes of a ruleset, unpacked; more is refused."""

_KEPT: Final = 4


def dumps(rules: Ruleset) -> bytes:
    """The ruleset as bytes; the same for equal rulesets, wherever they were loaded from."""
    content = {"digest": rules.digest, **content_of(rules)}
    text = json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()
    body = zlib.compress(text, 6)
    return b" ".join((FORMAT, hashlib.sha256(body).hexdigest().encode())) + b"\n" + body


def loads(raw: bytes) -> Ruleset:
    """The ruleset that `dumps` wrote; `root` is empty, for there are no files.

    Built once in a process for the same bytes. Raises CaveatError for bytes of another format,
    for bytes that were changed, and for those whose rules have not the digest they state.
    """
    heading, newline, _ = raw[:128].partition(b"\n")
    form, _, digest = heading.rpartition(b" ")
    if not newline or form != FORMAT:
        raise CaveatError(
            f"these bytes are no ruleset of the form {FORMAT.decode()!r}. Write them with "
            "caveat.compile.portable.dumps, by the same release of caveat that reads them"
        )
    if hashlib.sha256(memoryview(raw)[len(heading) + 1 :]).hexdigest().encode() != digest:
        raise CaveatError("the bytes of this ruleset were changed or cut off on their way. Send them again")
    return _built(raw)


@lru_cache(maxsize=_KEPT)
def _built(raw: bytes) -> Ruleset:
    unpack = zlib.decompressobj()
    try:
        text = unpack.decompress(raw.partition(b"\n")[2], LARGEST)
        if unpack.unconsumed_tail:
            raise CaveatError("this ruleset is larger than 1 GiB")
        content: dict[str, Any] = json.loads(text)
        stated = content["digest"]
        rules = assemble(content, Path())
    except (zlib.error, ValueError, KeyError, TypeError) as error:
        raise CaveatError(f"the bytes hold no ruleset ({type(error).__name__}: {error})") from None
    if rules.digest != stated:
        raise CaveatError(
            f"the rules in these bytes have the digest {rules.digest}, not {stated} as they state. "
            "They were written by another release of caveat; write them with the one that reads them"
        )
    return rules
