"""Closures of conditions, counts, sums and stated facts: leaves that ask lists of the record."""

from __future__ import annotations

from typing import Any

from caveat.compile import nodes
from caveat.compile.nodes import Leaf
from caveat.evaluators.closures_of_numbers import Closure
from caveat.evaluators.leaves import judge
from caveat.evaluators.subjects import Subject
from caveat.facts import quick, quick_orders
from caveat.facts.catalog import CHOICES, CLOSED_LISTS, described
from caveat.facts.chart import Chart
from caveat.facts.clinical import Coded
from caveat.facts.identify import OrderView
from caveat.facts.problems_list import UNSURE, match, views
from caveat.facts.quick_choices import possible
from caveat.facts.quick_known import kind_of, known
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth, negate


def known_closure(leaf: nodes.KnownLeaf, key: object) -> Closure:
    """Whether a fact of the patient is known; what the context states is looked up as it stands."""
    exact, fact = once(leaf, key), leaf.fact
    yes: Truth = FALSE if leaf.negated else TRUE
    no: Truth = TRUE if leaf.negated else FALSE
    measured, describe = kind_of(fact) == "observation", described(fact)
    dated = fact[:-4] if measured and fact.endswith("_age") else None

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if key in memo:
            return memo[key]  # type: ignore[no-any-return]
        held: bool | None
        recorded = memo["quick"] if "quick" in memo else quick.entries(chart)
        if measured and fact in recorded:
            of = describe(chart.terminology)
            plain = None if of is None else quick.latest(chart, fact, of.unit, of.analyte, None)
            held = None if plain is None else plain == plain
        elif dated in recorded:
            since = quick.time_since(chart, dated or "")
            held = None if since is None else since == since
        else:
            held = known(chart, fact)
        if held is None:
            return exact(chart, first, second, allergy)
        memo[key] = value = yes if held else no
        return value

    return run


def known_list_closure(leaf: nodes.KnownLeaf) -> Closure:
    """Whether the record has a list, or has it and says that nothing is left out of it."""
    yes: Truth = FALSE if leaf.negated else TRUE
    no: Truth = TRUE if leaf.negated else FALSE
    name = CLOSED_LISTS.get(leaf.fact)
    if name is None:
        fact = leaf.fact
        return lambda chart, first, second, allergy: no if getattr(chart.patient, fact) is None else yes

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        patient = chart.patient
        if getattr(patient.complete, name) != "closed":
            return no
        return no if getattr(patient, name) is None else yes

    return run


def stated_flag(fact: str) -> str | None:
    """The name of a yes or no that only the context states; None for any other fact."""
    return fact[8:] if fact.startswith("context.") and CHOICES.get(fact) == ("true", "false") else None


def flag_closure(
    leaf: nodes.ChoiceLeaf | nodes.KnownLeaf, flag: str, unstated: Truth | None = None
) -> Closure:
    """A yes or no of the context, as `flag_truths` has it."""
    truths = flag_truths(leaf, unstated)
    return lambda chart, first, second, allergy: truths[getattr(chart.patient.context, flag)]


def flag_truths(
    leaf: nodes.ChoiceLeaf | nodes.KnownLeaf, unstated: Truth | None = None
) -> dict[bool | None, Truth]:
    """By what the context states: whether it is one of the values, or whether it is stated at all.

    `unstated` is the truth where it is not stated, if that is settled beside the leaf.
    """
    yes: Truth = FALSE if leaf.negated else TRUE
    no: Truth = TRUE if leaf.negated else FALSE
    if isinstance(leaf, nodes.KnownLeaf):
        return {None: no, True: yes, False: yes}
    values = set(leaf.values)
    neither = yes if values >= {"true", "false"} else UNKNOWN if values & {"true", "false"} else no
    return {
        None: neither if unstated is None else unstated,
        True: yes if "true" in values else no,
        False: yes if "false" in values else no,
    }


def choice_closure(leaf: nodes.ChoiceLeaf, key: object) -> Closure:
    """One of a few values, compared once for every set of values that stays possible."""
    exact, fact, wanted = once(leaf, key), leaf.fact, frozenset(leaf.values)
    yes: Truth = FALSE if leaf.negated else TRUE
    no: Truth = TRUE if leaf.negated else FALSE

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if key in memo:
            return memo[key]  # type: ignore[no-any-return]
        values = possible(chart, fact, memo["touched"] if "touched" in memo else touched(chart))
        if values is None:
            return exact(chart, first, second, allergy)
        value = yes if values <= wanted else no if values.isdisjoint(wanted) else UNKNOWN
        memo[key] = value
        return value

    return run


def known_choice_closure(leaf: nodes.KnownLeaf, key: object) -> Closure:
    """A choice is known when one value alone stays possible."""
    exact, fact, negated = once(leaf, key), leaf.fact, leaf.negated

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if key in memo:
            return memo[key]  # type: ignore[no-any-return]
        values = possible(chart, fact, memo["touched"] if "touched" in memo else touched(chart))
        if values is None:
            return exact(chart, first, second, allergy)
        memo[key] = value = TRUE if (len(values) == 1) != negated else FALSE
        return value

    return run


