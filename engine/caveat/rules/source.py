"""Strict YAML 1.2 with positions.

Read are mappings, lists, text, numbers, true, false and null. Refused, each with its place:
duplicate keys, anchors and aliases, tags, tabs as indentation, several documents, other
encodings than UTF-8, nesting past 60 levels.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path as FilePath
from typing import Any

import yaml
import yamlcore

from caveat.rules.diagnostics import Path, Place, Problems

_BREAK = re.compile("\r\n|[\r\n\x85\u2028\u2029]")
"""Where YAML ends a line; str.splitlines ends it at form feeds too, and would count other lines."""
MAX_DEPTH = 60
MAX_BYTES = 8 * 2**20


@dataclass(slots=True)
class Source:
    """Plain data of one file, and where each part of it stands."""

    file: str
    lines: list[str]
    data: Any = None
    keys: dict[Path, Any] = field(default_factory=dict)
    values: dict[Path, Any] = field(default_factory=dict)

    def place(self, path: Path, *, key: bool = False) -> Place:
        """The span of the value at `path` (of its key when asked), or of the nearest parent."""
        if key and path in self.keys:
            return self._span(self.keys[path])
        while path and path not in self.values:
            path = path[:-1]
        node = self.values.get(path)
        return self._span(node) if node is not None else Place(self.file)

    def _span(self, node: Any) -> Place:
        start, end = node.start_mark, node.end_mark
        text = self.lines[start.line] if start.line < len(self.lines) else ""
        one_line = start.line == end.line
        width = end.column - start.column if one_line else len(text.rstrip()) - start.column
        return Place(self.file, start.line + 1, start.column + 1, max(1, width), text)


def read_source(path: FilePath, problems: Problems, *, name: str | None = None) -> Source | None:
    """The file's data with positions, or None after recording what is wrong with it."""
    shown = name or str(path)
    try:
        raw = path.read_bytes()
    except OSError as error:
        problems.add("C001", "file cannot be read", Place(shown), why=error.strerror or str(error))
        return None
    return read_text(raw, shown, problems)


def read_text(raw: bytes, name: str, problems: Problems) -> Source | None:
    """The same from bytes already in memory."""
    if len(raw) > MAX_BYTES:
        problems.add(
            "C001", "file is too large", Place(name), why=f"{len(raw)} bytes; the limit is {MAX_BYTES}."
        )
        return None
    try:
        text = raw.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = raw[: error.start].count(b"\n") + 1
        problems.add(
            "C002",
            "file is not UTF-8",
            Place(name, line),
            why=f"Byte 0x{raw[error.start]:02x} at offset {error.start} is not UTF-8.",
            hint="Save the file as UTF-8.",
        )
        return None
    source = Source(name, _BREAK.split(text))
    try:
        if not _can_be_composed(text, source, problems):
            return None
        node = yaml.compose(text, Loader=yamlcore.CCoreLoader)
    except yaml.YAMLError as error:
        _syntax(error, source, problems)
        return None
    except (RecursionError, ValueError) as error:
        why = "It is nested too deeply." if isinstance(error, RecursionError) else str(error)
        problems.add("C003", "not valid YAML", Place(name), why=why)
        return None
    if node is None:
        problems.add(
            "C004", "file is empty", Place(name), hint="Write `format: 1` and `rules:` or delete the file."
        )
        return None
    before = len(problems.found)
    source.data = _plain(node, (), source, problems)
    return source if len(problems.found) == before else None


def _can_be_composed(text: str, source: Source, problems: Problems) -> bool:
    """Whether the text is free of anchors and nested no deeper than the limit.

    Both are asked before composing: a deep tree overruns the C stack, an alias loses its place.
    """
    depth, before = 0, len(problems.found)
    for event in yaml.parse(text, Loader=yamlcore.CCoreLoader):
        if isinstance(event, yaml.CollectionEndEvent):
            depth -= 1
        elif isinstance(event, yaml.NodeEvent):
            if event.anchor is not None:
                problems.add(
                    "C005",
                    "anchors and aliases are not allowed",
                    source._span(event),
                    why="An alias repeats text that a reviewer then cannot read in its place.",
                    hint="Write the value out.",
                )
            if isinstance(event, yaml.CollectionStartEvent):
                depth += 1
            if depth > MAX_DEPTH:
                place = source._span(event)
                problems.add("C003", "not valid YAML", place, why=f"Nested past {MAX_DEPTH} levels.")
                return False
    return len(problems.found) == before


