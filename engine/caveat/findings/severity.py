"""Grades of severity and outcomes of judging a rule."""

from __future__ import annotations

from enum import StrEnum
from typing import Final

SEVERITIES: Final = ("contraindicated", "major", "moderate", "minor", "info")
"""From the gravest down."""

RANK: Final = {name: index for index, name in enumerate(SEVERITIES)}


class Status(StrEnum):
    """What became of a rule for one subject."""

    FIRES = "fires"
    CANNOT_ASSESS = "cannot-assess"
    EXCEPTED = "excepted"
    NOT_MET = "not-met"
    OUT_OF_SCOPE = "out-of-scope"
    ERROR = "error"


def at_or_above(severity: str, limit: str) -> bool:
    """Whether `severity` is as grave as `limit`, or graver."""
    return RANK[severity] <= RANK[limit]
