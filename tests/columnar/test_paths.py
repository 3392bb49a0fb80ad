"""Paths that only large batches take give what small batches give."""

from __future__ import annotations

from typing import Any

import pytest

from caveat.columns.records import to_batch
from caveat.evaluators.columnar import Columnar, found, judging
from caveat.evaluators.columnar.facts import Frame
from columnar.agreement import findings
from columnar.test_agreement import DAY, generated, of

SEEDS = range(24)


def told() -> list[list[dict[str, Any]]]:
    """The findings of some generated programs on their patients."""
    return [
        findings(Columnar(of(program), as_of=DAY).screen(to_batch(records)))
        for program, records in map(generated, SEEDS)
    ]


def test_findings_that_one_number_cannot_hold(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are put in order column by column."""
    expected = told()
    monkeypatch.setattr(found, "MOST_BITS", 0)
    monkeypatch.setattr(found, "_packed", None)
    assert told() == expected


def test_leaves_asked_only_where_nothing_else_has_settled_it(monkeypatch: pytest.MonkeyPatch) -> None:
    """Parts of a condition are then asked on a part of the subjects."""
    expected, apart = told(), []
    whole = Frame.at

    def spy(frame: Frame, places: Any) -> Frame:
        apart.append(len(places) < frame.count)
        return whole(frame, places)

    monkeypatch.setattr(judging, "FEW", 0)
    monkeypatch.setattr(judging, "FEWEST", 0)
    monkeypatch.setattr(Frame, "at", spy)
    assert told() == expected
    assert sum(apart) > 20
