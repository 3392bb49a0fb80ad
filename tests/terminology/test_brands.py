"""Brands and names in other languages: what they mean, which list says so, and what is refused."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from caveat.terminology.candidates import distance
from caveat.terminology.concepts import Terminology
from caveat.terminology.load import rows
from caveat.terminology.resolver import resolve
from caveat.terminology.text import key

HERE = Path(__file__).parent


def table(name: str) -> list[list[str]]:
    return [line.split("\t") for line in (HERE / name).read_text("utf-8").splitlines()[1:]]


BRANDS = table("brands.tsv")
LANGUAGES = table("languages.tsv")
NEAR = {tuple(row) for row in table("near_names.tsv")}
LIST = re.compile(r"list(?:s agree|, flagged): ([A-Z0-9, ]+)$")


@pytest.mark.parametrize(("text", "ingredients"), BRANDS, ids=[row[0] for row in BRANDS])
def test_a_brand_means_all_its_ingredients(terminology: Terminology, text: str, ingredients: str) -> None:
    for written in (text, text.upper(), f"{text} tablet"):
        found = resolve(terminology, (), written)
        assert sorted(found.ingredients) == ingredients.split("|"), written
        assert not found.unrecognised, written


@pytest.mark.parametrize(
    ("text", "ingredient", "language"), LANGUAGES, ids=[f"{row[2]}: {row[0]}" for row in LANGUAGES]
)
def test_a_name_in_another_language(
    terminology: Terminology, text: str, ingredient: str, language: str
) -> None:
    found = resolve(terminology, (), f"{text} 10 mg")
    assert found.ingredients == (ingredient,), language
    assert not found.unrecognised


@pytest.mark.parametrize(
    ("text", "one_of"),
    [
        ("Zoxan", {"ciprofloxacin", "doxazosin"}),
        ("Calcidose", {"calcium-carbonate", "colecalciferol"}),
        ("CTX", {"ceftriaxone", "cyclophosphamide"}),
        ("DOX", {"doxorubicin", "doxycycline"}),
        ("LEV", {"levetiracetam", "levofloxacin"}),
        ("CLZ", {"clonazepam", "clozapine"}),
        ("CPA", {"cyclophosphamide", "cyproterone"}),
        ("Oxy", {"oxycodone", "oxytocin"}),
        ("MSO4", {"magnesium-sulfate", "morphine"}),
    ],
)
def test_a_name_with_more_than_one_meaning_is_offered_and_never_taken(
    terminology: Terminology, text: str, one_of: set[str]
) -> None:
    found = resolve(terminology, (), f"{text} 10 mg")
    assert found.ingredients == ()
    assert found.unrecognised
    assert set(found.candidates[:2]) == one_of


@pytest.mark.parametrize("text", ["Viani", "Daflon", "Niferex", "Maxim", "Fractal", "MCP 10 mg", "ACC 200"])
def test_what_no_two_sources_or_a_common_word_could_settle_stays_unrecognised(
    terminology: Terminology, text: str
) -> None:
    assert resolve(terminology, (), text).unrecognised


@pytest.mark.parametrize(
    ("short", "long", "leftover"),
    [
        ("Decortin", "Decortin H", ()),
        ("Fucidin", "Fucidin H", ("h",)),
        ("Betnesol", "Betnesol-N", ("n",)),
        ("Advil", "Advil Complex", ("complex",)),
        ("Pinex", "Pinex Forte", ()),
        ("Losartan", "Losartan Duo", ("duo",)),
        ("Micardis", "Micardis Plus", ()),
        ("Nebilet", "Nebilet Plus", ("plus",)),
        ("Tardyferon", "Tardyferon B9", ()),
    ],
)
def test_a_suffix_that_may_be_another_substance_is_a_name_or_left_over(
    terminology: Terminology, short: str, long: str, leftover: tuple[str, ...]
) -> None:
    base, found = resolve(terminology, (), short), resolve(terminology, (), long)
    assert not base.unrecognised
    assert found.leftover == leftover
    if not leftover:
        assert found.ingredients != base.ingredients


@pytest.mark.parametrize(
    "text", ["Beloc-Zok 95 mg", "Depakine Chrono 500", "Losartan-ratiopharm 50 mg", "Maxalt-MLT", "EpiPen Jr"]
)
def test_a_word_for_a_device_a_release_or_a_maker_changes_nothing(
    terminology: Terminology, text: str
) -> None:
    assert not resolve(terminology, (), text).unrecognised


def test_names_one_letter_apart_are_exactly_those_looked_at(terminology: Terminology) -> None:
    """Brands too: a new pair with different meanings has to be looked at and written down."""
    meaning = {
        k: frozenset(v.partition("\t")[0].split("|"))
        for k, v in terminology.tables.names.items()
        if " " not in k and len(k) >= 5
    }
    shorter: dict[str, set[str]] = {}
    for k in meaning:
        for s in {k, *(k[:i] + k[i + 1 :] for i in range(len(k)))}:
            shorter.setdefault(s, set()).add(k)
    found = set()
    for group in shorter.values():
        for a in group:
            for b in group:
                if a < b and not meaning[a] & meaning[b] and distance(a, b, 1) <= 1:
                    found.add((a, b, "|".join(sorted(meaning[a])), "|".join(sorted(meaning[b]))))
    assert found == NEAR


def test_a_name_that_one_list_alone_gives_is_never_one_letter_from_another_medicine(
    concepts_dir: Path,
) -> None:
    flagged = {
        key(cells[0])
        for _, cells in rows(concepts_dir / "review", "names.tsv", 5)
        if "flagged" in cells[4] or "ending" in cells[4]
    }
    assert len(flagged) > 2_000
    for a, b, *_ in NEAR:
        assert not {a, b} & flagged, (a, b)


def test_every_brand_list_named_by_a_row_is_described(concepts_dir: Path) -> None:
    described = {cells[0] for _, cells in rows(concepts_dir / "review", "lists.tsv", 4)}
    named: set[str] = set()
    for _, cells in rows(concepts_dir / "review", "names.tsv", 5):
        if found := LIST.search(cells[4]):
            lists = set(found[1].split(", "))
            named |= lists
            if "agree" in cells[4]:
                assert len(lists) > 1 or "two texts" in cells[4], cells
    assert len(named) >= 10
    assert named <= described
