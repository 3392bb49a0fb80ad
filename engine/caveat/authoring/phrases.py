"""Clauses of a compiled rule as plain English, with the titles of the vocabulary."""

from __future__ import annotations

from typing import Final

from caveat.compile import nodes
from caveat.compile.nodes import Leaf, Node
from caveat.render.words import fact_words
from caveat.terminology.concepts import Terminology

MOST_NAMED: Final = 6

_FLAGS: Final = {
    ("as_needed", "true"): "it is taken as needed",
    ("as_needed", "false"): "it is taken regularly",
    ("tapered", "true"): "it was tapered off",
    ("tapered", "false"): "it was stopped without a taper",
    ("continued", "true"): "the treatment goes on in another order by the same route",
    ("continued", "false"): "no other order continues the treatment by the same route",
    ("purpose", "test"): "it is a test dose",
    ("purpose", "treatment"): "it is for treatment, not a test dose",
}
_KNOWN: Final = {
    "order.as_needed": "whether it is taken as needed is known",
    "order.tapered": "whether it was tapered off is known",
    "orders": "there is a list of medicines",
    "conditions": "there is a condition list",
    "allergies": "there is an allergy list",
    "observations": "there is a list of observations",
    "all_orders": "the list of medicines is closed",
    "all_conditions": "the condition list is closed",
    "all_allergies": "the allergy list is closed",
    "all_observations": "the list of observations is closed",
}
_WHEN: Final = {"active": "present now", "past": "past and over", "ever": "recorded, now or in the past"}
_YES_NO: Final = {
    ("pregnant", "true"): "the patient is pregnant",
    ("pregnant", "false"): "the patient is not pregnant",
    ("lactating", "true"): "the patient is breast-feeding",
    ("lactating", "false"): "the patient is not breast-feeding",
    ("context.specialist_oversight", "true"): "a specialist oversees the treatment",
    ("context.specialist_oversight", "false"): "no specialist oversees the treatment",
    ("context.hazardous_work", "true"): "the patient's work is hazardous",
    ("context.hazardous_work", "false"): "the patient's work is not hazardous",
    ("context.fall_risk", "true"): "the patient is at risk of falls",
    ("context.fall_risk", "false"): "the patient is not at risk of falls",
    ("context.alcohol_use", "true"): "the patient drinks alcohol",
    ("context.alcohol_use", "false"): "the patient does not drink alcohol",
}


Scopes = tuple[tuple[str, ...], tuple[str, ...]]


def phrase(node: Node, terminology: Terminology, scopes: Scopes = ((), ())) -> str:
    """A leaf as a clause; a group by how many of its parts must hold.

    `scopes` are the ingredients of the rule's orders: another one whose part is meant is named.
    """
    match node:
        case nodes.All():
            return "all of these hold"
        case nodes.AnyOf():
            return "at least one of these holds"
        case nodes.AtLeast():
            if node.points:
                worth = ", ".join(map(str, node.points))
                return f"at least {node.count} points, of {worth} for these in their order"
            return f"at least {node.count} of these {len(node.parts)} hold"
        case nodes.Always():
            return "never" if node.negated else "always"
    text = _leaf(node, terminology, scopes)
    return f"it is not so that {text}" if node.negated else text


def _leaf(leaf: Leaf, terminology: Terminology, scopes: Scopes) -> str:
    match leaf:
        case nodes.NumberLeaf():
            return _number(leaf)
        case nodes.OrderNumberLeaf():
            part = _part(leaf, terminology, scopes)
            return f"{_owner(leaf.which)} {fact_words(leaf.prop)}{part} is {leaf.shown}"
        case nodes.OrderIsLeaf():
            return _order_is(leaf, terminology)
        case nodes.DoseMultipleLeaf():
            part = _part(leaf, terminology, scopes)
            return f"{_owner(leaf.which)} single dose{part} is a whole multiple of {leaf.shown}"
        case nodes.IndicationLeaf():
            return f"{_owner(leaf.which)} indication is {sets(leaf.sets, terminology)}"
        case nodes.ConditionLeaf():
            return _condition(leaf, terminology)
        case nodes.AllergyLeaf():
            return _allergy(leaf, terminology)
        case nodes.CountLeaf():
            what = "different ingredients" if leaf.by == "ingredient" else "orders"
            of, only = _label(leaf.label, terminology), _where(leaf, terminology)
            return f"the number of current {what} of {of} is {leaf.shown}{only}"
        case nodes.SumLeaf():
            times = f", each times its {fact_words(leaf.times)}" if leaf.times else ""
            of, only = _label(leaf.label, terminology), _where(leaf, terminology)
            return f"the weighted sum over {of}{times} is {leaf.shown}{only}"
        case nodes.ExposureLeaf():
            of, only = _label(leaf.label, terminology), _where(leaf, terminology)
            return f"of the last {leaf.window} days, those with an order of {of} are {leaf.shown}{only}"
        case nodes.KnownLeaf():
            return _KNOWN.get(leaf.fact) or f"{fact_words(leaf.fact)} is known"
        case nodes.ChoiceLeaf():
            if len(leaf.values) == 1 and (leaf.fact, leaf.values[0]) in _YES_NO:
                return _YES_NO[leaf.fact, leaf.values[0]]
            return f"{fact_words(leaf.fact)} is {either(leaf.values)}"
    return "always"


