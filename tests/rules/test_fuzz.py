"""Nothing that can stand in a rules or cases file makes the loader raise."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import yaml
from hypothesis import given
from hypothesis import strategies as st

from authoring.small import rule, rules_file, write
from caveat.authoring.check import check_folder
from caveat.rules.diagnostics import Problems
from caveat.rules.source import read_text

GOOD = rules_file(
    rule(
        "baclofen.topic.one",
        """
        all:
        - creatinine_clearance: {below: 30 mL/min, within: 90 d}
        - any:
          - order: {route: [oral, topical], dose: {above: 5 mg}}
          - not: {condition: {in: falls, status: ever}}
        - at_least: {count: 1, of: [{sex: male}, {context: {fall_risk: true}}]}
        """,
        unless="[{id: e, because: b, age: {below: 2 a}, known: [age]}]",
        covers="[X-1]",
        supersedes="[]",
    )
)
CASES = """\
format: 1
as_of: 2026-01-15
base: {sex: female, age: 50 a, orders: [{id: o1, text: baclofen, route: oral, dose: 5 mg}]}
cases:
- id: a
  rule: baclofen.topic.one
  class: fires
  given: {conditions: []}
  expect: [{subject: [o1], status: fires}]
"""
LEDGER = (
    "format: 1\nsource: book\nstatements:\n- {id: X-1, section: s, says: s, rules: [baclofen.topic.one]}\n"
)
FILES = {
    "topic/a.rules.yaml": GOOD,
    "topic/a.cases.yaml": CASES,
    "topic/ledger.yaml": LEDGER,
    "policies/default.yaml": "format: 1\nowner: o\nreason: r\ntiers: {major: passive}\n",
}


def check(files: dict[str, bytes]) -> list[Any]:
    """The diagnostics; the property is that nothing raises and that each can be printed."""
    with tempfile.TemporaryDirectory() as name:
        folder = write(Path(name), FILES)
        for path, raw in files.items():
            (folder / path).write_bytes(raw)
        found = check_folder(folder)
        for item in found:
            assert len(str(item)) < 5_000
            assert item.one_line
            assert item.place.line >= 1
            assert item.place.column >= 1
        return found


keys = st.sampled_from(
    """
    format rules id kind severity status title covers applies_to when unless supersedes alert evidence
    all any not at_least count of order pair with stopped allergy patient taking ingredient class
    except route dose below above at_most equals pick within using condition in during_order known
    unknown context sex pregnant always sum weights times other because to age potassium cases base
    as_of given expect subject missing unchecked orders conditions statements source says section
    tiers
    """.split()
)
scalars = st.one_of(
    keys,
    st.sampled_from(
        [
            "baclofen",
            "oral",
            "30 mL/min",
            "2 a",
            "-5 mg",
            "5 mg/d",
            "",
            "~",
            "1e400 mg",
            "falls",
            "2026-01-15",
            "0 d",
        ]
    ),
    st.none(),
    st.booleans(),
    st.integers(),
    st.floats(),
    st.text(max_size=12),
)
trees = st.recursive(
    scalars,
    lambda inner: st.one_of(st.lists(inner, max_size=4), st.dictionaries(keys, inner, max_size=5)),
    max_leaves=20,
)


def test_the_good_files_are_good() -> None:
    assert not [str(d) for d in check({}) if d.code < "C030"]


@given(st.binary(max_size=300))
def test_any_bytes(raw: bytes) -> None:
    read_text(raw, "f.yaml", Problems())


@given(st.text(alphabet="abc:-[]{}&*!?|>'\"%#,\n\t 01.~@`", max_size=120))
def test_any_punctuation(text: str) -> None:
    read_text(text.encode(), "f.yaml", Problems())


@given(trees)
def test_any_tree_as_a_rules_file(tree: Any) -> None:
    check({"topic/a.rules.yaml": yaml.safe_dump(tree, allow_unicode=True).encode()})


def _spots(node: Any, path: tuple[Any, ...] = ()) -> list[tuple[Any, ...]]:
    inner = node.items() if isinstance(node, dict) else enumerate(node) if isinstance(node, list) else ()
    return [path, *(spot for key, value in inner for spot in _spots(value, (*path, key)))]


def _put(node: Any, path: tuple[Any, ...], value: Any) -> Any:
    if not path:
        return value
    copy = dict(node) if isinstance(node, dict) else list(node)
    copy[path[0]] = _put(node[path[0]], path[1:], value)
    return copy


@given(st.data())
def test_any_value_anywhere_in_a_good_file(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    tree = yaml.safe_load(FILES[name])
    for _ in range(data.draw(st.integers(1, 3))):
        tree = _put(tree, data.draw(st.sampled_from(_spots(tree))), data.draw(trees))
    check({name: yaml.safe_dump(tree, allow_unicode=True).encode()})


@given(st.data())
def test_good_file_cut_short_or_with_a_byte_changed(data: st.DataObject) -> None:
    name = data.draw(st.sampled_from(sorted(FILES)))
    raw = bytearray(FILES[name].encode())
    at = data.draw(st.integers(0, len(raw) - 1))
    if data.draw(st.booleans()):
        raw = raw[:at]
    else:
        raw[at] = data.draw(st.integers(0, 255))
    check({name: bytes(raw)})
