"""Child-Pugh: both sides of every boundary, and what an unknown part leaves open."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.facts.derive.child_pugh import child_pugh_class, child_pugh_score
from caveat.intervals import ANYTHING, Interval, exactly, inside
from caveat.truth import TRUE

BEST: dict[str, Any] = {
    "bilirubin": exactly(1),
    "albumin": exactly(4),
    "inr": exactly(1),
    "ascites": "none",
    "encephalopathy": 0,
}


def score(**changed: Any) -> Interval:
    return child_pugh_score(**{**BEST, **changed})


@pytest.mark.parametrize(
    ("part", "value", "points"),
    [
        ("bilirubin", "1.99", 1), ("bilirubin", "2", 2), ("bilirubin", "3", 2), ("bilirubin", "3.01", 3),
        ("albumin", "3.51", 1), ("albumin", "3.5", 2), ("albumin", "2.8", 2), ("albumin", "2.79", 3),
        ("inr", "1.69", 1), ("inr", "1.7", 2), ("inr", "2.3", 2), ("inr", "2.31", 3),
        ("encephalopathy", "0", 1), ("encephalopathy", "1", 2), ("encephalopathy", "2", 2),
        ("encephalopathy", "3", 3), ("encephalopathy", "4", 3),
    ],
)  # fmt: skip
def test_both_sides_of_every_boundary(part: str, value: str, points: int) -> None:
    assert score(**{part: exactly(Fraction(value))}) == exactly(4 + points)


@pytest.mark.parametrize(
    ("grade", "points"), [("none", 1), ("slight", 2), ("mild", 2), ("moderate", 3), ("severe", 3)]
)
def test_ascites(grade: str, points: int) -> None:
    assert score(ascites=grade) == exactly(4 + points)


@pytest.mark.parametrize("part", sorted(BEST))
def test_an_unknown_part_is_one_to_three_points(part: str) -> None:
    assert score(**{part: None}) == Interval(Fraction(5), Fraction(7))
    assert child_pugh_class(score(**{part: None})) == {"A", "B"}


def test_bounds_leave_only_the_points_they_allow() -> None:
    assert score(bilirubin=Interval(None, Fraction(2), high_open=True)) == exactly(5)
    assert score(bilirubin=Interval(None, Fraction(2))) == Interval(Fraction(5), Fraction(6))
    assert score(albumin=Interval(None, Fraction("2.8"), high_open=True)) == exactly(7)
    assert score(encephalopathy=Interval(Fraction(1))) == Interval(Fraction(6), Fraction(7))
    assert child_pugh_score(
        bilirubin=None, albumin=None, inr=None, ascites=None, encephalopathy=None
    ) == Interval(Fraction(5), Fraction(15))


@pytest.mark.parametrize(
    ("points", "classes"),
    [(5, "A"), (6, "A"), (7, "B"), (9, "B"), (10, "C"), (15, "C")],
)
def test_classes(points: int, classes: str) -> None:
    assert child_pugh_class(exactly(points)) == set(classes)


def test_classes_of_points_that_are_not_known() -> None:
    assert child_pugh_class(ANYTHING) == {"A", "B", "C"}
    assert child_pugh_class(Interval(Fraction(6), Fraction(7))) == {"A", "B"}
    assert child_pugh_class(Interval(Fraction(9))) == {"B", "C"}
    for impossible in (exactly(4), exactly(16), exactly(Fraction(13, 2))):
        with pytest.raises(ValueError, match="5 to 15"):
            child_pugh_class(impossible)


@pytest.mark.parametrize(
    ("part", "value"),
    [("bilirubin", exactly(-1)), ("ascites", "lots"), ("encephalopathy", 5), ("encephalopathy", -1),
     ("encephalopathy", Interval(Fraction(3), Fraction(6)))],
)  # fmt: skip
def test_parts_that_cannot_be_are_refused(part: str, value: object) -> None:
    with pytest.raises(ValueError, match=r"Check|Leave|Write"):
        score(**{part: value})


VALUES = st.fractions(0, 6, max_denominator=10)


@given(st.lists(VALUES, min_size=3, max_size=3), st.lists(VALUES, min_size=3, max_size=3))
def test_the_score_of_points_lies_in_the_score_of_bounds(
    some: list[Fraction], others: list[Fraction]
) -> None:
    names = ("bilirubin", "albumin", "inr")
    bounds = {name: Interval(min(a, b), max(a, b)) for name, a, b in zip(names, some, others, strict=True)}
    point = score(**{name: exactly(value) for name, value in zip(names, some, strict=True)})
    assert inside(point, score(**bounds)) == TRUE
