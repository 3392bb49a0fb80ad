"""A result computed from intervals holds the result of every point inside them."""

from __future__ import annotations

from collections.abc import Callable
from fractions import Fraction
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.facts.derive.adjusted_weight import adjusted_weight
from caveat.facts.derive.body_mass import body_mass_index
from caveat.facts.derive.body_surface import dubois, mosteller
from caveat.facts.derive.ckd_epi import ckd_epi_2021
from caveat.facts.derive.cockcroft_gault import cockcroft_gault, indexed
from caveat.facts.derive.dose_per_weight import dose_per_weight
from caveat.facts.derive.ideal_weight import ideal_weight
from caveat.facts.derive.qtc import qtc_bazett, qtc_fridericia
from caveat.facts.derive.schwartz import schwartz_bedside, within_limits
from caveat.intervals import ANYTHING, Interval, exactly, inside
from caveat.truth import FALSE, TRUE, UNKNOWN

Formula = Callable[..., Interval | None]
Limits = dict[str, tuple[int, int]]

FORMULAS: list[tuple[Formula, Limits]] = [
    (cockcroft_gault, {"age": (18, 160), "weight": (1, 300), "creatinine": (0, 20)}),
    (ckd_epi_2021, {"age": (18, 130), "creatinine": (0, 20)}),
    (ideal_weight, {"height": (105, 230)}),
    (indexed, {"clearance": (0, 200), "body_surface": (0, 3)}),
    (schwartz_bedside, {"height": (30, 200), "creatinine": (0, 10)}),
    (mosteller, {"height": (30, 230), "weight": (0, 300)}),
    (dubois, {"height": (30, 230), "weight": (0, 300)}),
    (body_mass_index, {"height": (30, 230), "weight": (0, 300)}),
    (qtc_bazett, {"qt": (200, 700), "heart_rate": (20, 250)}),
    (qtc_fridericia, {"qt": (200, 700), "heart_rate": (20, 250)}),
    (adjusted_weight, {"actual": (1, 300), "ideal": (1, 120)}),
    (dose_per_weight, {"dose": (0, 500), "weight": (0, 300)}),
]
SEXED = (cockcroft_gault, ckd_epi_2021, ideal_weight)


@st.composite
def around(draw: st.DrawFn, low: int, high: int) -> tuple[Interval, Fraction]:
    """An interval, perhaps open or without an end, and a point inside it."""
    point = draw(st.fractions(low, high, max_denominator=100).filter(lambda value: value > 0))
    under = draw(st.none() | st.fractions(low, point, max_denominator=100))
    over = draw(st.none() | st.fractions(point, high, max_denominator=100))
    return (
        Interval(
            under,
            over,
            under is not None and under < point and draw(st.booleans()),
            over is not None and over > point and draw(st.booleans()),
        ),
        point,
    )


@pytest.mark.parametrize(("formula", "inputs"), FORMULAS, ids=lambda item: getattr(item, "__name__", None))
@given(data=st.data())
def test_no_point_result_lies_outside(formula: Formula, inputs: Limits, data: st.DataObject) -> None:
    drawn = {name: data.draw(around(*limits), label=name) for name, limits in inputs.items()}
    wide: dict[str, Any] = {name: interval for name, (interval, _) in drawn.items()}
    exact: dict[str, Any] = {name: exactly(point) for name, (_, point) in drawn.items()}
    if formula in SEXED:
        exact["sex"] = data.draw(st.sampled_from(["male", "female"]))
        wide["sex"] = data.draw(st.sampled_from([None, exact["sex"]]))
    bounds, point = formula(**wide), formula(**exact)
    assert point is not None
    assert point.exact is not None
    assert bounds is None or inside(point, bounds) == TRUE
    if (
        all(interval == exactly(value) for interval, value in drawn.values())
        and wide.get("sex", "") is not None
    ):
        assert bounds == point


@pytest.mark.parametrize(("formula", "inputs"), FORMULAS, ids=lambda item: getattr(item, "__name__", None))
def test_knowing_nothing_gives_nothing(formula: Formula, inputs: Limits) -> None:
    given_inputs: dict[str, Any] = dict.fromkeys(inputs, ANYTHING)
    if formula in SEXED:
        given_inputs["sex"] = None
    result = formula(**given_inputs)
    assert result is None or (not result.low and result.high is None)


