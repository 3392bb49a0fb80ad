"""Coverage counts each truth of each clause and each side of each limit."""

from __future__ import annotations

from pathlib import Path

from authoring.small import rule, rules_file, write
from caveat.authoring.coverage import Coverage, measure
from caveat.compile.ruleset import load

HEAD = """\
format: 1
as_of: 2026-01-15
base: {sex: female, age: 50 a, orders: [{id: o1, text: baclofen, route: oral, status: active}]}
cases:
"""
WHEN = """
all:
- potassium: {above: 5 mmol/L}
- any:
  - sex: female
  - known: [weight]
"""


def covered(folder: Path, *given: str) -> Coverage:
    text = HEAD
    for index, part in enumerate(given):
        text += f"- {{id: c{index}, rule: baclofen.topic.one, class: fires, given: {{{part}}}, expect: []}}\n"
    write(
        folder,
        {"topic/a.rules.yaml": rules_file(rule("baclofen.topic.one", WHEN)), "topic/a.cases.yaml": text},
    )
    return measure(folder, load(folder, cache=False))


def potassium(value: str) -> str:
    return f"observations: [{{concept: potassium, value: {value} mmol/L, at: 2026-01-01}}]"


EVERYTHING = (potassium("5"), potassium("5.1"), "sex: male", "sex: null", "weight: 70 kg")


def test_everything_seen(tmp_path: Path) -> None:
    found = covered(tmp_path, *EVERYTHING)
    assert not found.uncovered, str(found)
    assert found.percent == 100
    assert found.reaches(100)


def test_nothing_is_not_full(tmp_path: Path) -> None:
    found = covered(tmp_path, "orders: []")
    assert found.percent == 0
    assert len(found.uncovered) == 3
    assert not found.reaches(0.1)


def test_what_is_unseen_is_named_with_file_and_line(tmp_path: Path) -> None:
    found = covered(tmp_path, *EVERYTHING[:1], *EVERYTHING[2:])
    (item,) = found.uncovered
    assert item.unseen == ("true", "a little above 5 mmol/L")
    assert str(item).startswith(
        f"{tmp_path.name}/topic/a.rules.yaml:11: baclofen.topic.one: potassium above 5"
    )


def test_unknown_is_not_asked_of_what_is_never_unknown(tmp_path: Path) -> None:
    found = covered(tmp_path, *EVERYTHING)
    by_clause = {item.clause: item for item in found.clauses}
    assert by_clause["weight is known"].wanted == 2
    assert by_clause["sex is female"].wanted == 3
    assert by_clause["potassium above 5 mmol/L"].wanted == 5


def test_a_fraction_short_is_not_the_whole(tmp_path: Path) -> None:
    found = covered(tmp_path, *EVERYTHING[:4])
    assert 0 < found.percent < 100
    assert not found.reaches(100)
    assert found.reaches(found.percent)
