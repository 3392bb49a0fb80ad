"""Strict YAML: what is refused, where it is said to stand, and what the data become."""

from __future__ import annotations

import pytest

from caveat.rules.diagnostics import Diagnostic, Problems
from caveat.rules.source import MAX_BYTES, MAX_DEPTH, read_source, read_text


def read(raw: bytes | str) -> tuple[object, list[Diagnostic]]:
    problems = Problems()
    found = read_text(raw.encode() if isinstance(raw, str) else raw, "f.yaml", problems)
    return (None if found is None else found.data), problems.found


REFUSED = [
    # raw, code, line, column, what its text must hold
    ("a: 1\na: 2\n", "C006", 2, 1, "The first is on line 1"),
    ("a: {b: 1, c: 2, b: 3}\n", "C006", 1, 17, "key 'b' stands twice"),
    ("a: &x [1]\nb: *x\n", "C005", 1, 4, "alias"),
    ("a: &x 1\n", "C005", 1, 4, "alias"),
    ("a: !!python/object/apply:os.system [ls]\n", "C005", 1, 4, "tags are not allowed"),
    ("a: !local x\n", "C005", 1, 4, "tags are not allowed"),
    ("a: !!binary aGVsbG8=\n", "C005", 1, 4, "tags are not allowed"),
    ("a:\n\tb: 1\n", "C003", 2, 1, "Indent with spaces, not tabs."),
    ("a: 1\n---\nb: 2\n", "C003", 2, 1, "another document"),
    ("a: [1, 2\nb: 3\n", "C003", 2, 2, "not valid YAML"),
    ("? [a]\n: 1\n", "C003", 1, 3, "A key must be plain text."),
    ("a: 030 mg\nb: 030\n", "C007", 2, 4, "Write it without the zero."),
    ("a: .nan\n", "C007", 1, 4, "cannot be a threshold"),
    ("a: 1e999\n", "C007", 1, 4, "cannot be a threshold"),
    ("a: " + "9" * 41 + "\n", "C007", 1, 4, "41 digits"),
    ("a: b\nc: \x0b\n", "C003", 2, 4, "control characters"),
    ("", "C004", 1, 1, "file is empty"),
    ("# only a comment\n", "C004", 1, 1, "file is empty"),
    (b"a: b\nc: \xff\n", "C002", 2, 1, "Byte 0xff at offset 8"),
    ("a: 1".encode("utf-16"), "C002", 1, 1, "Save the file as UTF-8."),
    ("a: " + "[" * (MAX_DEPTH + 1), "C003", 1, 63, f"Nested past {MAX_DEPTH} levels"),
    ("- " * 300_000 + "x", "C003", 1, 121, f"Nested past {MAX_DEPTH} levels"),
    ("[" * 3_000_000, "C003", 1, 61, f"Nested past {MAX_DEPTH} levels"),
]


@pytest.mark.parametrize(("raw", "code", "line", "column", "part"), REFUSED, ids=lambda v: repr(v)[:24])
def test_refused(raw: bytes | str, code: str, line: int, column: int, part: str) -> None:
    data, found = read(raw)
    assert data is None
    assert (found[0].code, found[0].place.line, found[0].place.column) == (code, line, column), str(found[0])
    assert part in str(found[0])


def test_bomb_of_aliases_is_refused_before_it_grows() -> None:
    lines = ["a: &a [x, x, x, x, x, x, x, x, x]"]
    for letter, last in zip("bcdefghi", "abcdefgh", strict=True):
        lines.append(f"{letter}: &{letter} [" + ", ".join([f"*{last}"] * 9) + "]")
    data, found = read("\n".join(lines))
    assert data is None
    assert {item.code for item in found} == {"C005"}


@pytest.mark.parametrize(
    ("raw", "data"),
    [
        ("a: no\nb: yes\nc: on\n", {"a": "no", "b": "yes", "c": "on"}),
        ("a: 12:30\nb: 2026-01-01\nc: 1_000\n", {"a": "12:30", "b": "2026-01-01", "c": "1_000"}),
        ("a: true\nb: False\nc: null\nd: ~\ne:\n", {"a": True, "b": False, "c": None, "d": None, "e": None}),
        ("a: 0\nb: -3\nc: 0.5\nd: 1e3\ne: 0x1f\n", {"a": 0, "b": -3, "c": 0.5, "d": 1000.0, "e": 31}),
        ("a: '030'\nb: \"no\"\n", {"a": "030", "b": "no"}),
        ("1: a\ntrue: b\n", {"1": "a", "true": "b"}),
        ("<<: {a: 1}\n", {"<<": {"a": 1}}),
        ("\ufeffa: 1\n", {"a": 1}),
        ("a: " + "[" * (MAX_DEPTH - 1) + "]" * (MAX_DEPTH - 1), {"a": None}),
    ],
    ids=lambda v: repr(v)[:24],
)
def test_read_as_yaml_1_2(raw: str, data: object) -> None:
    got, found = read(raw)
    assert not found, str(found[0])
    if raw.count("[") < 5:
        assert got == data


def test_every_fault_is_reported_at_once() -> None:
    _, found = read("a: 030\nb: 1\nb: 2\nc: !x 1\nd: .inf\n")
    assert [item.code for item in found] == ["C007", "C006", "C005", "C007"]


def test_file_of_ten_megabytes_is_refused_unread() -> None:
    _, found = read(b"a: " + b"x" * MAX_BYTES)
    assert found[0].code == "C001"


def test_text_of_a_megabyte_does_not_fill_the_screen() -> None:
    data, found = read("a: 1\na:\n" + " " + "x" * 1_000_000 + "\n")
    assert data is None
    assert len(str(found[0])) < 2_000


def test_lines_are_counted_as_yaml_counts_them() -> None:
    # a form feed ends a line for str.splitlines but not for YAML
    problems = Problems()
    source = read_text('a: "x\u2028y"\nb: 1\n'.encode(), "f.yaml", problems)
    assert source is not None
    place = source.place(("b",))
    assert source.lines[place.line - 1] == "b: 1"


def test_file_that_is_not_there(tmp_path) -> None:  # type: ignore[no-untyped-def]
    problems = Problems()
    assert read_source(tmp_path / "none.yaml", problems) is None
    assert problems.found[0].code == "C001"