@pytest.mark.parametrize(("formula", "inputs"), FORMULAS, ids=lambda item: getattr(item, "__name__", None))
def test_values_that_cannot_be_are_refused(formula: Formula, inputs: Limits) -> None:
    usual: dict[str, Any] = {name: exactly(max(low, 40)) for name, (low, _) in inputs.items()}
    if formula in SEXED:
        usual["sex"] = "male"
    for name in inputs:
        with pytest.raises(ValueError, match="below zero"):
            formula(**{**usual, name: exactly(-1)})
        if name not in ("age", "clearance", "dose"):
            with pytest.raises(ValueError, match="zero"):
                formula(**{**usual, name: exactly(0)})


def clearance(**changed: Any) -> Interval | None:
    usual: dict[str, Any] = {
        "age": exactly(40),
        "weight": exactly(72),
        "creatinine": exactly(1),
        "sex": "male",
    }
    return cockcroft_gault(**{**usual, **changed})


def test_clearance_with_the_sex_unknown_holds_both() -> None:
    assert clearance() == exactly(100)
    assert clearance(sex="female") == exactly(85)
    assert clearance(sex=None) == Interval(Fraction(85), Fraction(100))


def test_creatinine_below_a_detection_limit_bounds_the_clearance_from_below() -> None:
    below = Interval(None, Fraction(1, 2), high_open=True)
    assert clearance(creatinine=below) == Interval(Fraction(200), None, low_open=True)
    assert clearance(creatinine=Interval(Fraction(0), Fraction(1, 2), high_open=True)) == clearance(
        creatinine=below
    )


def test_an_age_of_at_least_ninety_bounds_the_clearance_on_both_sides() -> None:
    assert clearance(age=Interval(Fraction(90))) == Interval(Fraction(0), Fraction(50))
    assert clearance(age=exactly(150)) == exactly(0)


def test_adult_formulas_do_not_answer_for_children() -> None:
    for age in (exactly(17), Interval(Fraction(17), Fraction(18)), ANYTHING):
        assert clearance(age=age) is None
        assert ckd_epi_2021(age=age, creatinine=exactly(1), sex="male") is None
    assert clearance(age=exactly(18)) is not None


def test_a_word_that_is_no_sex_is_refused() -> None:
    with pytest.raises(ValueError, match="None for unknown"):
        clearance(sex="unknown")


def test_the_limits_of_schwartz() -> None:
    assert within_limits(exactly(Fraction(1, 2))) == FALSE
    assert within_limits(exactly(1)) == TRUE
    assert within_limits(Interval(Fraction(17), Fraction(18))) == UNKNOWN
    assert within_limits(exactly(18)) == FALSE


def test_ideal_weight_ends_where_the_line_reaches_zero() -> None:
    assert ideal_weight(height=exactly(97), sex="male") is None
    assert ideal_weight(height=exactly(98), sex="male") is not None
    assert ideal_weight(height=exactly(100), sex=None) is None
    assert ideal_weight(height=Interval(Fraction(90), Fraction(180)), sex="male") is None


def test_adjusted_weight_never_exceeds_the_actual() -> None:
    assert adjusted_weight(actual=exactly(50), ideal=exactly(70)) == exactly(50)
    assert adjusted_weight(actual=exactly(100), ideal=exactly(70)) == exactly(82)
    for factor in (Fraction(0), Fraction(1), Fraction(-1)):
        with pytest.raises(ValueError, match="between 0 and 1"):
            adjusted_weight(actual=exactly(100), ideal=exactly(70), factor=factor)


def test_other_formulas_at_hand_computed_points() -> None:
    assert body_mass_index(height=exactly(200), weight=exactly(100)) == exactly(25)
    assert qtc_bazett(qt=exactly(400), heart_rate=exactly(60)) == exactly(400)
    assert qtc_bazett(qt=exactly(400), heart_rate=exactly(240)) == exactly(800)
    assert qtc_fridericia(qt=exactly(400), heart_rate=exactly(480)) == exactly(800)
    assert dose_per_weight(dose=exactly(35), weight=exactly(70)) == exactly(Fraction(1, 2))
