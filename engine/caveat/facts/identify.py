"""Orders recognised and sorted into current and ended ones at `as_of`."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any, Final, Literal

from caveat.dates import When
from caveat.facts.clinical import Order
from caveat.findings.basis import Missing
from caveat.terminology.concepts import Terminology
from caveat.terminology.resolver import Resolution, resolve
from caveat.terminology.shares import Shares, same
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth

Selection = Literal["active", "overlapping", "ever"]
ENTRY_LOOK_BACK = 30
"""Days that an administration or a dispense without an end counts as current."""

_CARRIED_OUT = ("administration", "dispense")
_ENDED = ("completed", "stopped", "cancelled")


@dataclass(frozen=True, slots=True, eq=False)
class Recognised:
    """What the words of an order mean, whoever takes it: shared by all orders that say the same.

    `route` None with `route_missing` is unknown. `plain` are those that nothing has to be said about.
    """

    ingredients: tuple[str, ...]
    resolution: Resolution
    route: str | None
    route_missing: Missing | None
    form: str | None
    unrecognised: bool
    conflict: str
    plain: bool


@dataclass(slots=True, eq=False)
class OrderView:
    """One order with what was understood of it. Nothing changes one once it is made.

    `route` None with `route_missing` is unknown. `current` and `ended` say which rules judge it;
    `carried_out` marks an administration or a dispense. `known` keeps numbers of it that were looked up.
    """

    order: Order
    recognised: Recognised
    ingredients: tuple[str, ...]
    route: str | None
    current: bool
    ended: bool
    carried_out: bool
    known: dict[str, Any]

    @property
    def id(self) -> str:
        """The order's id."""
        return self.order.id

    @property
    def resolution(self) -> Resolution:
        """What its names and codes mean, and what of them was not understood."""
        return self.recognised.resolution

    @property
    def route_missing(self) -> Missing | None:
        """Why the route is not known."""
        return self.recognised.route_missing

    @property
    def form(self) -> str | None:
        """The form, as written or as its name says."""
        return self.recognised.form

    @property
    def name(self) -> str:
        """The product as written, else its ingredients, else its codes."""
        order = self.order
        shown = order.text or next((code.display for code in order.codes if code.display), None)
        shown = shown or ", ".join(self.ingredients or order.ingredients or ())
        return shown or ", ".join(f"{code.system}|{code.code}" for code in order.codes) or order.id

    @property
    def is_unstated(self) -> bool:
        """Whether its text is that of an adapter, which says that the record does not name the medicine."""
        return (self.order.text or "").startswith(UNSTATED)


UNSTATED: Final = "Medication "
"""How the text begins that is given to an order which does not say what it is, or points nowhere."""
_Kept = dict[tuple[object, ...], Recognised]
_MOST_KEPT = 8_192
_LONGEST_KEPT = 300
"""How many products are kept recognised with a terminology, and the length past which a name is not."""


def identify(order: Order, terminology: Terminology, as_of: int, selection: Selection) -> OrderView:
    """The order recognised, and whether it is current at `as_of` under the selection policy."""
    return identify_all((order,), terminology, as_of, selection)[0]


def identify_all(
    orders: Iterable[Order], terminology: Terminology, as_of: int, selection: Selection
) -> tuple[OrderView, ...]:
    """Each order recognised, as `identify` does; the same words are read once a terminology."""
    kept: _Kept = terminology.remember("recognised orders", dict)
    plain = selection != "overlapping"
    found = []
    for order in orders:
        said = order.__dict__  # looked up there in a fifth of the time that a model's attribute takes
        key = (said["text"], said["codes"], said["ingredients"], said["route"], said["form"])
        product = kept.get(key) or _recognised(order, terminology, key, kept)
        current = (plain and said["status"] == "active" and said["stop"] is None) or is_current(
            order, as_of, selection
        )
        found.append(
            OrderView(
                order,
                product,
                product.ingredients,
                product.route,
                current,
                not current and has_ended(order, as_of),
                said["origin"] in _CARRIED_OUT,
                {},
            )
        )
    return tuple(found)


def _recognised(order: Order, terminology: Terminology, key: tuple[object, ...], kept: _Kept) -> Recognised:
    """What the order's names, route and form mean, kept for the next order that says the same."""
    found = _resolution(order, terminology)
    route, missing = _route(order, found, terminology)
    form = (terminology.form(order.form) if order.form else None) or found.form
    odd, conflict = found.unrecognised, found.conflict
    plain = not (odd or conflict or found.gathered)
    product = Recognised(found.ingredients, found, route, missing, form, odd, conflict, plain)
    if _is_short(order):
        if len(kept) >= _MOST_KEPT:
            kept.clear()
        kept[key] = product
    return product


def _is_short(order: Order) -> bool:
    words = (order.text, order.route, order.form, *(order.ingredients or ()))
    words += tuple(part for code in order.codes for part in (code.system, code.code, code.display))
    return sum(len(word) for word in words if word) <= _LONGEST_KEPT