def known_of_order_closure(leaf: nodes.KnownLeaf) -> Closure | None:
    """Whether an indication, a route, a form or an amount of the judged order is known, else None."""
    yes: Truth = FALSE if leaf.negated else TRUE
    no: Truth = TRUE if leaf.negated else FALSE
    prop = leaf.fact.removeprefix("order.")
    if prop == "indication":

        def indication(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
            listed = first.order.indication
            if not listed:
                return no
            return yes if len(listed) > 1 or listed[0].text or listed[0].codes else no

        return indication
    if prop in ("route", "form"):

        def stated(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
            return yes if getattr(first, prop) else no

        return stated
    if prop in quick_orders.PLAIN:
        exact = general(leaf)

        def amount(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
            found = quick_orders.kept(chart, first, prop)
            if found is None:
                return exact(chart, first, second, allergy)
            return no if found is quick_orders.NOT_KNOWN else yes

        return amount
    return None


def indication_closure(leaf: nodes.IndicationLeaf) -> Closure:
    """The recorded indications of an order, matched once a chart."""
    wanted, which = frozenset(leaf.sets), leaf.which
    yes: Truth = FALSE if leaf.negated else TRUE
    no: Truth = TRUE if leaf.negated else FALSE

    def run(chart: Chart, first: OrderView, second: Any, allergy: Any) -> Truth:
        order = (second if which else first).order
        if not order.indication:
            return UNKNOWN
        key = ("indication", order.id)
        memo = chart.memo
        if key in memo:
            sets, maybe, recognised = memo[key]
        else:
            memo[key] = sets, maybe, recognised = _indicated(chart, order.indication)
        if not wanted.isdisjoint(sets):
            return yes
        return no if recognised and wanted.isdisjoint(maybe) else UNKNOWN

    return run


def _indicated(chart: Chart, indication: tuple[Coded, ...]) -> tuple[frozenset[str], frozenset[str], bool]:
    """The sets that the indications are in, those they may be in, and whether all are recognised."""
    matches = [match(chart, item.codes, item.text) for item in indication]
    if len(matches) == 1:
        return matches[0].sets, matches[0].possible, matches[0].recognised
    return (
        frozenset().union(*[found.sets for found in matches]),
        frozenset().union(*[found.possible for found in matches]),
        all(found.recognised for found in matches),
    )


def once(leaf: Leaf, key: object) -> Closure:
    """A leaf that asks the patient alone: judged once a chart."""
    nobody = Subject()

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        if key in memo:
            return memo[key]  # type: ignore[no-any-return]
        memo[key] = value = judge(leaf, chart, nobody).truth
        return value

    return run


def condition_closure(leaf: nodes.ConditionLeaf, key: object) -> Closure:
    """Nothing recorded that touches the sets is the usual case and is seen at once."""
    sets = frozenset(leaf.sets)
    asked = general(leaf) if leaf.during_order else once(leaf, key)
    absent: Truth | None = None if leaf.negated else FALSE
    plain = leaf.within is None and not leaf.during_order

    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        memo = chart.memo
        recorded = memo["touched"] if "touched" in memo else touched(chart)
        if recorded is None or absent is None:
            return asked(chart, first, second, allergy)
        if sets.isdisjoint(recorded):
            return absent
        if not plain:
            return asked(chart, first, second, allergy)
        if key not in memo:
            memo[key] = _recorded(chart, sets, leaf.status)
        return memo[key]  # type: ignore[no-any-return]

    return run


def _recorded(chart: Chart, sets: frozenset[str], status: str) -> Truth:
    """Whether a condition of the sets is recorded, for a list whose absences are known."""
    best: Truth = FALSE
    for view in views(chart) or ():
        listed = not sets.isdisjoint(view.sets)
        if not listed and sets.isdisjoint(view.possible):
            continue
        truth: Truth = (
            TRUE if status == "ever" else view.active if status == "active" else negate(view.active)
        )
        if truth == TRUE and (not listed or view.condition.verification in UNSURE):
            truth = UNKNOWN
        best = max(best, truth)
    return best


def touched(chart: Chart) -> frozenset[str] | None:
    """Every value set that a listed condition is or may be in; None where absence is not known."""
    if "touched" in chart.memo:
        return chart.memo["touched"]  # type: ignore[no-any-return]
    found: frozenset[str] | None = None
    listed = views(chart)
    if listed is not None and chart.patient.complete.conditions != "unknown":
        found = frozenset().union(*[view.sets for view in listed], *[view.possible for view in listed])
    chart.memo["touched"] = found
    return found


def general(leaf: Leaf) -> Closure:
    def run(chart: Chart, first: Any, second: Any, allergy: Any) -> Truth:
        orders = tuple(view for view in (first, second) if view is not None)
        return judge(leaf, chart, Subject(orders, allergy)).truth

    return run


def asks_patient_alone(leaf: Leaf) -> bool:
    if isinstance(leaf, nodes.KnownLeaf):
        return not leaf.fact.startswith(("order.", "allergy."))
    return isinstance(leaf, (nodes.ChoiceLeaf, nodes.CountLeaf, nodes.SumLeaf, nodes.ExposureLeaf))
