"""Many dates at once are read as each alone."""

from __future__ import annotations

import random

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.columns import days
from caveat.columns.days import UNREADABLE, days_of
from caveat.dates import parse_when
from caveat.errors import DateError

ODD = (
    "",
    " ",
    "2026",
    "2026-01",
    "2026-13",
    "2026-02-29",
    "2024-02-29",
    "1799-12-31",
    "2300-12-31",
    "2301-01-01",
    "2026-01-05T08:30:00Z",
    "2026-01-05T08:30Z",
    "2026-01-05T24:00:00Z",
    "2026-01-05T08:30:60Z",
    "2026-01-05T08:30:00.123456789Z",
    "2026-01-05T08:30:00.5+14:00",
    "2026-01-05T08:30:00+15:00",
    "2026-01-05 08:30",
    "2026-01-05T08:30:00",
    "2026-02-30T08:30:00Z",
    "2026-01-05\n",
    "2026-01-05T08:30:00Z\n",
    "２０２６-01-05",
    "x" * 50,
    "2026-01-05T",
    "20260105",
    "2026-1-5",
    "2300-12-31T23:59:59-13:59",
    "1800-01-01T00:00:00+13:59",
    "2026-01-05é",
)
letters = st.text(st.sampled_from("0123456789-T:.+Z \n"), max_size=27)
shaped = st.from_regex(
    r"(18|20|23)[0-9]{2}-[01][0-9]-[0-3][0-9](T[0-2][0-9]:[0-6][0-9](:[0-6][0-9](\.[0-9]{1,7})?)?"
    r"(Z|[+-][01][0-9]:[0-5][0-9])?)?",
    fullmatch=True,
)


def alone(text: str) -> tuple[int, int]:
    try:
        when = parse_when(text)
    except DateError:
        return UNREADABLE, UNREADABLE
    return when.first, when.last


def together(texts: list[str], monkeypatch: pytest.MonkeyPatch) -> list[tuple[int, int]]:
    """As many texts are read, however few these are."""
    with monkeypatch.context() as patched:
        patched.setattr(days, "_FEW", -1)
        first, last = days_of(pa.array(texts, pa.string()))
    return list(zip(first.tolist(), last.tolist(), strict=True))


def test_odd_texts(monkeypatch: pytest.MonkeyPatch) -> None:
    assert together(list(ODD), monkeypatch) == [alone(text) for text in ODD]
    assert days_of(pa.array(ODD))[0].tolist() == [alone(text)[0] for text in ODD]


@given(st.lists(st.one_of(letters, shaped, shaped), max_size=20))
def test_any_texts(texts: list[str]) -> None:
    with pytest.MonkeyPatch.context() as monkeypatch:
        assert together(texts, monkeypatch) == [alone(text) for text in texts]


def test_thousands_of_instants() -> None:
    draw = random.Random(1)
    texts = [f"20{draw.randint(10, 39)}-{draw.randint(1, 12):02d}-{draw.randint(1, 31):02d}T{i // 3600:02d}:"
             f"{i // 60 % 60:02d}:{i % 60:02d}Z" for i in range(5000)]  # fmt: skip
    first, _ = days_of(pa.array(texts))
    assert first.tolist() == [alone(text)[0] for text in texts]
    assert UNREADABLE in first
