"""A rule may supersede one of a folder beside its own, whether that folder is loaded or not."""

from __future__ import annotations

from pathlib import Path

import pytest

from authoring.small import SOURCES, rule, rules_file, write
from caveat.compile.ruleset import load
from caveat.errors import CaveatError

GRAVE = rule("baclofen.a.grave", "{always: true}", severity="major", supersedes="[baclofen.b.mild]")
MILD = rule("baclofen.b.mild", "{always: true}")


def folder(root: Path, name: str) -> Path:
    """Two topics; the first supersedes a rule of that name."""
    return write(
        root,
        {
            "topic/a.rules.yaml": rules_file(GRAVE.replace("baclofen.b.mild", name)),
            "other/b.rules.yaml": rules_file(MILD),
            "other/sources.yaml": SOURCES.replace("id: book", "id: other-book"),
        },
    )


def test_it_loads_with_its_neighbour_and_without(tmp_path: Path) -> None:
    folder(tmp_path, "baclofen.b.mild")
    (tmp_path / "other" / "b.rules.yaml").write_text(
        rules_file(MILD.replace("source: book", "source: other-book")), "utf-8"
    )
    assert len(load(tmp_path, cache=False).program.rules) == 2
    alone = load(tmp_path / "topic", cache=False)
    assert [one.supersedes for one in alone.program.rules] == [("baclofen.b.mild",)]


@pytest.mark.parametrize("name", ["baclofen.b.mil", "baclofen.b", "baclofen.b.mild2"])
def test_a_name_that_stands_nowhere_is_an_error(tmp_path: Path, name: str) -> None:
    folder(tmp_path, name)
    with pytest.raises(CaveatError, match="here or in a folder beside this one"):
        load(tmp_path / "topic", cache=False)
