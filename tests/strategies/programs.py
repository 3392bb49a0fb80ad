"""Generated programs: every kind of leaf and subject, exceptions, negation, counts and nesting."""

from __future__ import annotations

from collections.abc import Callable
from decimal import Decimal
from typing import Final

from hypothesis import strategies as st

from caveat.compile import nodes
from caveat.compile.nodes import Leaf, Node
from caveat.compile.program import CompiledRule, Exclusion, Program, SubjectKind, Texts
from caveat.compile.serial import seal
from caveat.facts.catalog import KNOWABLE_OF_ALLERGY, STATED_OF_ORDER
from caveat.findings.severity import SEVERITIES
from caveat.intervals import Interval, exactly
from caveat.units import parse_unit, to_base
from strategies import vocabulary as v
from strategies.sources import Drawn, Source, maybe, some

SUBJECTS: Final[tuple[SubjectKind, ...]] = ("order", "patient", "pair", "allergy", "stopped")
_RANGES: Final = ("below", "at_least", "at_most", "above", "equals", "between")


def interval(source: Source, unit: str, bounds: tuple[int, ...]) -> tuple[Interval, str]:
    """A range over the bounds in base units, and its words."""
    how = source.pick(_RANGES)
    low = to_base(Decimal(source.pick(bounds)), parse_unit(unit))
    high = to_base(Decimal(max(bounds)), parse_unit(unit))
    shown = f"{how} {low} {unit}"
    if how in ("below", "at_most"):
        return Interval(None, low, False, how == "below"), shown
    if how in ("at_least", "above"):
        return Interval(low, None, how == "above", False), shown
    if how == "equals" or low == high:
        return Interval(low, low), shown
    return Interval(low, high, source.chance(30), source.chance(30)), shown


def number_leaf(source: Source) -> Leaf:
    fact = source.pick(tuple(v.NUMBERS))
    unit, bounds = v.NUMBERS[fact]
    if fact == "age":
        unit = source.pick(tuple(v.AGES))
        bounds = v.AGES[unit]
    target, shown = interval(source, unit, bounds)
    using = source.pick((None, "actual", "ideal", "adjusted")) if fact == "creatinine_clearance" else None
    pick = source.pick(("latest", "lowest", "highest")) if source.chance(25) else "latest"
    within = maybe(source, 50, lambda: source.pick((30, 90, 365)))
    return nodes.NumberLeaf(fact, target, unit, shown, pick, within, using, source.chance(30))


def order_number_leaf(source: Source, which: int) -> Leaf:
    prop = source.pick(tuple(v.ORDER_NUMBERS))
    unit, bounds = source.pick(v.ORDER_NUMBERS[prop])
    target, shown = interval(source, unit, bounds)
    return nodes.OrderNumberLeaf(which, prop, target, unit, shown, source.chance(30), part(source))


def part(source: Source) -> tuple[str, ...]:
    """Ingredients whose part of a combination product is meant."""
    return some(source, v.INGREDIENTS, 3) if source.chance(60) else ()


def order_is_leaf(source: Source, which: int) -> Leaf:
    values: dict[str, tuple[str, ...]] = {
        "route": v.ROUTES,
        "ingredient": v.INGREDIENTS,
        "form": v.FORMS,
        "status": ("active", "proposed", "on-hold", "completed", "stopped", "unknown"),
        "purpose": ("test", "treatment"),
        "as_needed": ("true", "false"),
        "tapered": ("true", "false"),
        "continued": ("true", "false"),
    }
    prop = source.pick(tuple(values))
    most = 1 if len(values[prop]) == 2 else 2
    return nodes.OrderIsLeaf(which, prop, some(source, values[prop], most), source.chance(30))


def dose_multiple_leaf(source: Source, which: int) -> Leaf:
    unit = source.pick(("mg", "ug"))
    step = to_base(Decimal(source.pick((5, 10))), parse_unit(unit))
    target, negated = Interval(step, step), source.chance(30)
    return nodes.DoseMultipleLeaf(which, target, unit, f"{step} {unit}", negated, part(source))


