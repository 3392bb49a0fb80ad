"""`run.json`: what was judged, by what, what came out, and how long it took."""

from __future__ import annotations

from collections import Counter
from typing import Any, Final

from caveat.batch.counts import RULE_COUNTS, Counts
from caveat.batch.ids import Doubled
from caveat.compile.ruleset import Ruleset
from caveat.evaluators.assemble import NO_ORDERS
from caveat.evaluators.columnar.results import STATUSES
from caveat.findings.report import RuleFacts
from caveat.findings.severity import SEVERITIES

MOST_SILENT: Final = 5_000
"""Rules without any finding are listed, with zeros, in rulesets of up to this many rules."""


def manifest(
    start: dict[str, Any],
    *,
    rules: Ruleset,
    parts: int,
    counts: Counts,
    doubled: Doubled,
    files: dict[str, Any],
    about: dict[str, Any],
    timings: dict[str, Any],
) -> dict[str, Any]:
    """The whole manifest. All but `timings` is the same whenever the same run is done again."""
    known: dict[str, RuleFacts] = {rule.id: rule for rule in rules.program.rules}
    known[NO_ORDERS.id] = NO_ORDERS
    listed = (
        sorted(counts.rules)
        if len(known) > MOST_SILENT
        else sorted({*known} - {NO_ORDERS.id} | {*counts.rules})
    )
    zeros = [0] * len(RULE_COUNTS)
    return {
        **start,
        "finished": True,
        "parts": parts,
        "counts": _counts(counts),
        "rules": [
            {
                "rule": name,
                "title": known[name].title,
                "kind": known[name].kind,
                "severity": known[name].severity,
                "status": known[name].status,
                **dict(zip(RULE_COUNTS, counts.rules.get(name, zeros), strict=True)),
            }
            for name in listed
        ],
        "rules_without_findings": sum(rule.id not in counts.rules for rule in rules.program.rules),
        "rule_statuses": dict(sorted(Counter(rule.status for rule in rules.program.rules).items())),
        "same_id": {"ids": doubled.ids, "records": doubled.records},
        "unrecognised": counts.unrecognised.summary(),
        "not_covered": dict(sorted(counts.uncovered.items(), key=lambda item: (-item[1], item[0]))),
        "source": about,
        "files": files,
        "timings": timings,
    }


def _counts(counts: Counts) -> dict[str, Any]:
    return {
        "entered": counts.entered,
        "screened": counts.patients,
        "rejected": counts.rejected,
        "clear": counts.clear,
        "findings": {
            status: {name: counts.findings.get(status, Counter())[name] for name in SEVERITIES}
            for status in STATUSES
        },
        "suppressed": counts.suppressed,
        "tiers": {status: dict(sorted(counts.tiers.get(status, {}).items())) for status in STATUSES},
        "patients_with": dict(counts.with_any),
        "set_aside": dict(sorted(counts.rejects.items())),
        "harmless": dict(sorted(counts.harmless.items())),
        "errors": dict(sorted(counts.faults.items())),
        "checks_failed": counts.failed,
        "notes": counts.notes,
        "one_by_one": counts.one_by_one,
        "judged_again": counts.again,
        "judged_again_because": dict(sorted(counts.failures.items())),
    }
