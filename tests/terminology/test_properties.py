"""What must hold for any name: decoration changes nothing, noise means nothing, likeness is never enough."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import assume, example, given, settings
from hypothesis import strategies as st

from caveat.terminology.candidates import distance
from caveat.terminology.concepts import Terminology
from caveat.terminology.load import load_terminology
from caveat.terminology.resolver import resolve
from caveat.terminology.text import key, plain, tokens

ROOT = Path(__file__).resolve().parents[2]
TERMINOLOGY = load_terminology(ROOT / "rulesets" / "concepts")
INGREDIENTS = sorted(
    i for i in TERMINOLOGY.tables.ingredients if TERMINOLOGY.ingredient(i).kind != "allergen"
)
PLAIN = sorted(
    n for i in INGREDIENTS if (n := TERMINOLOGY.ingredient(i).name).isalpha() and n.isascii() and len(n) >= 6
)
COLLISIONS = {
    frozenset(line.split("\t")[:2])
    for line in (Path(__file__).parent / "collisions.tsv").read_text("utf-8").splitlines()[1:]
}
FALSE_FRIENDS = {"iron": "a salt may be written before it"}

ordinary = st.sampled_from([i for i in INGREDIENTS if TERMINOLOGY.ingredient(i).name not in FALSE_FRIENDS])
cases = st.sampled_from([str.lower, str.upper, str.title, str.capitalize])
after = st.lists(
    st.sampled_from(
        [
            " 10 mg",
            " 0.5 MG/ML",
            " Oral Tablet",
            " tab",
            " Extended Release",
            " 5 mg/5 mL",
            " (as needed)",
            " PO TID",
            " (Oncology)",
            " Replacement (Critical Care)",
            " (Mini Bag Plus)",
            " (IABP)",
            " (premix, floor stock)",
            " *NF*",
            " (JUPITER trial)",
            " (patient's own supply)",
            " via G-tube",
            " 2 puffs q4h prn",
        ]
    ),
    max_size=3,
)


@given(ordinary, cases, after)
@example("baclofen", str.upper, [" 10 mg", " Oral Tablet"])
def test_case_strength_and_form_never_change_the_ingredient(id: str, case: object, ends: list[str]) -> None:
    name = TERMINOLOGY.ingredient(id).name
    text = case(name) + "".join(ends)  # type: ignore[operator]
    found = resolve(TERMINOLOGY, (), text)
    assert found.ingredients == (id,), text
    assert not found.unrecognised, text


SALTS = ["hydrochloride", "sodium", "sulfate", "maleate", "potassium", "mesylate", "calcium", "acetate"]


@given(st.sampled_from(PLAIN), st.sampled_from(SALTS))
def test_a_salt_is_part_of_its_substance(name: str, salt: str) -> None:
    assume(key(f"{name} {salt}") not in TERMINOLOGY.tables.names)
    assert (
        resolve(TERMINOLOGY, (), f"{name} {salt}").ingredients == resolve(TERMINOLOGY, (), name).ingredients
    )


ACCENTS = {"a": "á", "e": "é", "i": "ï", "o": "ô", "u": "ü", "c": "ç", "n": "ñ"}


@given(st.sampled_from(PLAIN), st.integers(0, 30))
def test_accents_and_invisible_characters_never_change_the_ingredient(name: str, at: int) -> None:
    at %= len(name)
    written = name[:at] + "\u200b" + ACCENTS.get(name[at], name[at]) + name[at + 1 :]
    assert resolve(TERMINOLOGY, (), written).ingredients == resolve(TERMINOLOGY, (), name).ingredients


@given(st.text(alphabet="bcdfghjklmnpqrstvwxz", min_size=7, max_size=14))
def test_letters_without_vowels_never_mean_an_ingredient(text: str) -> None:
    found = resolve(TERMINOLOGY, (), text)
    assert found.ingredients == ()
    assert found.unrecognised


@given(st.text(max_size=60))
def test_any_text_is_read_without_error_and_every_word_is_accounted_for(text: str) -> None:
    found = resolve(TERMINOLOGY, (), text)
    assert found.unrecognised == (not found.ingredients or bool(found.leftover))
    assert plain(plain(text)) == plain(text)
    assert all(t for t in tokens(text))


@st.composite
def one_edit(draw: st.DrawFn) -> tuple[str, str]:
    name = draw(st.sampled_from(PLAIN))
    at = draw(st.integers(0, len(name) - 1))
    letter = draw(st.sampled_from("abcdefghijklmnopqrstuvwxyz"))
    kind = draw(st.sampled_from(["drop", "add", "change", "swap"]))
    if kind == "drop":
        return name, name[:at] + name[at + 1 :]
    if kind == "add":
        return name, name[:at] + letter + name[at:]
    if kind == "change":
        return name, name[:at] + letter + name[at + 1 :]
    return name, name[:at] + name[at : at + 2][::-1] + name[at + 2 :]


@given(one_edit())
def test_one_edit_never_means_another_substance_silently(pair: tuple[str, str]) -> None:
    name, written = pair
    found = resolve(TERMINOLOGY, (), written)
    if not found.ingredients:
        assert found.unrecognised
        assert found.leftover == (written,)
        return
    same = bool(set(found.ingredients) & set(resolve(TERMINOLOGY, (), name).ingredients))
    assert same or frozenset((name, written)) in COLLISIONS, f"{written} means {found.ingredients}"


@given(one_edit())
@settings(max_examples=100)  # each one ranks against every name
def test_the_right_name_is_among_the_candidates_of_one_edit(pair: tuple[str, str]) -> None:
    name, written = pair
    found = resolve(TERMINOLOGY, (), written)
    assume(not found.ingredients)
    near = [n for n in TERMINOLOGY.tables.names if distance(n, written, 1) <= 1]
    assume(len(near) <= 5)
    assert name in found.candidates


def test_collisions_are_exactly_those_recorded() -> None:
    """Two names of different substances one edit apart; a new one has to be looked at and written down."""
    meaning = {
        k: set(v.partition("\t")[0].split("|")) for k, v in TERMINOLOGY.tables.names.items() if " " not in k
    }
    shorter: dict[str, set[str]] = {}
    for k in meaning:
        if len(k) >= 5:
            for s in {k, *(k[:i] + k[i + 1 :] for i in range(len(k)))}:
                shorter.setdefault(s, set()).add(k)
    found = set()
    for name in PLAIN:
        for s in {name, *(name[:i] + name[i + 1 :] for i in range(len(name)))}:
            for other in shorter.get(s, ()):
                if other != name and distance(name, other, 1) <= 1 and not meaning[name] & meaning[other]:
                    found.add(frozenset((name, other)))
    assert found == {c for c in COLLISIONS if any(n in PLAIN for n in c)} == COLLISIONS


@pytest.mark.parametrize("word", ["arb", "opi", "zepam", "olol", "mab"])
def test_a_piece_of_a_name_means_nothing(terminology: Terminology, word: str) -> None:
    found = resolve(terminology, (), word)
    assert found.ingredients == ()
    assert found.unrecognised


def plain_distance(a: str, b: str) -> int:
    """Optimal string alignment by its definition."""
    before: list[int] = []
    last = list(range(len(b) + 1))
    for i, x in enumerate(a, 1):
        row = [i]
        for j, y in enumerate(b, 1):
            cost = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (x != y))
            if i > 1 and j > 1 and x == b[j - 2] and a[i - 2] == y:
                cost = min(cost, before[j - 2] + 1)
            row.append(cost)
        before, last = last, row
    return last[-1]


@given(st.text("abcé", max_size=12), st.text("abcé", max_size=12), st.integers(0, 4))
def test_edits_are_counted_as_they_are_defined(a: str, b: str, bound: int) -> None:
    wanted = plain_distance(a, b)
    found = distance(a, b, bound)
    assert found == wanted or (found > bound and wanted > bound)
