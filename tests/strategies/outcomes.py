"""What evaluators are compared by."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from importlib.util import find_spec
from typing import Any, Final

import pytest

from caveat.evaluators.outcome import Outcome
from caveat.findings.severity import Status

Key = tuple[str, tuple[str, ...], tuple[str, ...]]

_WHY: Final = (
    "durable-rules does not run on Python 3.13"
    if sys.version_info >= (3, 13)
    else "durable-rules is not installed; `make durable` tries again"
)
HAS_DURABLE: Final = sys.version_info < (3, 13) and find_spec("durable_rules_engine") is not None
needs_durable: Final = pytest.mark.skipif(not HAS_DURABLE, reason=_WHY)
EVALUATORS: Final = ("reference", "inprocess", *(("durable",) if HAS_DURABLE else ()))
"""The evaluators of one record that run here."""


def statuses(outcomes: Iterable[Outcome]) -> dict[Key, Status]:
    """Status by rule and subject, without those that are not met: an evaluator may leave them out."""
    return {o.key: o.status for o in outcomes if o.status is not Status.NOT_MET}


def whole(outcomes: Iterable[Outcome]) -> list[tuple[Any, ...]]:
    """Everything that is said of each rule and subject, in order, without those that are not met."""
    return [
        (o.key, o.status, o.because, o.missing, o.unchecked, o.exceptions, o.error)
        for o in outcomes
        if o.status is not Status.NOT_MET
    ]