def _resolution(order: Order, terminology: Terminology) -> Resolution:
    if not order.ingredients:
        return resolve(terminology, order.codes, order.text)
    parts = [resolve(terminology, (), name) for name in order.ingredients]
    if order.codes or order.text:
        whole = resolve(terminology, order.codes, order.text)
        if whole.ingredients or order.codes:
            parts.append(whole)
    if len(parts) == 1:
        return parts[0]
    named = [part for part in parts if part.ingredients or part.unrecognised]
    last = parts[-1]
    return Resolution(
        ingredients=tuple(dict.fromkeys(i for part in named for i in part.ingredients)),
        route=last.route,
        form=last.form,
        strength=last.strength,
        how=parts[0].how,
        unrecognised=any(part.unrecognised for part in parts[: len(order.ingredients)]),
        leftover=tuple(dict.fromkeys(w for part in parts[: len(order.ingredients)] for w in part.leftover)),
        candidates=tuple(dict.fromkeys(c for part in parts for c in part.candidates)),
        conflict=last.conflict,
        shares=_shares(parts[: len(order.ingredients)], last.shares),
    )


def _shares(named: list[Resolution], said: Shares) -> Shares:
    """The strengths that the record gives its ingredients (`oxycodone 5 mg`), and those that its text gives.

    Nothing where they differ.
    """
    given = [(part.ingredients, part.strength) for part in named]
    stated = tuple((names[0], strength[0]) for names, strength in given if len(names) == len(strength) == 1)
    if len({name for name, _ in stated}) < len(stated) or not same(stated, said):
        return ()
    return tuple({**dict(said), **dict(stated)}.items())


def _route(order: Order, found: Resolution, terminology: Terminology) -> tuple[str | None, Missing | None]:
    if order.route:
        route = terminology.route(order.route)
        if route is None:
            return None, Missing("route", f"route {order.route!r} is not understood")
        return route, None
    if found.route:
        return found.route, None
    if order.form:
        form = terminology.form(order.form)
        if form is not None:
            implied = terminology.form_concept(form).route
            if implied:
                return implied, None
    return None, Missing("route", "not recorded")


def counted(current: tuple[OrderView, ...]) -> tuple[OrderView, ...]:
    """Current orders as counts and sums take them.

    An administration or a dispense beside an order of the same ingredients by the same route (or one
    of unknown route) is that order being carried out, and is not counted again.
    """
    orders = [view for view in current if not view.carried_out]
    if len(orders) == len(current) or not orders:
        return current
    return tuple(v for v in current if not v.carried_out or not any(_same(v, o) for o in orders))


def _same(one: OrderView, other: OrderView) -> bool:
    routes = {one.route, other.route} - {None}
    return set(one.ingredients) == set(other.ingredients) and bool(one.ingredients) and len(routes) < 2


def is_current(order: Order, as_of: int, selection: Selection) -> bool:
    """Whether the order counts as taken or about to be taken at `as_of`.

    active: proposed, active, on hold or of unknown status, and not over by its stop date.
    overlapping: any that was not cancelled, with `as_of` between start and stop (an unknown stop
    counts as not over unless the status says so). ever: any that was not cancelled.
    """
    status = order.status
    if status in ("entered-in-error", "cancelled"):
        return False
    if selection == "ever":
        return True
    over = order.stop is not None and order.stop.last < as_of
    if over:
        return False
    if selection == "overlapping":
        started = order.start is None or order.start.first <= as_of
        return started and (order.stop is not None or status not in _ENDED)
    if status in _ENDED:
        return False
    if (
        status is None
        and order.origin in ("administration", "dispense")
        and order.start is not None
        and order.stop is None
    ):
        return order.start.last >= as_of - ENTRY_LOOK_BACK
    return True


def has_ended(order: Order, as_of: int) -> bool:
    """Whether the order was taken and is over."""
    if order.status in ("entered-in-error", "cancelled", "proposed"):
        return False
    return order.status in _ENDED or (order.stop is not None and order.stop.last < as_of)


def overlap(first: Order, second: Order) -> Truth:
    """Whether two orders run at the same time; an end that is not recorded is open."""
    one, two = first.__dict__, second.__dict__
    if one["stop"] is two["stop"] is None and one["status"] not in _ENDED and two["status"] not in _ENDED:
        return TRUE
    certain = UNKNOWN if _open(first) or _open(second) else TRUE
    for this, that in ((first, second), (second, first)):
        if this.stop is not None and that.start is not None:
            if this.stop.last < that.start.first:
                return FALSE
            if this.stop.first < that.start.last and not (this.stop.is_exact and that.start.is_exact):
                certain = UNKNOWN
    return certain


def _open(order: Order) -> bool:
    return order.status in _ENDED and (order.start is None or order.stop is None)


def day_range(when: When | None) -> tuple[int, int] | None:
    """First and last day, or None when the date is not recorded."""
    return None if when is None else (when.first, when.last)
