"""Grades of one number that overlap, with nothing to say which one counts."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations

from caveat.authoring.checks.base import Check, Folder, finding
from caveat.authoring.checks.grades import ladders, place_of
from caveat.authoring.checks.logic import fails, impossible
from caveat.authoring.checks.order import ordered, superseded_by
from caveat.authoring.checks.regions import crossing
from caveat.authoring.clauses import clause
from caveat.rules.diagnostics import Diagnostic, Level

CODE: tuple[str, Level] = ("C037", "warning")
TITLE = "graded thresholds overlap"


def run(folder: Folder) -> Iterator[Diagnostic]:
    """Each two grades that share values and of which neither supersedes the other."""
    reach = superseded_by(folder)
    for grades in ladders(folder):
        for one, two in combinations(grades, 2):
            if one.rule.id == two.rule.id or crossing(one.target, two.target) is None:
                continue
            if ordered(reach, one.rule, two.rule):
                continue
            excuses = [fails(e.node) for rule in (one.rule, two.rule) for e in rule.compiled.unless]
            if excuses and impossible(*excuses) is not None:
                continue
            why = (
                f"{clause(one.leaf)} ({one.rule.id}) and {clause(two.leaf)} share values: "
                "both alerts would be shown."
            )
            hint = "Set the limits apart, or let the graver rule supersede the milder one."
            yield finding(CODE, TITLE, place_of(two), why, hint, rule=two.rule.id)


CHECK = Check(*CODE, TITLE, run)