def condition_leaf(source: Source, *, of_order: bool) -> Leaf:
    return nodes.ConditionLeaf(
        some(source, v.SETS, 2),
        source.pick(("active", "past", "ever")),
        maybe(source, 30, lambda: source.pick((30, 365))),
        of_order and source.chance(30),
        source.chance(35),
    )


def allergy_leaf(source: Source) -> Leaf:
    values: dict[str, tuple[str, ...]] = {
        "type": ("allergy", "intolerance"),
        "status": ("active", "ever"),
        "severity": ("mild", "moderate", "severe"),
        "criticality": ("low", "high", "unable-to-assess"),
        "reaction": v.SETS,
        "only_reaction": v.SETS,
        "to_ingredient": ("true", "false"),
        "taken_since": ("true", "false"),
    }
    prop = source.pick((*values, *tuple(values)[:4]))
    return nodes.AllergyLeaf(prop, some(source, values[prop], 1), source.chance(30))


def count_leaf(source: Source) -> Leaf:
    scope, label = _scope(source)
    target, shown = interval(source, "1", (1, 2, 3))
    by, negated = source.pick(("ingredient", "order")), source.chance(30)
    return nodes.CountLeaf(scope, label, by, target, shown, negated, where(source))


def where(source: Source) -> Node | None:
    """A condition on each order that is counted, at times none."""
    if source.chance(50):
        return None
    kinds: tuple[Callable[[Source, int], Leaf], ...]
    kinds = (order_is_leaf, order_is_leaf, order_number_leaf, dose_multiple_leaf)
    parts = tuple(source.pick(kinds)(source, 0) for _ in range(source.number(1, 3)))
    if len(parts) == 1:
        return parts[0]
    return nodes.All(parts) if source.chance(50) else nodes.AnyOf(parts)


def sum_leaf(source: Source) -> Leaf:
    scope, label = _scope(source)
    times = source.pick((None, "daily_dose"))
    unit, bounds = ("mg/d", (20, 60)) if times else ("1", (1, 2, 3))
    target, shown = interval(source, unit, bounds)
    weights = tuple((name, exactly(source.number(0, 2))) for name in scope)
    negated = source.chance(30)
    return nodes.SumLeaf(weights, label, times, target, unit, shown, negated, where(source))


def exposure_leaf(source: Source) -> Leaf:
    scope, label = _scope(source)
    target, shown = interval(source, "d", (7, 14, 30))
    window, negated = source.pick((7, 30, 90)), source.chance(30)
    return nodes.ExposureLeaf(scope, label, window, target, "d", shown, negated, where(source))


def known_leaf(source: Source, *, of_order: bool, of_allergy: bool = False) -> Leaf:
    facts = v.KNOWABLE
    if of_allergy:
        facts = (*facts, *KNOWABLE_OF_ALLERGY, *KNOWABLE_OF_ALLERGY)
    if of_order:
        facts = (
            *facts,
            *(
                f"order.{name}"
                for name in ("route", "form", "indication", *STATED_OF_ORDER, *v.ORDER_NUMBERS)
            ),
        )
    return nodes.KnownLeaf(source.pick(facts), source.chance(50), part(source))


def choice_leaf(source: Source) -> Leaf:
    values: dict[str, tuple[str, ...]] = {
        "sex": ("female", "male"),
        "pregnant": ("true", "false"),
        "lactating": ("true", "false"),
        "child_pugh_class": ("A", "B", "C"),
        "context.specialist_oversight": ("true", "false"),
        "context.hazardous_work": ("true", "false"),
        "context.care_setting": ("ambulatory", "inpatient", "home"),
    }
    fact = source.pick(tuple(values))
    return nodes.ChoiceLeaf(fact, some(source, values[fact], len(values[fact]) - 1), source.chance(30))


