"""Strong Kleene by its tables, and the table of statuses in full."""

from __future__ import annotations

import csv
from itertools import combinations_with_replacement, permutations, product
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.evaluators.outcome import status_of
from caveat.truth import FALSE, NAMES, TRUE, UNKNOWN, Truth, all_of, any_of, at_least, from_bool, negate

HERE = Path(__file__).parent
TRUTHS = (FALSE, UNKNOWN, TRUE)
BY_NAME: dict[str, Truth] = dict(zip(NAMES, TRUTHS, strict=True))
truths = st.lists(st.sampled_from(TRUTHS), max_size=6)


def rows(name: str) -> list[dict[str, str]]:
    with (HERE / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize(
    "row", rows("truth_tables.csv"), ids=lambda row: " ".join(filter(None, row.values()))
)
def test_truth_tables(row: dict[str, str]) -> None:
    a, b, result = BY_NAME[row["a"]], BY_NAME.get(row["b"]), BY_NAME[row["result"]]
    if b is None:
        assert negate(a) == result
        return
    found = {
        "and": lambda: all_of([a, b]),
        "or": lambda: any_of([a, b]),
        "both": lambda: at_least(2, [a, b]),
        "either": lambda: at_least(1, [a, b]),
    }
    assert found[row["operator"]]() == result


def test_tables_are_whole() -> None:
    for operator in ("and", "or", "both", "either"):
        given_ = {(r["a"], r["b"]) for r in rows("truth_tables.csv") if r["operator"] == operator}
        assert given_ == set(product(NAMES, NAMES))
    combined = [" ".join(c) for size in range(3) for c in combinations_with_replacement(NAMES, size)]
    assert [(r["when"], r["unless"]) for r in rows("status_table.csv")] == list(product(NAMES, combined))


@pytest.mark.parametrize("row", rows("status_table.csv"), ids=lambda row: f"{row['when']}-{row['unless']}")
def test_status_table(row: dict[str, str]) -> None:
    for unless in permutations(row["unless"].split()):
        assert status_of(BY_NAME[row["when"]], [BY_NAME[name] for name in unless]).value == row["status"]


def test_empty_ones() -> None:
    assert (all_of([]), any_of([]), at_least(0, []), at_least(1, [])) == (TRUE, FALSE, TRUE, FALSE)
    assert (from_bool(True), from_bool(None), from_bool(False)) == (TRUE, UNKNOWN, FALSE)


@given(truths, st.integers(0, 7))
def test_at_least_is_any_of_all(values: list[Truth], count: int) -> None:
    """UNKNOWN exactly where filling in the unknown ones could go either way."""
    open_ = [i for i, value in enumerate(values) if value == UNKNOWN]
    ways = set()
    for filled in product((FALSE, TRUE), repeat=len(open_)):
        chosen = dict(zip(open_, filled, strict=True))
        ways.add(sum(chosen.get(i, value) == TRUE for i, value in enumerate(values)) >= count)
    expected = UNKNOWN if len(ways) == 2 else from_bool(ways.pop())
    assert at_least(count, values) == expected


@given(truths)
def test_de_morgan(values: list[Truth]) -> None:
    assert negate(all_of(values)) == any_of([negate(value) for value in values])
    for count in range(1, len(values) + 1):
        turned = at_least(len(values) - count + 1, [negate(value) for value in values])
        assert negate(at_least(count, values)) == turned
