"""Small cells: a reader who knows everything shown is left with every value from 1 to k - 1."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import pairwise, product

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.batch.report.cells import Cell, Row, Total, check_limit, is_small, protect
from caveat.batch.report.view import Number, chain

K = 4

PEOPLE = 7


def rows_of(people: list[list[int]], marks: list[frozenset[str]]) -> list[Row]:
    """Rows from the findings each patient has of each rule."""
    return [
        Row(sum(one[i] for one in people), sum(one[i] > 0 for one in people), mark)
        for i, mark in enumerate(marks)
    ]


def total(people: list[list[int]], marks: list[frozenset[str]], name: str) -> Total:
    """Patients with a finding of a rule that carries the mark."""
    wanted = [i for i, mark in enumerate(marks) if not name or name in mark]
    return Total(name, sum(any(one[i] for i in wanted) for one in people))


MARKS = st.sampled_from(
    [frozenset[str](), frozenset({"loud"}), frozenset({"loud", "grave"}), frozenset({"grave"})]
)


@st.composite
def cohorts(draw: st.DrawFn) -> tuple[list[list[int]], list[frozenset[str]]]:
    """Findings of each patient of each rule: few rules, each with patients around the limit."""
    marks = draw(st.lists(MARKS, min_size=1, max_size=4))
    people = [[0] * len(marks) for _ in range(PEOPLE)]
    for rule in range(len(marks)):
        first, count = draw(st.integers(0, PEOPLE - 1)), draw(st.integers(0, K + 2))
        for place in range(first, first + count):
            people[place % PEOPLE][rule] = 1
        if count and draw(st.integers(0, 3)) == 0:
            people[first][rule] = 2
    return people, marks


def worlds(
    rows: list[Row], cells: tuple[Cell, ...], totals: list[Total], one_each: bool
) -> Iterator[tuple[int, ...]]:
    """Patients of every rule in each way that fits all that is shown.

    `one_each`: the reader also knows that no patient has two findings of a rule. Totals give the
    sum of findings of the rows with their mark, and their patients.
    """
    most = sum(row.findings for row in rows) + K
    patients, findings = [], []
    for row, cell in zip(rows, cells, strict=True):
        if cell is Cell.SHOWN:
            patients.append([row.patients])
            findings.append([row.findings])
        else:
            low, high = (1, K - 1) if cell is Cell.SMALL else (K, most)
            patients.append(list(range(low, high + 1)))
            findings.append(list(range(low, most + 1)))
    sums = [
        ([i for i, row in enumerate(rows) if not t.name or t.name in row.marks], t.patients) for t in totals
    ]
    known = [(of, sum(rows[i].findings for i in of), reach) for of, reach in sums]
    for counts in product(*findings):
        if any(sum(counts[i] for i in of) != total for of, total, _ in known):
            continue
        for people in product(
            *(
                [p for p in options if p <= n and (not one_each or p == n or len(options) == 1)]
                for options, n in zip(patients, counts, strict=True)
            )
        ):
            if all(
                max((people[i] for i in of), default=0) <= reach <= sum(people[i] for i in of)
                for of, _, reach in known
            ):
                yield people


@given(cohorts(), st.booleans())
def test_no_small_row_can_be_recovered(
    cohort: tuple[list[list[int]], list[frozenset[str]]], one_each: bool
) -> None:
    people, marks = cohort
    rows = rows_of(people, marks)
    totals = [total(people, marks, name) for name in ("", "loud", "grave")]
    done = protect(rows, totals, K)
    small = [i for i, cell in enumerate(done.cells) if cell is Cell.SMALL]
    assert small == [i for i, row in enumerate(rows) if 0 < row.patients < K]
    assert all(rows[i].patients >= K for i, cell in enumerate(done.cells) if cell is Cell.PARTNER)
    if one_each and any(
        row.findings != row.patients
        for row, cell in zip(rows, done.cells, strict=True)
        if cell is not Cell.SHOWN
    ):
        return  # this reader's belief is false, so what follows from it tells nothing
    shown = [t for t in totals if t.name not in done.hidden_totals]
    seen: list[set[int]] = [set() for _ in rows]
    for world in worlds(rows, done.cells, shown, one_each):
        for i, count in enumerate(world):
            seen[i].add(count)
    for i in small:
        assert seen[i] >= set(range(1, K)), (rows, done)


def test_the_attack_works_without_partners() -> None:
    """One small row beside large ones is the total less the others, were nothing else hidden."""
    rows = [Row(40, 40), Row(2, 2), Row(9, 9)]
    naive = (Cell.SHOWN, Cell.SMALL, Cell.SHOWN)
    assert {world[1] for world in worlds(rows, naive, [Total("", 44)], True)} == {2}
    assert protect(rows, [Total("", 44)], K).cells == (Cell.SHOWN, Cell.SMALL, Cell.PARTNER)


def test_two_at_the_limit_are_told_apart_too() -> None:
    """3 + 3 = 6 leaves two rows below 4 no choice."""
    rows = [Row(40, 40), Row(3, 3), Row(3, 3)]
    naive = (Cell.SHOWN, Cell.SMALL, Cell.SMALL)
    assert {world[1:] for world in worlds(rows, naive, [Total("", 44)], True)} == {(3, 3)}
    assert protect(rows, [Total("", 44)], K).cells == (Cell.PARTNER, Cell.SMALL, Cell.SMALL)


def test_nothing_more_is_hidden_than_needed() -> None:
    rows = [Row(40, 40), Row(2, 2), Row(2, 2), Row(1, 1), Row(0, 0)]
    done = protect(rows, [Total("", 45)], K)
    assert done.cells == (Cell.SHOWN, Cell.SMALL, Cell.SMALL, Cell.SMALL, Cell.SHOWN)
    assert not done.hidden_totals


def test_totals_go_from_the_last() -> None:
    """With nothing left to hide beside the only grave rule, its total goes; the others stay."""
    rows = [Row(2, 2, frozenset({"grave"})), Row(3, 3, frozenset({"grave"})), Row(50, 50)]
    done = protect(rows, [Total("", 54), Total("grave", 5)], K)
    assert done.hidden_totals == {"grave"}
    assert done.cells == (Cell.SMALL, Cell.SMALL, Cell.PARTNER)


def test_a_single_rule_hides_the_total() -> None:
    done = protect([Row(3, 2)], [Total("", 2)], 5)
    assert done.hidden_totals == {""}


def test_off() -> None:
    done = protect([Row(1, 1), Row(9, 9)], [Total("", 10)], 0)
    assert done.cells == (Cell.SHOWN, Cell.SHOWN)
    assert not done.hidden_totals


@pytest.mark.parametrize("k", [1, 2, -1])
def test_limits_that_hide_nothing_are_refused(k: int) -> None:
    with pytest.raises(ValueError, match=f"small cells below {k}: write 0 to show every count, or a number"):
        check_limit(k)


@given(st.lists(st.integers(0, 40), min_size=1, max_size=4).map(lambda c: tuple(sorted(c, reverse=True))))
def test_chain_leaves_small_steps_open(counts: tuple[int, ...]) -> None:
    """Whatever fits what is shown has each hidden step of 1 to k - 1 at more than one value."""
    shown = chain(counts, K)
    for count, number in zip(counts, shown, strict=True):
        assert number.low <= count <= (number.high or 0) or number == Number(0, 0)
    fits = [
        world
        for world in product(*(range(n.low, (n.high or 0) + 1) for n in shown))
        if all(a >= b for a, b in pairwise(world))
    ]
    assert counts in fits
    for i, number in enumerate(shown):
        if number.exact:
            assert i == 0 or not is_small(number.low, K)
            assert i == 0 or not any(is_small(n.low - number.low, K) for n in shown[:i] if n.exact)
        else:
            assert len({world[i] for world in fits}) >= min(K - 1, counts[0])
