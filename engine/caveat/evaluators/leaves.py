"""The truth of one leaf for one subject, with what it rests on and what is missing.

This is the meaning of the leaves, written for reading. Evaluators that are faster compute the
same truths in their own way.
"""

from __future__ import annotations

from typing import Any

from caveat.compile import nodes
from caveat.compile.nodes import Leaf
from caveat.dates import When
from caveat.evaluators.exposures import exposure
from caveat.evaluators.subjects import Subject
from caveat.evaluators.totals import count, total
from caveat.facts.allergies import known_of_allergy, reactions_only, taken_since
from caveat.facts.catalog import CLOSED_LISTS, LISTS, ORDER_NUMBERS, number_fact
from caveat.facts.chart import Chart
from caveat.facts.choices import choice
from caveat.facts.derived import stated_child_pugh
from caveat.facts.identify import OrderView
from caveat.facts.measure import Measure
from caveat.facts.numbers import number
from caveat.facts.order_numbers import dose_multiple, order_number
from caveat.facts.problems_list import Answer, has_condition, indicated, lacks_condition
from caveat.findings.basis import Basis, Missing
from caveat.intervals import Interval, inside
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth, from_bool, negate
from caveat.units import parse_unit


def judge(leaf: Leaf, chart: Chart, subject: Subject) -> Answer:
    """The truth of a leaf; UNKNOWN carries what is missing."""
    answer = _judge(leaf, chart, subject)
    if not leaf.negated or isinstance(leaf, nodes.ConditionLeaf | nodes.CountLeaf | nodes.SumLeaf):
        return answer
    return Answer(negate(answer.truth), answer.basis, answer.missing)


def asks_order(leaf: Leaf) -> bool:
    """Whether a leaf asks the judged order."""
    if isinstance(leaf, nodes.KnownLeaf):
        return leaf.fact.startswith("order.")
    return hasattr(leaf, "which") or (isinstance(leaf, nodes.ConditionLeaf) and leaf.during_order)


def _judge(leaf: Leaf, chart: Chart, subject: Subject) -> Answer:
    if not subject.listed and not subject.orders and asks_order(leaf):
        return Answer(UNKNOWN, (), (Missing("allergies", "no allergy list is recorded"),))
    match leaf:
        case nodes.Always():
            return Answer(TRUE)
        case nodes.NumberLeaf():
            measure = number(chart, leaf.fact, leaf.unit, leaf.pick, leaf.within, leaf.using)
            return ranged(measure, leaf.target, leaf.fact)
        case nodes.OrderNumberLeaf():
            return _order_number(leaf, chart, subject.orders[leaf.which])
        case nodes.OrderIsLeaf():
            return order_is(leaf, chart, subject.orders[leaf.which])
        case nodes.DoseMultipleLeaf():
            return _multiple(leaf, chart, subject.orders[leaf.which])
        case nodes.IndicationLeaf():
            return indicated(chart, subject.orders[leaf.which].order.indication, leaf.sets)
        case nodes.ConditionLeaf():
            ask = lacks_condition if leaf.negated else has_condition
            return ask(chart, leaf.sets, leaf.status, leaf.within, since(leaf, subject))
        case nodes.AllergyLeaf():
            return _allergy(leaf, chart, subject)
        case nodes.CountLeaf():
            return count(leaf, chart, judge)
        case nodes.SumLeaf():
            return total(leaf, chart, judge)
        case nodes.ExposureLeaf():
            return exposure(leaf, chart, judge)
        case nodes.KnownLeaf():
            return _known(leaf, chart, subject)
        case nodes.ChoiceLeaf():
            found = choice(chart, leaf.fact)
            truth = found.among(leaf.values)
            return Answer(truth, found.basis, found.missing if truth == UNKNOWN else ())


def ranged(measure: Measure, target: Interval, fact: str) -> Answer:
    """Whether a measure lies in a range."""
    truth: Truth = UNKNOWN if measure.interval is None else inside(measure.interval, target)
    if truth != UNKNOWN:
        return Answer(truth, measure.basis)
    missing = measure.missing or (Missing(fact, "the value is a range that crosses the limit"),)
    return Answer(UNKNOWN, measure.basis, missing)


