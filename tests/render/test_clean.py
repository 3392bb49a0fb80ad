"""Foreign text cannot steer a terminal, and two texts that differ still look different."""

from __future__ import annotations

import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.render.clean import LONGEST, clean, neutral

HOSTILE = st.text(
    st.characters(categories=["L", "N", "P", "Zs", "Cc", "Cf", "Cs"])
    | st.sampled_from("\x1b\x9b\x07\u202e\u2066\u200b\n\t\r\ud800"),
    max_size=60,
)
STEERING = {"Cc", "Cs"}
BIDI = set("\u061c\u200e\u200f\u202a\u202b\u202c\u202d\u202e\u2066\u2067\u2068\u2069")


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("Warfarin 5 mg", "Warfarin 5 mg"),
        ("baclofène µg ≥", "baclofène µg ≥"),
        ("\x1b[2Jwarfarin", "\\x1b[2Jwarfarin"),
        ("war\u202efarin", "war\\u202efarin"),
        ("a\nb\tc", "a b c"),
        ("zero\u200bwidth", "zero\\u200bwidth"),
        ("\ud800", "\\ud800"),
    ],
)
def test_examples(text: str, shown: str) -> None:
    assert clean(text) == shown


@given(HOSTILE)
def test_nothing_that_steers_is_left(text: str) -> None:
    shown = clean(text)
    assert not [c for c in shown if unicodedata.category(c) in STEERING or c in BIDI]
    shown.encode("utf-8")
    kept = neutral(text)
    assert not [c for c in kept if (unicodedata.category(c) in STEERING and c != "\n") or c in BIDI]


@given(HOSTILE)
def test_cleaning_twice_changes_nothing(text: str) -> None:
    assert clean(clean(text)) == clean(text)


def test_a_long_text_is_cut_and_says_so() -> None:
    assert clean("x" * 10_000_000) == "x" * (LONGEST - 1) + "…"
    assert clean("x" * LONGEST) == "x" * LONGEST


def test_neutral_keeps_the_layout_of_a_source_line() -> None:
    assert neutral("   12 |   a: b\n      |   ^\t\x1b") == "   12 |   a: b\n      |   ^ \\x1b"
