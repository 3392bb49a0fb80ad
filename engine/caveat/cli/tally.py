"""Totals over a call, and the exit code they come to."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from caveat.cli.options import SEVERITIES
from caveat.render.words import SHORT, counted

if TYPE_CHECKING:
    from caveat.adapters.reject import Reject
    from caveat.compile.ruleset import Ruleset
    from caveat.findings.report import Report

OF_RULES = frozenset(("rules-disabled", "severities-local", "site-changes-over"))
CHECK_FAILED = frozenset(("rule-failed", "evaluators-differ", "check-failed"))


@dataclass(slots=True)
class Tally:
    """Counts that grow as reports come."""

    patients: int = 0
    clear: int = 0
    alerts: Counter[str] = field(default_factory=Counter)
    cannot_assess: int = 0
    unrecognised: int = 0
    failed: int = 0
    faults: int = 0
    notes: int = 0
    rejected: int = 0
    harmless: int = 0

    def report(self, report: Report) -> None:
        """Count one report."""
        self.patients += 1
        self.clear += report.is_clear
        self.alerts.update(finding.severity for finding in report.alerts)
        self.cannot_assess += len(report.cannot_assess)
        self.unrecognised += len(report.unrecognised)
        failed = sum(error.code in CHECK_FAILED for error in report.errors)
        self.failed += failed
        self.faults += len(report.errors) - failed
        self.notes += sum(note.count for note in report.notes if note.code not in OF_RULES)

    def reject(self, found: Reject) -> None:
        """Count one thing set aside."""
        if found.harmless:
            self.harmless += 1
        else:
            self.rejected += 1

    def code(self, fail_on: str | None) -> int:
        """2 when the check failed somewhere, else 3 for bad input, else 1 for findings, else 0."""
        if self.failed:
            return 2
        if self.rejected or self.faults or not self.patients:
            return 3
        if fail_on is not None:
            grave = SEVERITIES[: SEVERITIES.index(fail_on) + 1]
            if any(self.alerts[severity] for severity in grave):
                return 1
        return 0

    def summary(self, rules: Ruleset, day: str) -> str:
        """The closing line."""
        total = self.alerts.total()
        words: Counter[str] = Counter()
        for severity in SEVERITIES:
            words[SHORT[severity]] += self.alerts[severity]
        grades = ", ".join(f"{count} {word}" for word, count in words.items() if count)
        parts = [
            f"{counted(self.patients, 'patient')} as of {day}",
            counted(total, "alert") + (f" ({grades})" if grades else ""),
            f"{self.cannot_assess} could not be assessed",
            f"{self.unrecognised} not recognised",
            f"{self.rejected} rejected",
            f"{counted(self.faults, 'fault')} in records",
            counted(self.notes, "note"),
        ]
        if self.failed:
            parts.append(f"{counted(self.failed, 'check')} FAILED, review manually")
        if self.harmless:
            parts.append(f"{counted(self.harmless, 'file')} without patients")
        statuses = Counter(rule.status for rule in rules.program.rules)
        shown = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
        digest = rules.digest.removeprefix("sha256:")[:12]
        return " · ".join(parts) + f"\nruleset {rules.version} {digest} ({shown})"
