"""When two demands on leaves exclude one another."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

from caveat.authoring.checks.regions import Region, meet, region
from caveat.compile import nodes
from caveat.compile.nodes import Leaf
from caveat.facts.catalog import CHOICES
from caveat.intervals import Interval
from caveat.units import parse_unit


@dataclass(frozen=True, slots=True)
class Demand:
    """A leaf that must be TRUE, or (`firm` False) must not be FALSE."""

    leaf: Leaf
    firm: bool = True


_UNIVERSES = {
    ("order", "purpose"): frozenset({"test", "treatment"}),
    ("order", "as_needed"): frozenset({"true", "false"}),
    ("order", "tapered"): frozenset({"true", "false"}),
    ("order", "continued"): frozenset({"true", "false"}),
    ("allergy", "type"): frozenset({"allergy", "intolerance"}),
    ("allergy", "status"): frozenset({"active", "past"}),
    ("allergy", "to_ingredient"): frozenset({"true", "false"}),
    ("allergy", "taken_since"): frozenset({"true", "false"}),
}
_ONE_OF_MANY = ("route", "form", "status", "purpose", "as_needed", "tapered", "continued")
_NUMBERS = (nodes.NumberLeaf, nodes.OrderNumberLeaf, nodes.CountLeaf, nodes.SumLeaf, nodes.ExposureLeaf)


def clash(demands: Sequence[Demand]) -> tuple[Demand, Demand] | None:
    """Two of the demands that exclude one another, or None when none is found to."""
    for index, one in enumerate(demands):
        if isinstance(one.leaf, nodes.Always) and one.leaf.negated:
            return one, one
        for two in demands[index + 1 :]:
            if (one.firm or two.firm) and _excludes(one, two):
                return one, two
    return _jointly(demands)


def _jointly(demands: Sequence[Demand]) -> tuple[Demand, Demand] | None:
    """Firm demands on one number of which each two may hold, but not all."""
    left: dict[object, tuple[Region, Demand]] = {}
    for demand in demands:
        leaf = demand.leaf
        if not demand.firm or not isinstance(leaf, _NUMBERS):
            continue
        key = number_key(leaf)
        held, first = left.get(key, (None, demand))
        mine = region(leaf.target, leaf.negated)
        held = mine if held is None else meet(held, mine)
        if not held:
            return first, demand
        left[key] = (held, first)
    return None


def number_key(leaf: Leaf) -> object:
    """What a numeric leaf measures, whatever its range, its unit and how old it may be; else None."""
    match leaf:
        case nodes.NumberLeaf():
            using = "actual" if leaf.fact == "creatinine_clearance" and leaf.using is None else leaf.using
            unit = leaf.unit if leaf.fact == "age" else ""
            return "number", leaf.fact, unit, leaf.pick, using
        case nodes.OrderNumberLeaf():
            return "order", leaf.which, leaf.prop, leaf.of
        case nodes.CountLeaf():
            return "count", leaf.ingredients, leaf.by, leaf.where
        case nodes.SumLeaf():
            return "sum", leaf.weights, leaf.times, leaf.where
        case nodes.ExposureLeaf():
            return "exposure", leaf.ingredients, leaf.window, leaf.where
    return None


def _excludes(one: Demand, two: Demand) -> bool:
    a, b = one.leaf, two.leaf
    key = number_key(a)
    if key is not None and key == number_key(b):
        return _numbers_exclude(one, two)
    if type(a) is not type(b):
        return False
    match a:
        case nodes.ChoiceLeaf():
            return _choice_excludes(a, b)
        case nodes.OrderIsLeaf():
            assert isinstance(b, nodes.OrderIsLeaf)
            if (a.which, a.prop) != (b.which, b.prop):
                return False
            if a.prop in _ONE_OF_MANY:
                return _disjoint(a, b, _UNIVERSES.get(("order", a.prop)))
            return _present_and_absent(a, b, a.values, b.values)
        case nodes.AllergyLeaf():
            assert isinstance(b, nodes.AllergyLeaf)
            if a.prop != b.prop:
                return False
            if a.prop == "reaction":  # an entry may have several
                return _present_and_absent(a, b, a.values, b.values)
            return _disjoint(_spread(a), _spread(b), _UNIVERSES.get(("allergy", a.prop)))
        case nodes.KnownLeaf():
            assert isinstance(b, nodes.KnownLeaf)
            return a.fact == b.fact and a.negated != b.negated
        case nodes.IndicationLeaf():
            assert isinstance(b, nodes.IndicationLeaf)
            return a.which == b.which and _present_and_absent(a, b, a.sets, b.sets)
        case nodes.ConditionLeaf():
            assert isinstance(b, nodes.ConditionLeaf)
            return a.negated != b.negated and _covers(*((a, b) if b.negated else (b, a)))
        case nodes.DoseMultipleLeaf():
            assert isinstance(b, nodes.DoseMultipleLeaf)
            same = (a.which, a.of) == (b.which, b.of)
            return same and a.negated != b.negated and _steps_exclude(a, b)
    return False


def _numbers_exclude(one: Demand, two: Demand) -> bool:
    a, b = one.leaf, two.leaf
    assert isinstance(a, _NUMBERS)
    assert isinstance(b, _NUMBERS)
    if not isinstance(a, nodes.CountLeaf) and not isinstance(b, nodes.CountLeaf):
        alike = parse_unit(a.unit).dimension == parse_unit(b.unit).dimension
        if not alike:
            # a value of the one dimension leaves the other open, and neither FALSE
            return one.firm and two.firm
    if not _as_recent(one, two):
        return False
    return not meet(region(a.target, a.negated), region(b.target, b.negated))


def _as_recent(one: Demand, two: Demand) -> bool:
    """Whether the value that makes the firm demand TRUE is also recent enough for the other."""
    for firm, other in ((one, two), (two, one)):
        if firm.firm and not other.firm:
            mine, its = getattr(firm.leaf, "within", None), getattr(other.leaf, "within", None)
            if its is not None and (mine is None or mine > its):
                return False
    return True


def _choice_excludes(a: Leaf, b: Leaf) -> bool:
    assert isinstance(a, nodes.ChoiceLeaf)
    assert isinstance(b, nodes.ChoiceLeaf)
    if a.fact == b.fact:
        return _disjoint(a, b, frozenset(CHOICES.get(a.fact, ())) or None)
    for one, two in ((a, b), (b, a)):
        male = _values(one, frozenset(CHOICES["sex"])) == {"male"} if one.fact == "sex" else False
        if male and two.fact == "pregnant" and _values(two, frozenset({"true", "false"})) == {"true"}:
            return True
    return False


_Valued = nodes.OrderIsLeaf | nodes.AllergyLeaf | nodes.ChoiceLeaf


def _values(leaf: _Valued, universe: frozenset[str]) -> frozenset[str]:
    return universe - frozenset(leaf.values) if leaf.negated else frozenset(leaf.values)


def _disjoint(a: _Valued, b: _Valued, universe: frozenset[str] | None) -> bool:
    """Whether no value is left to a property that has exactly one."""
    if universe is not None:
        return _values(a, universe).isdisjoint(_values(b, universe))
    if a.negated and b.negated:
        return False
    if a.negated or b.negated:
        plain, other = (b, a) if a.negated else (a, b)
        return set(plain.values) <= set(other.values)
    return set(a.values).isdisjoint(b.values)


def _spread(leaf: nodes.AllergyLeaf) -> nodes.AllergyLeaf:
    if leaf.prop == "status" and "ever" in leaf.values:
        return nodes.AllergyLeaf(leaf.prop, ("active", "past"), leaf.negated)
    return leaf


def _present_and_absent(
    a: nodes.OrderIsLeaf | nodes.IndicationLeaf | nodes.AllergyLeaf,
    b: nodes.OrderIsLeaf | nodes.IndicationLeaf | nodes.AllergyLeaf,
    of_a: tuple[str, ...],
    of_b: tuple[str, ...],
) -> bool:
    """One of some is there, and none of more is."""
    if a.negated == b.negated:
        return False
    present, absent = (of_b, of_a) if a.negated else (of_a, of_b)
    return set(present) <= set(absent)


def _covers(present: nodes.ConditionLeaf, absent: nodes.ConditionLeaf) -> bool:
    """Whether what is asked to be absent takes in all that is asked to be present."""
    return (
        set(present.sets) <= set(absent.sets)
        and absent.status in (present.status, "ever")
        and (absent.within is None or (present.within is not None and present.within <= absent.within))
        and (present.during_order or not absent.during_order)
    )


def _steps_exclude(a: nodes.DoseMultipleLeaf, b: nodes.DoseMultipleLeaf) -> bool:
    plain, other = (b, a) if a.negated else (a, b)
    big, small = _step(plain.step), _step(other.step)
    return bool(small) and big % small == 0 and parse_unit(a.unit).dimension == parse_unit(b.unit).dimension


def _step(step: Interval) -> Fraction:
    return step.low or Fraction(0)
