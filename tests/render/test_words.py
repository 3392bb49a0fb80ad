"""Facts in the words that people read."""

from __future__ import annotations

import pytest

from caveat.findings.basis import Basis
from caveat.render.words import basis_words


@pytest.mark.parametrize(
    ("basis", "said"),
    [
        (
            Basis("weight", "70 kg", "2026-01-10", "Observation/9"),
            "weight 70 kg · 2026-01-10 · Observation/9",
        ),
        (Basis("context.alcohol_use", "true"), "alcohol use yes"),
        (Basis("pregnant", "false", "2026-01-10"), "pregnant no · 2026-01-10"),
        (Basis("since_start", "start 2026-01-10", "2026-01-10", "m1"), "started 2026-01-10 · m1"),
        (Basis("treatment_time", "start 2026-01", "2026-01", None), "started 2026-01"),
        (Basis("since_start", "proposed", None, "m1"), "proposed, not started · m1"),
    ],
)
def test_a_fact_is_said_once_and_in_words(basis: Basis, said: str) -> None:
    assert basis_words(basis) == said