def _order_number(leaf: nodes.OrderNumberLeaf, chart: Chart, view: OrderView) -> Answer:
    measure = order_number(chart, view, leaf.prop, leaf.of)
    if measure.interval is not None and measure.dimension != parse_unit(leaf.unit).dimension:
        shown = measure.basis[0].value if measure.basis else leaf.prop
        return Answer(
            UNKNOWN, measure.basis, (Missing(leaf.prop, f"{shown} is not measured in {leaf.unit}"),)
        )
    return ranged(measure, leaf.target, leaf.prop)


def order_is(leaf: nodes.OrderIsLeaf, chart: Chart, view: OrderView) -> Answer:
    """Whether a property of an order is one of the values; not recorded is UNKNOWN."""
    order = view.order
    if leaf.prop == "ingredient":
        held = not set(leaf.values).isdisjoint(view.ingredients)
        return Answer(TRUE if held else FALSE, (Basis("ingredient", ", ".join(view.ingredients)),))
    if leaf.prop == "route":
        if view.route is None:
            return Answer(UNKNOWN, (), (view.route_missing or Missing("route", "not recorded"),))
        return _one_of(leaf, view.route, order.source)
    if leaf.prop == "form":
        return _one_of(leaf, view.form, order.source)
    if leaf.prop == "purpose":
        return _one_of(leaf, order.purpose or "treatment", order.source)
    if leaf.prop == "status":
        return _one_of(leaf, None if order.status == "unknown" else order.status, order.source)
    if leaf.prop == "continued":
        return _continued(leaf, chart, view)
    value: bool | None = getattr(order, leaf.prop)
    return _one_of(leaf, None if value is None else ("true" if value else "false"), order.source)


def _one_of(leaf: nodes.OrderIsLeaf, value: str | None, source: str | None) -> Answer:
    if value is None:
        return Answer(UNKNOWN, (), (Missing(leaf.prop, "not recorded"),))
    return Answer(TRUE if value in leaf.values else FALSE, (Basis(leaf.prop, value, None, source),))


def _continued(leaf: nodes.OrderIsLeaf, chart: Chart, view: OrderView) -> Answer:
    """Whether a current order has the same ingredient by the same route; an unknown route may be the same."""
    best: Truth = FALSE
    basis: tuple[Basis, ...] = ()
    for other in chart.current:
        if set(other.ingredients).isdisjoint(view.ingredients):
            continue
        same: Truth = (
            UNKNOWN if other.route is None or view.route is None else from_bool(other.route == view.route)
        )
        if same > best:
            best, basis = same, (Basis("continued", other.name, None, other.order.source),)
    wanted = best if "true" in leaf.values else negate(best)
    missing = (Missing("route", "not recorded, so whether the treatment goes on is not known"),)
    return Answer(wanted, basis, missing if wanted == UNKNOWN else ())


def _multiple(leaf: nodes.DoseMultipleLeaf, chart: Chart, view: OrderView) -> Answer:
    measure = order_number(chart, view, "dose", leaf.of)
    if measure.interval is not None and measure.dimension != parse_unit(leaf.unit).dimension:
        return Answer(UNKNOWN, measure.basis, (Missing("dose", f"it is not measured in {leaf.unit}"),))
    held, measure = dose_multiple(chart, view, leaf.step, leaf.of)
    if held is None:
        return Answer(UNKNOWN, measure.basis, measure.missing or (Missing("dose", "it is a range"),))
    return Answer(from_bool(held), measure.basis)


def since(leaf: nodes.ConditionLeaf, subject: Subject) -> When | str | None:
    """The start of the judged order where the leaf asks for it; text says why it is not known."""
    if not leaf.during_order:
        return None
    return subject.orders[0].order.start or "the start of the order is not recorded"


