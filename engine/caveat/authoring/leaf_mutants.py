"""The small mistakes that one clause could hold."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from fractions import Fraction

from caveat.authoring.clauses import clause
from caveat.authoring.prepared import Ranged, step_of
from caveat.compile import nodes
from caveat.compile.nodes import Leaf
from caveat.facts.catalog import CHOICES, PATIENT_NUMBERS
from caveat.intervals import Interval

Change = tuple[str, str, Leaf]
FIVE = Fraction(1, 20)
THOUSAND = 1000
_PICKS = ("latest", "lowest", "highest")
_STATUSES = ("active", "past", "ever")
_WEIGHTS = ("actual", "ideal", "adjusted")
_FLAGS = ("as_needed", "tapered", "continued")
_FIXED = {
    "purpose": ("test", "treatment"),
    "type": ("allergy", "intolerance"),
    "severity": ("mild", "moderate", "severe"),
    "criticality": ("low", "high"),
}


@dataclass(frozen=True, slots=True)
class Vocabulary:
    """Values that rules use: of each property of an order, and value sets.

    `within` gives the wider sets of a value set: to drop it beside one of them changes nothing.
    """

    values: tuple[tuple[str, str], ...]
    sets: tuple[str, ...]
    within: Mapping[str, Sequence[str]] = field(default_factory=dict)

    @classmethod
    def of(cls, leaves: Iterable[Leaf], within: Mapping[str, Sequence[str]]) -> Vocabulary:
        """Everything that these clauses name."""
        values: set[tuple[str, str]] = set()
        sets: set[str] = set()
        for leaf in leaves:
            if isinstance(leaf, nodes.OrderIsLeaf):
                values |= {(_owned(leaf), value) for value in leaf.values}
            elif isinstance(leaf, (nodes.ConditionLeaf, nodes.IndicationLeaf)):
                sets |= set(leaf.sets)
            elif isinstance(leaf, nodes.AllergyLeaf) and "reaction" in leaf.prop:
                values |= {(leaf.prop, value) for value in leaf.values}
        return cls(tuple(sorted(values)), tuple(sorted(sets)), within)

    def dropped(self, names: tuple[str, ...]) -> Iterator[tuple[str, tuple[str, ...]]]:
        """Each value set that can be missed, with the others."""
        for name in names:
            kept = tuple(other for other in names if other != name)
            if set(self.within.get(name, ())).isdisjoint(kept):
                yield name, kept

    def others(self, prop: str, than: tuple[str, ...]) -> tuple[str, ...]:
        """Other values of a property."""
        name = prop.rpartition(" ")[2]
        known = _FIXED.get(name) or CHOICES.get(name) or [v for p, v in self.values if p == prop]
        return tuple(value for value in known if value not in than)


def changed(leaf: Leaf, words: Vocabulary) -> Iterator[Change]:
    """Change, what it is in words, and the changed leaf."""
    yield "negated", f"{clause(leaf)!r} negated", replace(leaf, negated=not leaf.negated)
    if isinstance(leaf, Ranged):
        yield from _range(leaf)
    if isinstance(leaf, nodes.NumberLeaf):
        yield from _number(leaf)
        yield from _window(leaf)
    elif isinstance(leaf, nodes.ConditionLeaf):
        yield from _window(leaf)
        for status in _STATUSES:
            if status != leaf.status:
                yield f"status-{status}", f"{leaf.status} became {status}", replace(leaf, status=status)
        flipped = replace(leaf, during_order=not leaf.during_order)
        yield "during-order", "during_order flipped", flipped
        yield from _sets(leaf, words)
    elif isinstance(leaf, nodes.IndicationLeaf):
        yield from _sets(leaf, words)
    elif isinstance(leaf, nodes.OrderIsLeaf):
        yield from _values(leaf, _owned(leaf), words)
    elif isinstance(leaf, nodes.ChoiceLeaf):
        yield from _values(leaf, leaf.fact, words)
    elif isinstance(leaf, nodes.AllergyLeaf):
        yield from _allergy(leaf, words)
    elif isinstance(leaf, nodes.DoseMultipleLeaf):
        for name, factor in (("x2", Fraction(2)), ("half", Fraction(1, 2)), ("x1000", Fraction(THOUSAND))):
            yield f"step-{name}", f"step {leaf.shown} {name}", replace(leaf, step=_scaled(leaf.step, factor))
    elif isinstance(leaf, nodes.CountLeaf):
        if _asks_more_than_whether(leaf.target):
            other = "order" if leaf.by == "ingredient" else "ingredient"
            yield "by", f"by {leaf.by} became by {other}", replace(leaf, by=other)
    elif isinstance(leaf, nodes.SumLeaf):
        yield from _weights(leaf)
    elif isinstance(leaf, nodes.ExposureLeaf):
        for name, window in (("x2", leaf.window * 2), ("half", leaf.window // 2)):
            yield f"window-{name}", f"within {leaf.window} d became {window} d", replace(leaf, window=window)
    if isinstance(leaf, (nodes.OrderIsLeaf, nodes.OrderNumberLeaf)) and leaf.which == 1:
        yield "which", "other became order", replace(leaf, which=0)


def _asks_more_than_whether(target: Interval) -> bool:
    """Whether a count tells one from two; if not, orders and ingredients in scope come to the same."""
    low, high = target.low, target.high
    some = high is None and (low is None or low < 1 or (low == 1 and not target.low_open))
    none = high is not None and (high < 1 or (high == 1 and target.high_open))
    return not some and not none


def _range(leaf: Ranged) -> Iterator[Change]:
    target = leaf.target
    step = step_of(leaf)
    for name, value in (("low", target.low), ("high", target.high)):
        if value is None or (name == "high" and target.exact is not None):
            continue
        moves = [("+step", value + step), ("-step", value - step)]
        if not step:
            moves = [("+5%", value * (1 + FIVE)), ("-5%", value * (1 - FIVE))]
        for move, moved in moves:
            found = _moved(target, name, moved)
            if found is not None:
                yield f"{name}{move}", f"{clause(leaf)!r}: limit {move}", replace(leaf, target=found)
        if target.exact is None:
            opened = _opened(target, name)
            if opened.low != opened.high:
                yield f"{name}-open", f"{clause(leaf)!r}: limit in or out", replace(leaf, target=opened)
            if target.low is not None and target.high is not None:
                yield (
                    f"{name}-gone",
                    f"{clause(leaf)!r}: limit gone",
                    replace(leaf, target=_gone(target, name)),
                )
    if (target.low is None) != (target.high is None):
        turned = Interval(target.high, target.low, target.high_open, target.low_open)
        yield "turned", f"{clause(leaf)!r}: comparison turned round", replace(leaf, target=turned)
    if not step:
        for name, factor in (("x1000", Fraction(THOUSAND)), ("/1000", Fraction(1, THOUSAND))):
            what = f"{clause(leaf)!r}: unit off {name}"
            yield f"unit{name}", what, replace(leaf, target=_scaled(target, factor))


def _moved(target: Interval, name: str, value: Fraction) -> Interval | None:
    if target.exact is not None:
        return Interval(value, value)
    found = replace(target, low=value) if name == "low" else replace(target, high=value)
    if found.low is not None and found.high is not None and found.low >= found.high:
        return None
    return found


def _opened(target: Interval, name: str) -> Interval:
    if name == "low":
        return replace(target, low_open=not target.low_open)
    return replace(target, high_open=not target.high_open)


def _gone(target: Interval, name: str) -> Interval:
    if name == "low":
        return replace(target, low=None, low_open=False)
    return replace(target, high=None, high_open=False)


def _scaled(target: Interval, factor: Fraction) -> Interval:
    return replace(
        target,
        low=None if target.low is None else target.low * factor,
        high=None if target.high is None else target.high * factor,
    )


def _number(leaf: nodes.NumberLeaf) -> Iterator[Change]:
    known = PATIENT_NUMBERS.get(leaf.fact)
    single = leaf.fact.endswith("_age") or (known is not None and known.derived)
    for pick in _PICKS:
        if pick != leaf.pick and not single:
            yield f"pick-{pick}", f"pick {leaf.pick} became {pick}", replace(leaf, pick=pick)
    if leaf.fact == "creatinine_clearance":
        mine = leaf.using or "actual"
        for using in _WEIGHTS:
            if using != mine:
                yield f"using-{using}", f"{mine} weight became {using}", replace(leaf, using=using)


def _window(leaf: nodes.NumberLeaf | nodes.ConditionLeaf) -> Iterator[Change]:
    if leaf.within is not None:
        yield "within-x2", f"within {leaf.within} d doubled", replace(leaf, within=leaf.within * 2)
        yield "within-half", f"within {leaf.within} d halved", replace(leaf, within=leaf.within // 2)
        yield "within-gone", f"within {leaf.within} d gone", replace(leaf, within=None)


def _sets(leaf: nodes.ConditionLeaf | nodes.IndicationLeaf, words: Vocabulary) -> Iterator[Change]:
    if len(leaf.sets) > 1:
        for name, kept in words.dropped(leaf.sets):
            yield f"drop-{name}", f"value set {name} dropped", replace(leaf, sets=kept)
    other = next((name for name in words.sets if name not in leaf.sets), None)
    if other is not None:
        yield f"sets-{other}", f"value sets became {other}", replace(leaf, sets=(other,))


def _owned(leaf: nodes.OrderIsLeaf) -> str:
    return leaf.prop if leaf.which == 0 else f"other {leaf.prop}"


def _values(leaf: nodes.OrderIsLeaf | nodes.ChoiceLeaf, owned: str, words: Vocabulary) -> Iterator[Change]:
    prop = owned.rpartition(" ")[2]
    universe = ("true", "false")
    if prop in _FLAGS or set(leaf.values) <= set(universe):
        turned = tuple(value for value in universe if value not in leaf.values)
        yield "value-turned", f"{clause(leaf)!r} turned", replace(leaf, values=turned)
        return
    if len(leaf.values) > 1 and prop != "ingredient":
        for name in leaf.values:
            kept = tuple(other for other in leaf.values if other != name)
            yield f"drop-{name}", f"{prop} {name} dropped", replace(leaf, values=kept)
    for name in words.others(owned, leaf.values):
        yield f"value-{name}", f"{prop} became {name}", replace(leaf, values=(name,))
        if prop not in ("ingredient", "sex", "purpose"):
            added = tuple(sorted((*leaf.values, name)))
            yield f"add-{name}", f"{prop} {name} added", replace(leaf, values=added)


def _allergy(leaf: nodes.AllergyLeaf, words: Vocabulary) -> Iterator[Change]:
    if leaf.prop == "status":
        other = ("active",) if "ever" in leaf.values else ("ever",)
        yield f"status-{other[0]}", f"status became {other[0]}", replace(leaf, values=other)
        return
    if leaf.prop in ("to_ingredient", "taken_since"):
        return
    for name in words.others(leaf.prop, leaf.values):
        yield f"value-{name}", f"{leaf.prop} became {name}", replace(leaf, values=(name,))
    if len(leaf.values) > 1:
        for name, kept in words.dropped(leaf.values):
            yield f"drop-{name}", f"{leaf.prop} {name} dropped", replace(leaf, values=kept)


def _weights(leaf: nodes.SumLeaf) -> Iterator[Change]:
    named = [(index, name) for index, (name, weight) in enumerate(leaf.weights) if weight.low]
    for index, name in named[:5]:
        weights = list(leaf.weights)
        weights[index] = (name, _scaled(weights[index][1], Fraction(2)))
        yield f"weight-{name}", f"weight of {name} doubled", replace(leaf, weights=tuple(weights))
