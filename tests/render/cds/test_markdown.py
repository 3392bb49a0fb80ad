"""Nothing of a record or a rule becomes markup, whatever a client renders the Markdown with."""

from __future__ import annotations

import pytest
from hypothesis import given

from caveat.render.markdown import blocks, escape, plain, section, two
from render.cds.hostile import HARMLESS, LINKED, NAMES, shown, structure, texts, tokens

PLACES = ("{}", "- {}", "- {}\n- {}", "**Label:** {}", "**Label:**\n\n- {}\n- x", "x {} y", "{}\n\n{}")


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("place", PLACES)
def test_a_hostile_name_stays_text(name: str, place: str) -> None:
    found = place.replace("{}", escape(name))
    assert structure(found) == structure(place.replace("{}", "x"))
    assert not LINKED.search(shown(found))


@given(texts, texts)
def test_any_text_stays_text(one: str, other: str) -> None:
    for place in PLACES:
        found = place.replace("{}", escape(one), 1).replace("{}", escape(other))
        assert structure(found) == structure(place.replace("{}", "x")), found
        assert not LINKED.search(shown(found)), found


@given(texts)
def test_escaped_text_reads_as_the_plain_text(text: str) -> None:
    """What is shown is what was written, but for addresses that are broken and the sign of a tag."""

    def letters(value: str) -> str:
        return "".join(value.replace("＜", "<").split())

    assert letters(shown("x " + escape(text))) == "x" + letters(plain(text))


@given(texts)
def test_plain_text_is_on_one_line_and_opens_no_tag(text: str) -> None:
    found = plain(text)
    assert found.isprintable()
    assert not any(f"<{c}" in found for c in "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ/!?")


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Lioresal 10 mg tablet", "Lioresal 10 mg tablet"),
        ("24.5 mL/min", "24.5 mL/min"),
        ("<0.3 mg/dL", "&lt;0.3 mg/dL"),
        ("2026-01-10 · Observation/9", "2026-01-10 · Observation/9"),
        ("http://a.b/c", "http: \\/ \\/a\\.b/c"),
        ("www.x.org", "www \\.x\\.org"),
        ("www.1. one", "www \\.1. one"),
        ("a@b.c", "a \\@ b\\.c"),
        ("1. one", "1\\. one"),
        ("- one", "\\- one"),
        ("a_b*c", "a\\_b\\*c"),
        ("a\nb", "a b"),
        ("x\u200by", "x\\\\u200by"),
        ("x\ud800y", "x\\\\ud800y"),
        ("x\U000e0041y", "x\\\\U000e0041y"),
        ("5\u00a0mg", "5 mg"),
    ],
)
def test_how_text_is_escaped(text: str, expected: str) -> None:
    assert escape(text) == expected


def test_a_comparator_is_kept_in_plain_text() -> None:
    assert plain("creatinine <0.3 mg/dL") == "creatinine <0.3 mg/dL"
    assert plain("a </b>") == "a ＜/b>"


def test_sections_hold_one_line_or_bullets() -> None:
    assert section("Label", ["one"]) == ["**Label:** one"]
    assert section("Label", ["one", "", "two"]) == ["**Label:**\n\n- one\n- two"]
    assert section("Label", ["", ""]) == []
    assert {t.type for t in tokens(blocks(section("Label", ["one", "two"])))} <= HARMLESS


@pytest.mark.parametrize(
    ("count", "most", "expected"),
    [
        (1, 6, ["0"]),
        (2, 6, ["0", "1"]),
        (3, 6, ["0; 1", "2"]),
        (5, 6, ["0; 1; 2", "3; 4"]),
        (8, 2, ["0; 1", "and 6 more"]),
    ],
)
def test_at_most_two_bullets_hold_all_that_is_shown(count: int, most: int, expected: list[str]) -> None:
    assert two([str(n) for n in range(count)], most) == expected