def _allergy(leaf: nodes.AllergyLeaf, chart: Chart, subject: Subject) -> Answer:
    if subject.allergy is None:
        return Answer(UNKNOWN, (), (Missing("allergies", "no allergy list is recorded"),))
    allergy = subject.allergy.allergy
    basis = (
        Basis(
            "allergy",
            subject.allergy.name,
            allergy.recorded.text if allergy.recorded else None,
            allergy.source,
        ),
    )
    if leaf.prop == "status":
        over = allergy.clinical_status in ("inactive", "resolved")
        return Answer(TRUE if "ever" in leaf.values or not over else FALSE, basis)
    if leaf.prop == "type":
        # an entry that does not say is taken as an allergy: the safe reading
        return Answer(TRUE if (allergy.type or "allergy") in leaf.values else FALSE, basis)
    if leaf.prop == "reaction":
        return indicated(chart, subject.allergy.reactions, leaf.values, "allergy reaction")
    if leaf.prop == "only_reaction":
        return reactions_only(chart, subject.allergy.reactions, leaf.values)
    if leaf.prop in ("to_ingredient", "taken_since"):
        if leaf.prop == "taken_since":
            found = taken_since(chart, subject.orders[0], subject.allergy)
        else:
            own = not subject.allergy.ingredients.isdisjoint(subject.orders[0].ingredients)
            found = Answer(from_bool(own), basis)
        return found if "true" in leaf.values else Answer(negate(found.truth), found.basis, found.missing)
    value = getattr(allergy, leaf.prop)
    if value is None:
        return Answer(UNKNOWN, basis, (Missing(f"allergy {leaf.prop}", "not recorded"),))
    return Answer(TRUE if value in leaf.values else FALSE, basis)


def _known(leaf: nodes.KnownLeaf, chart: Chart, subject: Subject) -> Answer:
    if leaf.fact.startswith("order."):
        found = _order_known(leaf, chart, subject.orders[0])
        basis = Basis(
            leaf.fact.removeprefix("order."), found or "not recorded", None, subject.orders[0].order.source
        )
        return Answer(TRUE if found else FALSE, (basis,))
    if leaf.fact.startswith("allergy."):
        return Answer(from_bool(known_of_allergy(subject.allergy, leaf.fact.removeprefix("allergy."))))
    return Answer(TRUE if is_known(leaf.fact, chart) else FALSE, known_basis(leaf, chart))


def _order_known(leaf: nodes.KnownLeaf, chart: Chart, view: OrderView) -> str:
    """The property as text, or an empty text when it is not known."""
    prop = leaf.fact.removeprefix("order.")
    if prop == "indication":
        return "; ".join(str(item) for item in view.order.indication or ())
    if prop in ("route", "form"):
        return getattr(view, prop) or ""
    if prop in ORDER_NUMBERS:
        measure = order_number(chart, view, prop, leaf.of)
        return (measure.basis[0].value if measure.basis else "recorded") if measure.is_known else ""
    value = getattr(view.order, prop)
    if value is None or (prop == "status" and value == "unknown"):
        return ""
    return str(value).lower() if isinstance(value, bool) else str(value)


def is_known(fact: str, chart: Chart) -> bool:
    """Whether a fact is known with nothing missing."""
    if fact == "child_pugh_stated":
        return stated_child_pugh(chart) is not None
    if fact in LISTS:
        return getattr(chart.patient, fact) is not None
    if fact in CLOSED_LISTS:
        name = CLOSED_LISTS[fact]
        return getattr(chart.patient, name) is not None and getattr(chart.patient.complete, name) == "closed"
    if _is_choice(fact):
        return len(choice(chart, fact).values) == 1
    found = number_fact(fact, chart.terminology)
    return found is not None and number(chart, fact, "a" if fact == "age" else found.unit).is_known


def _is_choice(fact: str) -> bool:
    return fact.startswith("context.") or fact in ("sex", "pregnant", "lactating", "child_pugh_class")


def known_basis(leaf: nodes.KnownLeaf, chart: Chart) -> tuple[Basis, ...]:
    """The value where it is known, else that it is not recorded."""
    fact = leaf.fact
    if not is_known(fact, chart):
        return (Basis(fact, "not recorded"),)
    found: Any = None
    if fact == "child_pugh_stated":
        stated = stated_child_pugh(chart)
        found = None if stated is None else stated.basis
    elif _is_choice(fact):
        found = choice(chart, fact).basis
    elif number_fact(fact, chart.terminology) is not None:
        found = number(chart, fact, "a" if fact == "age" else "1").basis
    return found or (Basis(fact, "recorded"),)
