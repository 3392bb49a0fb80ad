"""Days of the last weeks on which an order ran: what surely ran, what may have, what may not be listed."""

from __future__ import annotations

import datetime as dt
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.compile.nodes import ExposureLeaf, OrderIsLeaf
from caveat.evaluators.closures import Closures
from caveat.evaluators.leaves import judge
from caveat.evaluators.subjects import PATIENT
from caveat.facts.observed import days_to_base
from caveat.intervals import Interval
from caveat.truth import FALSE, TRUE, UNKNOWN, Truth
from evaluators.test_where import ruleset, screen
from strategies import patients, vocabulary

WINDOW = 30
DAY = vocabulary.AS_OF


def ago(days: int) -> str:
    return (DAY - dt.timedelta(days=days)).isoformat()


def truth(least: int, *orders: dict[str, Any], complete: str = "closed", where: Any = None) -> Truth:
    """Whether morphine ran on at least so many of the last 30 days."""
    target = Interval(days_to_base(least, least).low, None)
    leaf = ExposureLeaf(("morphine",), "morphine", WINDOW, target, "d", "", False, where)
    listed = [{"id": f"o{i}", "text": "morphine", **order} for i, order in enumerate(orders)]
    data = {"id": "p", "orders": listed, "complete": {"orders": complete}}
    found = judge(leaf, patients.chart(data), PATIENT).truth
    assert Closures().node(leaf)(patients.chart(data), None, None, None) == found
    return found


def span(*orders: dict[str, Any], **more: Any) -> tuple[int, int]:
    """The fewest and the most days, found by asking for each number."""
    truths = [truth(least, *orders, **more) for least in range(1, WINDOW + 1)]
    assert truths == sorted(truths, reverse=True)
    return truths.count(TRUE), WINDOW - truths.count(FALSE)


@pytest.mark.parametrize(
    ("order", "expected"),
    [
        ({"status": "active"}, (0, 30)),
        ({"status": "completed", "start": ago(20)}, (1, 20)),
        ({"status": "completed", "stop": ago(10)}, (0, 21)),
        ({"start": ago(20)}, (0, 20)),
        ({"status": "unknown", "start": ago(20), "stop": ago(11)}, (0, 10)),
        ({"status": "on-hold", "start": ago(20)}, (1, 20)),
        ({"status": "completed", "start": "2025-12", "stop": ago(1)}, (15, 30)),
        ({"status": "completed", "start": ago(20), "origin": "dispense"}, (0, 20)),
    ],
)
def test_what_is_not_recorded_leaves_the_days_open(order: dict[str, Any], expected: tuple[int, int]) -> None:
    assert span(order) == expected


@pytest.mark.parametrize(
    ("order", "days"),
    [
        ({"status": "active", "start": ago(7)}, 7),
        ({"status": "active", "start": ago(200)}, 30),
        ({"status": "active", "start": ago(0)}, 0),
        ({"status": "proposed", "start": ago(7)}, 0),
        ({"status": "cancelled", "start": ago(7)}, 0),
        ({"status": "completed", "start": ago(20), "stop": ago(14)}, 7),
        ({"status": "completed", "start": ago(40), "stop": ago(31)}, 0),
        ({"status": "completed", "start": ago(40), "stop": ago(30)}, 1),
        ({"status": "completed", "start": ago(5), "origin": "administration"}, 1),
        ({"text": "codeine", "status": "active", "start": ago(7)}, 0),
    ],
)
def test_days_of_one_order(order: dict[str, Any], days: int) -> None:
    assert span(order) == (days, days)


def test_days_of_two_orders_count_once() -> None:
    first = {"status": "completed", "start": ago(20), "stop": ago(11)}
    second = {"status": "completed", "start": ago(15), "stop": ago(6)}
    assert span(first, second) == (15, 15)


def test_a_list_that_is_not_closed_may_lack_earlier_orders() -> None:
    assert span({"status": "active", "start": ago(7)}, complete="open") == (7, 30)
    assert truth(1, complete="unknown") == UNKNOWN


def test_an_unrecognised_medicine_may_be_one() -> None:
    assert span({"text": "morfentan", "status": "active", "start": ago(7)}) == (0, 7)


def test_where_leaves_out_and_leaves_open() -> None:
    where = OrderIsLeaf(0, "as_needed", ("false",))
    order = {"status": "active", "start": ago(7)}
    assert span({**order, "as_needed": False}, where=where) == (7, 7)
    assert span({**order, "as_needed": True}, where=where) == (0, 0)
    assert span(order, where=where) == (0, 7)


ORDERS = st.fixed_dictionaries(
    {"status": st.sampled_from(("active", "completed", "stopped", "on-hold"))},
    optional={
        "start": st.integers(20, 45).map(ago),
        "stop": st.integers(0, 19).map(ago),
        "as_needed": st.booleans(),
    },
)


@given(st.lists(ORDERS, max_size=3), ORDERS)
def test_another_order_never_takes_days_away(orders: list[dict[str, Any]], more: dict[str, Any]) -> None:
    for least in (1, 7, 20):
        assert truth(least, *orders, more) >= truth(least, *orders)


WEEK = "{exposure: {of: {class: opioid}, within: 30 d, where: {route: oral}, at_least: 7 d}}"


def test_by_every_evaluator() -> None:
    order = {"route": "oral", "start": "2026-01-08"}
    assert screen(WEEK, order) == ("fires", ())
    assert screen(WEEK, {**order, "start": "2026-01-09"}) == ("not-met", ())
    assert screen(WEEK, {"start": "2026-01-08"}) == ("cannot-assess", ("route",))
    assert screen(WEEK, {"route": "oral"})[0] == "cannot-assess"
    assert ruleset(WEEK).program.rules[0].leaves()[0].negated is False  # type: ignore[union-attr]
