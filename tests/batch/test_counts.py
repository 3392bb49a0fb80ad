"""Counts add up whatever the parts, and stay bounded, honestly."""

from __future__ import annotations

import json
from collections import Counter

from hypothesis import given
from hypothesis import strategies as st

from caveat.batch.counts import RULE_COUNTS, Counts, Names

NAMES = st.dictionaries(st.tuples(st.sampled_from("mc"), st.sampled_from("abcdefgh")), st.integers(1, 9))
COUNTS = st.builds(
    Counts,
    entered=st.integers(0, 9),
    clear=st.integers(0, 9),
    findings=st.dictionaries(
        st.sampled_from(["fires", "error"]),
        st.dictionaries(st.sampled_from("ab"), st.integers(1, 5)).map(Counter),
    ),
    with_any=st.dictionaries(st.sampled_from("xyz"), st.integers(1, 5)).map(Counter),
    uncovered=st.dictionaries(st.sampled_from("xyz"), st.integers(1, 5)).map(Counter),
    rules=st.dictionaries(
        st.sampled_from("rst"),
        st.lists(st.integers(0, 3), min_size=len(RULE_COUNTS), max_size=len(RULE_COUNTS)),
    ),
    unrecognised=NAMES.map(lambda named: Names(Counter(named), sum(named.values()))),
)


@given(st.lists(COUNTS, max_size=5), st.randoms())
def test_the_order_of_parts_and_a_stay_on_the_disk_change_nothing(parts: list[Counts], dice: object) -> None:
    stored = [json.loads(json.dumps(part.plain())) for part in parts]

    def added(order: list[int]) -> Counts:
        whole = Counts()
        for index in order:
            whole.add(Counts.of(stored[index]))
        return whole

    first = added(list(range(len(parts))))
    order = list(range(len(parts)))
    dice.shuffle(order)  # type: ignore[attr-defined]
    assert added(order) == first
    assert first.entered == sum(part.entered for part in parts)
    for name in "rst":
        for place in range(len(RULE_COUNTS)):
            assert first.rules.get(name, [0] * len(RULE_COUNTS))[place] == sum(
                part.rules.get(name, [0] * len(RULE_COUNTS))[place] for part in parts
            )
    assert first.of_status("fires") == sum(part.of_status("fires") for part in parts)
    assert first.unrecognised.mentions == sum(part.unrecognised.mentions for part in parts)


@given(st.lists(NAMES, max_size=6), st.integers(1, 10))
def test_names_past_the_limit_are_summed_and_it_is_said(
    parts: list[dict[tuple[str, str], int]], most: int
) -> None:
    names = Names()
    true: Counter[tuple[str, str]] = Counter()
    for part in parts:
        names.add(Names(Counter(part), sum(part.values())), most)
        true.update(part)
    assert len(names.counts) <= most
    assert names.mentions == true.total()
    assert all(count <= true[name] for name, count in names.counts.items())
    assert names.exact is (names.counts == true)
    summary = names.summary(3)
    assert summary["not_listed"] + sum(one["count"] for one in summary["listed"]) == true.total()
    counts = [one["count"] for one in summary["listed"]]
    assert counts == sorted(counts, reverse=True)
