"""What a record does not hold is absent only where the list is closed, however a rule asks for it."""

from __future__ import annotations

from fractions import Fraction
from typing import Any

import pytest

from caveat.compile.nodes import ChoiceLeaf, CountLeaf, KnownLeaf, Leaf, SumLeaf
from caveat.evaluators.closures import Closures
from caveat.evaluators.leaves import judge
from caveat.evaluators.subjects import PATIENT
from caveat.intervals import Interval, exactly
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth, negate
from strategies import patients

NONE = Interval(None, Fraction(0))
SOME = Interval(Fraction(1), None)


def count(target: Interval, *, negated: bool = False) -> Leaf:
    return CountLeaf(("morphine",), "morphine", "order", target, "", negated)


def total(target: Interval, *, negated: bool = False) -> Leaf:
    return SumLeaf((("morphine", exactly(1)),), "morphine", None, target, "1", "", negated)


@pytest.mark.parametrize(
    "leaf", [count(NONE), count(SOME, negated=True), total(NONE), total(SOME, negated=True)]
)
@pytest.mark.parametrize(
    ("complete", "expected"), [("closed", TRUE), ("open", UNKNOWN), ("unknown", UNKNOWN)]
)
def test_none_of_a_class_needs_a_closed_list(leaf: Leaf, complete: str, expected: Truth) -> None:
    """`at most 0` and `not at least 1` ask the same."""
    assert both(leaf, {"id": "p", "orders": [], "complete": {"orders": complete}}) == expected


@pytest.mark.parametrize("leaf", [count(SOME), total(SOME)])
@pytest.mark.parametrize(("complete", "expected"), [("closed", FALSE), ("open", FALSE), ("unknown", UNKNOWN)])
def test_some_of_a_class_is_absent_from_an_open_list(leaf: Leaf, complete: str, expected: Truth) -> None:
    assert both(leaf, {"id": "p", "orders": [], "complete": {"orders": complete}}) == expected


@pytest.mark.parametrize("leaf", [count(SOME), total(SOME)])
@pytest.mark.parametrize("complete", ["closed", "open", "unknown"])
def test_one_that_is_listed_is_there(leaf: Leaf, complete: str) -> None:
    orders = [{"id": "o", "text": "morphine", "status": "active"}]
    assert both(leaf, {"id": "p", "orders": orders, "complete": {"orders": complete}}) == TRUE


@pytest.mark.parametrize("name", ["orders", "conditions", "allergies", "observations"])
@pytest.mark.parametrize(
    ("given", "complete", "listed", "closed"),
    [
        ([], "closed", TRUE, TRUE),
        ([], "open", TRUE, FALSE),
        ([], "unknown", TRUE, FALSE),
        (None, "closed", FALSE, FALSE),
        (None, "open", FALSE, FALSE),
    ],
)
def test_a_rule_can_ask_whether_there_is_a_list_and_whether_it_is_closed(
    name: str, given: list[Any] | None, complete: str, listed: Truth, closed: Truth
) -> None:
    """Nothing is said to be missing from a list that nobody gave, whatever is said of how complete it is."""
    data = {"id": "p", name: given, "complete": {name: complete}}
    assert both(KnownLeaf(name), data) == listed
    assert both(KnownLeaf(f"all_{name}"), data) == closed
    assert both(KnownLeaf(f"all_{name}", negated=True), data) == negate(closed)


def test_a_recorded_pregnancy_is_not_denied_by_the_recorded_sex() -> None:
    """The record contradicts itself, so it does not say no."""
    pregnancy = {"text": "pregnancy", "clinical_status": "active"}
    leaf = ChoiceLeaf("pregnant", ("true",))
    assert both(leaf, {"id": "p", "sex": "male", "conditions": [pregnancy]}) != FALSE
    assert both(leaf, {"id": "p", "sex": "male", "conditions": []}) == FALSE


def both(leaf: Leaf, data: dict[str, Any]) -> Truth:
    """The truth by the reference; the compiled closure gives the same."""
    found = judge(leaf, patients.chart(data), PATIENT).truth
    assert Closures().node(leaf)(patients.chart(data), None, None, None) == found
    return found


@pytest.mark.parametrize(
    ("noted", "expected"),
    [("2025-03-13", TRUE), ("2025-03-12", UNKNOWN), ("2006-02-13", UNKNOWN), ("2025-03", TRUE), (None, TRUE)],
)
def test_a_pregnancy_that_was_never_ended_on_the_list_does_not_go_on_for_years(
    noted: str | None, expected: Truth
) -> None:
    """308 days after it was noted nobody says that it is over, nor that it goes on."""
    pregnancy = {"text": "pregnancy", "clinical_status": "active", "onset": noted}
    data = {"id": "p", "sex": "female", "age": "30 a", "conditions": [pregnancy]}
    assert both(ChoiceLeaf("pregnant", ("true",)), data) == expected
    later = {"text": "pregnancy", "clinical_status": "active", "recorded": "2025-12-01"}
    assert both(ChoiceLeaf("pregnant", ("true",)), data | {"conditions": [pregnancy, later]}) == TRUE
    assert both(ChoiceLeaf("pregnant", ("true",)), data | {"pregnant": False}) == FALSE
