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
needs_durable: Final = pytest.mark.skipif(
    sys.version_info >= (3, 13) or find_spec("durable_rules_engine") is None, reason=_WHY
)


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