def _syntax(error: yaml.YAMLError, source: Source, problems: Problems) -> None:
    mark = getattr(error, "problem_mark", None)
    line = mark.line if mark is not None else 0
    column = mark.column if mark is not None else 0
    if isinstance(error, yaml.reader.ReaderError):  # counts bytes, and has no mark
        before = "\n".join(source.lines).encode()[: error.position].decode(errors="ignore")
        line, column = before.count("\n"), len(before) - before.rfind("\n") - 1
    text = source.lines[line] if line < len(source.lines) else ""
    why = str(getattr(error, "problem", None) or getattr(error, "reason", None) or error).split("\n")[0]
    hint = ""
    if "\t" in text[: len(text) - len(text.lstrip())] or "'\\t'" in why:
        hint = "Indent with spaces, not tabs."
    problems.add(
        "C003", "not valid YAML", Place(source.file, line + 1, column + 1, 1, text), why=why, hint=hint
    )


def _plain(node: Any, path: Path, source: Source, problems: Problems) -> Any:
    source.values[path] = node
    if isinstance(node, yaml.CollectionNode) and str(node.tag) not in _PLAIN_COLLECTIONS:
        _tagged(node, source, problems)
        return None
    if isinstance(node, yaml.MappingNode):
        return _mapping(node, path, source, problems)
    if isinstance(node, yaml.SequenceNode):
        return [_plain(item, (*path, index), source, problems) for index, item in enumerate(node.value)]
    return _scalar(node, source, problems)


def _mapping(node: yaml.MappingNode, path: Path, source: Source, problems: Problems) -> dict[str, Any]:
    result: dict[str, Any] = {}
    for key_node, value_node in node.value:
        if not isinstance(key_node, yaml.ScalarNode):
            problems.add("C003", "not valid YAML", source._span(key_node), why="A key must be plain text.")
            continue
        key = str(key_node.value)
        if key in result:
            first = source.keys[(*path, key)].start_mark.line + 1
            problems.add(
                "C006",
                f"key {key!r} stands twice",
                source._span(key_node),
                why=f"The first is on line {first}; the second would silently win.",
                hint="Delete or rename one of them.",
            )
            continue
        source.keys[(*path, key)] = key_node
        result[key] = _plain(value_node, (*path, key), source, problems)
    return result


_PLAIN_COLLECTIONS = ("tag:yaml.org,2002:map", "tag:yaml.org,2002:seq")


def _tagged(node: Any, source: Source, problems: Problems) -> None:
    why = f"{node.tag} would run code or change meaning."
    problems.add("C005", "tags are not allowed", source._span(node), why=why)


_NUMBERS = {"int": "int", "float": "float"}


def _scalar(node: yaml.ScalarNode, source: Source, problems: Problems) -> Any:
    kind = str(node.tag).rsplit(":", 1)[-1]
    text = str(node.value)
    if not str(node.tag).startswith("tag:yaml.org,2002:"):
        _tagged(node, source, problems)
        return None
    if kind == "str":
        return text
    if kind == "null":
        return None
    if kind == "bool":
        return text.lower() == "true"
    if kind in _NUMBERS:
        return _number(text, node, source, problems)
    problems.add("C005", "tags are not allowed", source._span(node), why=f"{node.tag} is not used in rules.")
    return None


def _number(text: str, node: Any, source: Source, problems: Problems) -> int | float | None:
    body = text.lstrip("+-")
    if len(body) > 1 and body[0] == "0" and body[1].isdigit():
        problems.add(
            "C007",
            "number with a leading zero",
            source._span(node),
            why=f"Some readers take {text} as a number in base eight, others as one in base ten.",
            hint="Write it without the zero.",
        )
        return None
    try:
        if body.startswith("0o"):
            return int(text, 8)
        if body.startswith("0x"):
            return int(text, 16)
        if set(body) <= set("0123456789"):
            if len(body) < 40:
                return int(text)
            problems.add("C007", "number is too long", source._span(node), why=f"It has {len(body)} digits.")
            return None
        value = float(
            text.replace(".inf", "inf").replace(".nan", "nan").replace(".Inf", "inf").replace(".NaN", "nan")
        )
    except ValueError:
        value = float("nan")
    if value != value or value in (float("inf"), float("-inf")):
        problems.add("C007", "not a finite number", source._span(node), why=f"{text} cannot be a threshold.")
        return None
    return value