def leaf(source: Source, subject: SubjectKind, *, known: bool = True) -> Leaf:
    """Any leaf that fits the subject; `known` leaves out the one whose truth follows what is recorded."""
    which = source.number(0, 1) if subject == "pair" else 0
    of_order = subject != "patient"
    kinds = ["number", "condition", "choice", "count", "sum", "exposure", "always"]
    if known:
        kinds.append("known")
    if of_order:
        kinds += ["order_is", "order_number", "indication", "multiple", "order_is", "order_number"]
    if subject == "allergy":
        kinds += ["allergy", "allergy"]
    match source.pick(kinds):
        case "number":
            return number_leaf(source)
        case "condition":
            return condition_leaf(source, of_order=of_order)
        case "choice":
            return choice_leaf(source)
        case "count":
            return count_leaf(source)
        case "sum":
            return sum_leaf(source)
        case "exposure":
            return exposure_leaf(source)
        case "always":
            return nodes.Always(source.chance(40))
        case "known":
            return known_leaf(source, of_order=of_order, of_allergy=subject == "allergy")
        case "order_is":
            return order_is_leaf(source, which)
        case "order_number":
            return order_number_leaf(source, which)
        case "indication":
            return nodes.IndicationLeaf(which, some(source, v.SETS, 2), source.chance(30))
        case "multiple":
            return dose_multiple_leaf(source, which)
        case _:
            return allergy_leaf(source)


def node(source: Source, subject: SubjectKind, depth: int = 3, *, known: bool = True) -> Node:
    """A tree of at most `depth` levels above its leaves."""
    if depth == 0 or not source.chance(65):
        return leaf(source, subject, known=known)
    parts = tuple(node(source, subject, depth - 1, known=known) for _ in range(source.number(1, 3)))
    kind = source.pick((nodes.All, nodes.AnyOf, nodes.AtLeast))
    if kind is nodes.AtLeast:
        points = tuple(source.number(1, 4) for _ in parts) if source.chance(40) else ()
        return nodes.AtLeast(source.number(1, sum(points) or len(parts)), parts, points)
    return nodes.All(parts) if kind is nodes.All else nodes.AnyOf(parts)


def rule(source: Source, index: int, *, known: bool = True) -> CompiledRule:
    """A rule of any subject with up to three exceptions."""
    subject = source.pick(SUBJECTS)
    first: tuple[str, ...] = _scope(source)[0]
    if subject == "patient" and source.chance(50):
        first = ()
    second = _scope(source)[0] if subject == "pair" or (subject == "allergy" and source.chance(50)) else ()
    share = source.pick(("", "", "ingredient", "none")) if subject == "pair" else ""
    left_out: tuple[str, ...] = ()
    if (subject == "allergy" or share == "ingredient") and source.chance(40):
        first = ()
        left_out = some(source, v.INGREDIENTS, 2) if source.chance(50) else ()
    if share == "ingredient":
        second = first
    unless = tuple(
        Exclusion(f"except-{i}", "it is allowed", node(source, subject, 1, known=known))
        for i in range(source.pick((0, 1, 1, 2, 3)))
    )
    return CompiledRule(
        id=f"generated.rule.number-{index}",
        kind="precaution",
        severity=source.pick(SEVERITIES),
        status="active",
        title="Generated",
        covers=(),
        subject=subject,
        first=first,
        second=second,
        when=node(source, subject, known=known),
        unless=unless,
        supersedes=(f"generated.rule.number-{index - 1}",) if index and source.chance(20) else (),
        texts=Texts("{order.name}", "consequence", "action"),
        evidence=(),
        left_out=left_out,
        share=share,
    )


def program(source: Source, most: int = 4, *, known: bool = True) -> Program:
    """One to `most` rules, sealed with their digest."""
    rules = tuple(rule(source, i, known=known) for i in range(source.number(1, most)))
    return seal("generated", rules)


@st.composite
def programs(draw: st.DrawFn, most: int = 4, *, known: bool = True) -> Program:
    """Programs that shrink."""
    return program(Drawn(draw), most, known=known)


def _scope(source: Source) -> tuple[tuple[str, ...], str]:
    if source.chance(30):
        name = source.pick(v.CLASSES)
        return v.members(name), name
    names = ("baclofen",) if source.chance(40) else tuple(sorted(some(source, v.INGREDIENTS, 4)))
    return names, " or ".join(names)
