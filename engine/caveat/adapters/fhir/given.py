"""Medicines that were given and that no request of the record orders: whether they count as current."""

from __future__ import annotations

import datetime as dt
import re
from collections.abc import Mapping, Sequence
from itertools import pairwise
from typing import Any, Final

from caveat.adapters.fhir.completeness import days_of
from caveat.adapters.fhir.folding import same_medicine
from caveat.adapters.ledger import Ledger
from caveat.dates import LAST_YEAR, When, parse_when
from caveat.facts.clinical import Order

STILL_GIVEN: Final = 2
"""Days before the newest entry of a record within which a dose given speaks of a treatment under way."""
GOES_ON: Final = 7
"""Days after its last dose that such a treatment counts as current."""
_LONGEST: Final = 35
"""The longest time between two doses that is taken for the rhythm of a treatment."""
_OVER: Final = ("completed", "stopped")
_LAST_DAY: Final = dt.date(LAST_YEAR, 12, 31).toordinal()


def given_alone(lists: Mapping[str, Sequence[Any]], log: Ledger) -> list[Order]:
    """The orders, with the last dose of each medicine given without an order as one that may go on.

    A dose that was given is over; whether another follows is not known without its request, which is a
    problem. Where the dose was given in the last days of the record, or no longer before its newest entry
    than the medicine was given before, it counts as an order of unknown status that ends some days
    later. Earlier doses stay what they are: over.
    """
    orders: list[Order] = list(lists["orders"])
    given = [place for place, one in enumerate(orders) if _is_dose(one)]
    if not given:
        return orders
    held = (one for entries in lists.values() for one in entries if getattr(one, "status", "") != "proposed")
    newest = max((day for one in held for day in days_of(one)), default=0)
    running = [one for one in orders if one.origin != "administration" and one.status not in _OVER]
    running += [one for one in orders if one.origin == "administration" and one.status == "active"]
    seen: list[Order] = []
    for place in sorted(given, key=lambda at: _moment(orders[at]), reverse=True):
        last = orders[place]
        if any(same_medicine(last, other) or _alike(last, other) for other in (*seen, *running)):
            continue
        seen.append(last)
        rhythm = _rhythm([_day(orders[at]) for at in given if same_medicine(orders[at], last)])
        if _day(last) < newest - max(STILL_GIVEN, rhythm):
            continue
        until = _until(_day(last) + max(GOES_ON, rhythm + STILL_GIVEN))
        orders[place] = last.model_copy(update={"status": "unknown", "stop": until})
        message = (
            f"{last.text or 'a medicine'} was given on {_iso(_day(last))}, and no request says whether it "
            f"goes on; it is judged as a current order up to {until}"
        )
        log.problem("given-without-request", message, "MedicationAdministration")
    return orders


_NAMED: Final = re.compile(
    r"\s*([^\W\d][^\d]*?)[\s,]*(\d[\d.,]*)\s*([a-z\u00b5%]+(?:/[a-z]+)?)", re.IGNORECASE
)


def _alike(one: Order, other: Order) -> bool:
    """Whether two names agree up to and with the first strength: `Ibuprofen 600 mg`, whatever comes after."""
    mine, theirs = _name(one), _name(other)
    return mine is not None and mine == theirs


def _name(order: Order) -> tuple[str, ...] | None:
    text = order.text or next((code.display for code in order.codes if code.display), "")
    found = _NAMED.match(text)
    return None if found is None else tuple(part.casefold() for part in found.groups())


def _is_dose(order: Order) -> bool:
    return order.origin == "administration" and order.status == "completed" and order.stop is not None


def _day(order: Order) -> int:
    return order.stop.last if order.stop is not None else 0


def _moment(order: Order) -> tuple[int, float]:
    instant = None if order.stop is None else order.stop.instant
    return _day(order), float("-inf") if instant is None else instant


def _rhythm(days: list[int]) -> int:
    """The longest time between the last three days on which it was given; 0 where it was given once."""
    gaps = [later - earlier for earlier, later in pairwise(sorted(set(days))[-3:])]
    return min(max(gaps, default=0), _LONGEST)


def _until(day: int) -> When:
    return parse_when(_iso(min(day, _LAST_DAY)))


def _iso(day: int) -> str:
    return dt.date.fromordinal(day).isoformat()
