"""A status that no recorded review bears out.

A rule is a draft until a review is recorded. `reviews.yaml` beside the rules holds them:

    format: 1
    reviews:
    - {rule: baclofen.renal.crcl-below-30, status: reviewed, by: A. Pharmacist, date: 2026-02-01}

A draft does not call itself reviewed, validated or verified in its texts either.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Annotated, Literal

from pydantic import Field

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.authoring.checks.placeholders import TEXTS
from caveat.rules.diagnostics import Diagnostic, Level, Problems
from caveat.rules.expression import Strict
from caveat.rules.parse import parse
from caveat.rules.source import read_source

CODE: tuple[str, Level] = ("C056", "error")
TITLE = "status without a recorded review"
FILE = "reviews.yaml"
CLAIM = re.compile(
    r"\b(?:this|the) (?:rule|alert) (?:is|was|has been) (?:reviewed|validated|verified|approved)\b"
    r"|\b(?:reviewed|validated|verified|approved) (?:rule|alert)\b",
    re.IGNORECASE,
)


class Review(Strict):
    """Who moved a rule to a status, and when."""

    rule: str
    status: Literal["reviewed", "active", "retired"]
    by: Annotated[str, Field(min_length=1)]
    date: Annotated[str, Field(pattern=r"^\d{4}-\d{2}-\d{2}$")]
    note: str | None = None


class ReviewFile(Strict):
    """The recorded reviews of a folder."""

    format: Literal[1]
    reviews: tuple[Review, ...]


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each status past draft without a review that names it, and each draft that claims one."""
    problems = Problems()
    recorded = _recorded(folder, problems)
    yield from problems.found
    for placed in folder.texts.rules:
        rule = placed.rule
        if rule.status != "draft":
            if (rule.id, rule.status) not in recorded:
                why = f"No {FILE} records that {rule.id} became {rule.status}."
                hint = f"Record the review in {FILE}, or leave the status at draft."
                yield finding(CODE, TITLE, placed.place("status"), why, hint, rule=rule.id)
            continue
        texts = [("title", rule.title, placed.place("title"))]
        texts += [(n, getattr(rule.alert, n) or "", placed.place("alert", n)) for n in TEXTS]
        for name, text, place in texts:
            claim = CLAIM.search(text)
            if claim is not None:
                why = f"The {name} of a draft says {claim.group(0)!r}."
                hint = "Leave that to the status."
                yield finding(CODE, TITLE, place, why, hint, rule=rule.id)


def _recorded(folder: Folder, problems: Problems) -> set[tuple[str, str]]:
    base = folder.root if folder.root.is_dir() else folder.root.parent
    found: set[tuple[str, str]] = set()
    for file in sorted(base.rglob(FILE)):
        source = read_source(file, problems, name=f"{base.name}/{file.relative_to(base)}")
        parsed = parse(ReviewFile, source, problems) if source is not None else None
        found |= {(review.rule, review.status) for review in parsed.reviews} if parsed else set()
    return found


CHECK = Check(*CODE, TITLE, run)
