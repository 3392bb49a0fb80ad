"""A program as canonical JSON and back; the digest is taken over these bytes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import fields, is_dataclass
from fractions import Fraction
from typing import Any

from caveat.compile import nodes
from caveat.compile.program import (
    Citation,
    CompiledRule,
    Exclusion,
    Limit,
    Program,
    Regraded,
    Suggestion,
    Texts,
)
from caveat.intervals import Interval

_TYPES: dict[str, type] = {
    kind.__name__: kind
    for kind in (
        *nodes.LEAVES,
        nodes.All,
        nodes.AnyOf,
        nodes.AtLeast,
        Interval,
        Citation,
        CompiledRule,
        Exclusion,
        Regraded,
        Limit,
        Suggestion,
        Texts,
    )
}
FORMAT = 1


def encode(value: Any) -> Any:
    """Plain JSON data: a dataclass is `[name, field, ...]`, a fraction `{"q": "n/d"}`."""
    if isinstance(value, Fraction):
        return {"q": f"{value.numerator}/{value.denominator}"}
    if is_dataclass(value) and not isinstance(value, type):
        return {"t": type(value).__name__, "v": [encode(getattr(value, f.name)) for f in fields(value)]}
    if isinstance(value, (tuple, list)):
        return [encode(item) for item in value]
    return value


def decode(data: Any) -> Any:
    """The value that `encode` wrote; ValueError for anything else."""
    if isinstance(data, list):
        return tuple(decode(item) for item in data)
    if isinstance(data, dict):
        if "q" in data:
            numerator, _, denominator = data["q"].partition("/")
            return Fraction(int(numerator), int(denominator))
        kind = _TYPES.get(data.get("t", ""))
        if kind is None:
            raise ValueError(f"unknown node {data.get('t')!r} in a stored program")
        return kind(*(decode(item) for item in data["v"]))
    return data


def canonical(version: str, rules: tuple[CompiledRule, ...]) -> bytes:
    """The bytes that are hashed and stored."""
    content = {"format": FORMAT, "version": version, "rules": encode(rules)}
    return json.dumps(content, sort_keys=True, separators=(",", ":"), ensure_ascii=False).encode()


def seal(version: str, rules: tuple[CompiledRule, ...]) -> Program:
    """The program with its digest, `sha256:` and 64 hex digits."""
    return Program(version, rules, "sha256:" + hashlib.sha256(canonical(version, rules)).hexdigest())


def load_program(raw: bytes) -> Program:
    """A program from its canonical bytes; ValueError when they are of another format."""
    content = json.loads(raw)
    if not isinstance(content, dict) or content.get("format") != FORMAT:
        raise ValueError("stored program has another format")
    return Program(content["version"], decode(content["rules"]), "sha256:" + hashlib.sha256(raw).hexdigest())