def _part(
    leaf: nodes.OrderNumberLeaf | nodes.DoseMultipleLeaf, terminology: Terminology, scopes: Scopes
) -> str:
    """Whose part of a combination product is meant, where that is not the rule's own ingredient."""
    named = leaf.of and leaf.of != scopes[leaf.which]
    return f" of {ingredients(leaf.of, terminology)}" if named else ""


def _where(leaf: nodes.CountLeaf | nodes.SumLeaf | nodes.ExposureLeaf, terminology: Terminology) -> str:
    """Which of the orders are counted."""
    if leaf.where is None:
        return ""
    members = tuple(dict(leaf.weights)) if isinstance(leaf, nodes.SumLeaf) else leaf.ingredients
    return f", over orders where {_inline(leaf.where, terminology, (members, ()))}"


def _inline(node: Node, terminology: Terminology, scopes: Scopes, *, inner: bool = False) -> str:
    """A tree in one line."""
    if not isinstance(node, (nodes.All, nodes.AnyOf)):
        return phrase(node, terminology, scopes)
    word = " and " if isinstance(node, nodes.All) else " or "
    text = word.join(_inline(part, terminology, scopes, inner=True) for part in node.parts)
    return f"({text})" if inner else text


def _number(leaf: nodes.NumberLeaf) -> str:
    extra = []
    if leaf.pick != "latest":
        extra.append(f"the {leaf.pick} on record")
    if leaf.within is not None:
        extra.append(f"no older than {leaf.within} days")
    if leaf.using is not None:
        extra.append(f"computed with {leaf.using} weight")
    tail = f" ({', '.join(extra)})" if extra else ""
    return f"{fact_words(leaf.fact)} is {leaf.shown}{tail}"


def _order_is(leaf: nodes.OrderIsLeaf, terminology: Terminology) -> str:
    if leaf.prop == "ingredient":
        order = "the order" if leaf.which == 0 else "the other order"
        return f"{order} is of {ingredients(leaf.values, terminology)}"
    if len(leaf.values) == 1 and (leaf.prop, leaf.values[0]) in _FLAGS:
        text = _FLAGS[leaf.prop, leaf.values[0]]
        return text if leaf.which == 0 else f"of the other order, {text}"
    return f"{_owner(leaf.which)} {fact_words(leaf.prop)} is {either(leaf.values)}"


def _condition(leaf: nodes.ConditionLeaf, terminology: Terminology) -> str:
    extra = []
    if leaf.within is not None:
        extra.append(f"noted within {leaf.within} days")
    if leaf.during_order:
        extra.append("first noted since the order began")
    tail = f", {' and '.join(extra)}" if extra else ""
    return f"{sets(leaf.sets, terminology)} is {_WHEN[leaf.status]}{tail}"


_OF_ALLERGY = {
    ("to_ingredient", "true"): "the allergy is to an ingredient of the order itself",
    ("to_ingredient", "false"): "the allergy is to another ingredient than those of the order",
    ("taken_since", "true"): "a course of it was begun after the allergy was recorded, and completed",
    ("taken_since", "false"): "no course of it was begun after the allergy was recorded and completed",
}


def _allergy(leaf: nodes.AllergyLeaf, terminology: Terminology) -> str:
    if leaf.prop == "reaction":
        return f"a recorded reaction is {sets(leaf.values, terminology)}"
    if leaf.prop == "only_reaction":
        return f"every recorded reaction is {sets(leaf.values, terminology)}"
    if (leaf.prop, leaf.values[0]) in _OF_ALLERGY:
        return _OF_ALLERGY[leaf.prop, leaf.values[0]]
    if leaf.prop == "status":
        return "the allergy is or was recorded" if "ever" in leaf.values else "the allergy still counts"
    if leaf.prop == "type":
        return f"the entry is an {either(leaf.values)}"
    return f"the allergy's {leaf.prop} is {either(leaf.values)}"


def _owner(which: int) -> str:
    return "the order's" if which == 0 else "the other order's"


def either(values: tuple[str, ...]) -> str:
    """The values joined by `or`, in words."""
    return " or ".join(value.replace("-", " ") for value in values)


def sets(names: tuple[str, ...], terminology: Terminology) -> str:
    """Value sets by their titles."""
    known = terminology.ids("value_set")
    titles = [
        terminology.value_set(name).title.lower() if name in known else name.replace("-", " ")
        for name in names
    ]
    return " or ".join(titles)


def _label(label: str, terminology: Terminology) -> str:
    known = terminology.ids("class")
    return " or ".join(
        terminology.ingredient_class(part).title.lower() if part in known else part
        for part in label.split(" or ")
    )


def ingredients(ids: tuple[str, ...], terminology: Terminology) -> str:
    """Ingredients by name; the members of a class by its title and their number."""
    known = terminology.ids("ingredient")
    names = [terminology.ingredient(name).name if name in known else name for name in ids]
    wanted = frozenset(ids)
    if len(wanted) > 1:
        inside = [
            (len(members), name)
            for name in terminology.ids("class")
            if len(members := terminology.class_members(name)) > 1 and members <= wanted
        ]
        size, name = max(inside, default=(0, ""))
        if size == len(wanted) or (len(wanted) > MOST_NAMED and size * 2 > len(wanted)):
            title = f"{terminology.ingredient_class(name).title.lower()} ({size} ingredients)"
            rest = sorted(wanted - terminology.class_members(name))
            return " or ".join([title, *(rest if len(rest) <= MOST_NAMED else [f"{len(rest)} more"])])
    if len(names) <= MOST_NAMED:
        return " or ".join(names)
    return f"{', '.join(names[:MOST_NAMED])} or {len(names) - MOST_NAMED} more"
