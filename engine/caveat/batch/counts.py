"""What a run counts: sums over patients and findings, by rule and by name, of bounded size."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Final

from caveat.findings.severity import SEVERITIES

MOST_NAMES_A_PART: Final = 5_000
"""Different unrecognised names that the counts of a part keep, the most frequent first."""

MOST_NAMES: Final = 100_000
"""Different unrecognised names that are counted apart over a run; mentions of others are summed."""

LISTED_NAMES: Final = 500
"""Unrecognised names that the manifest lists."""

RULE_COUNTS: Final = (
    "alerts",
    "patients",
    "cannot_assess",
    "patients_cannot_assess",
    "excepted",
    "errors",
    "suppressed",
)
"""Of each rule: findings by status that nothing supersedes, patients with one, and superseded findings."""

WITH: Final = (
    "alert",
    *SEVERITIES,
    "cannot_assess",
    "unrecognised",
    "not_covered",
    "error",
    "open",
)
"""Patients with at least one of each; `open` is anything that could not be assessed: a rule left open
or failed, a name not recognised, a fault in the record."""

CHECK_FAILED: Final = frozenset(("rule-failed", "evaluators-differ", "check-failed"))
"""Codes of errors that mean the check itself failed; all others name a value that was not used."""


@dataclass(slots=True)
class Names:
    """Mentions of names, `kind` and text apart. Exact unless there were more names than are kept."""

    counts: Counter[tuple[str, str]] = field(default_factory=Counter)
    mentions: int = 0
    exact: bool = True

    def add(self, other: Names, most: int = MOST_NAMES) -> None:
        """Add the mentions of another part; names past `most` are only summed."""
        self.mentions += other.mentions
        self.exact = self.exact and other.exact
        for name, count in other.counts.items():
            if name in self.counts or len(self.counts) < most:
                self.counts[name] += count
            else:
                self.exact = False

    def most_frequent(self, most: int) -> list[tuple[tuple[str, str], int]]:
        """Names with their mentions, most frequent first, then by name."""
        return sorted(self.counts.items(), key=lambda item: (-item[1], item[0]))[:most]

    def cut(self, most: int) -> None:
        """Keep the `most` most frequent."""
        if len(self.counts) > most:
            self.counts = Counter(dict(self.most_frequent(most)))
            self.exact = False

    def plain(self) -> dict[str, Any]:
        """As stored with a part."""
        kept = [[*name, count] for name, count in self.most_frequent(MOST_NAMES_A_PART)]
        return {"mentions": self.mentions, "exact": self.exact, "names": kept}

    def summary(self, most: int = LISTED_NAMES) -> dict[str, Any]:
        """As the manifest has it: the most frequent, and how many mentions they are not."""
        listed = self.most_frequent(most)
        return {
            "mentions": self.mentions,
            "names": len(self.counts),
            "exact": self.exact,
            "listed": [{"text": text, "kind": kind, "count": count} for (kind, text), count in listed],
            "not_listed": self.mentions - sum(count for _, count in listed),
        }

    @staticmethod
    def of(plain: dict[str, Any]) -> Names:
        """What `plain` wrote."""
        counts = Counter({(kind, text): count for kind, text, count in plain["names"]})
        return Names(counts, plain["mentions"], plain["exact"])


@dataclass(slots=True)
class Counts:
    """Sums over a part or a run.

    `entered` are the patient records the source met, `patients` those screened, `rejected` those
    set aside. `findings` counts by status and severity what nothing supersedes.
    """

    entered: int = 0
    patients: int = 0
    rejected: int = 0
    clear: int = 0
    suppressed: int = 0
    notes: int = 0
    one_by_one: int = 0
    again: int = 0
    findings: dict[str, Counter[str]] = field(default_factory=dict)
    tiers: dict[str, Counter[str]] = field(default_factory=dict)
    with_any: Counter[str] = field(default_factory=Counter)
    rejects: Counter[str] = field(default_factory=Counter)
    harmless: Counter[str] = field(default_factory=Counter)
    faults: Counter[str] = field(default_factory=Counter)
    rules: dict[str, list[int]] = field(default_factory=dict)
    unrecognised: Names = field(default_factory=Names)
    uncovered: Counter[str] = field(default_factory=Counter)
    failures: Counter[str] = field(default_factory=Counter)

    def add(self, other: Counts) -> None:
        """Add another part."""
        for name in _NUMBERS:
            setattr(self, name, getattr(self, name) + getattr(other, name))
        for name in _COUNTERS:
            getattr(self, name).update(getattr(other, name))
        for name in _TABLES:
            for key, counted in getattr(other, name).items():
                getattr(self, name).setdefault(key, Counter()).update(counted)
        for rule, numbers in other.rules.items():
            mine = self.rules.setdefault(rule, [0] * len(RULE_COUNTS))
            for index, number in enumerate(numbers):
                mine[index] += number
        self.unrecognised.add(other.unrecognised)

    def of_status(self, status: str) -> int:
        """Findings of a status, in all."""
        return self.findings.get(status, Counter()).total()

    @property
    def failed(self) -> int:
        """Errors that mean the check itself failed."""
        return sum(count for code, count in self.faults.items() if code in CHECK_FAILED)

    @property
    def set_aside(self) -> int:
        """Things set aside of which data of a patient may be lost."""
        return self.rejects.total()

    def plain(self) -> dict[str, Any]:
        """As stored with a part, with keys in order."""
        found: dict[str, Any] = {name: getattr(self, name) for name in _NUMBERS}
        found |= {name: dict(sorted(getattr(self, name).items())) for name in _COUNTERS}
        for name in _TABLES:
            table = getattr(self, name)
            found[name] = {key: dict(sorted(table[key].items())) for key in sorted(table)}
        found["rules"] = dict(sorted(self.rules.items()))
        found["unrecognised"] = self.unrecognised.plain()
        return found

    @staticmethod
    def of(plain: dict[str, Any]) -> Counts:
        """What `plain` wrote."""
        found = Counts(**{name: plain[name] for name in _NUMBERS})
        for name in _COUNTERS:
            setattr(found, name, Counter(plain[name]))
        for name in _TABLES:
            setattr(found, name, {key: Counter(value) for key, value in plain[name].items()})
        found.rules = {rule: list(numbers) for rule, numbers in plain["rules"].items()}
        found.unrecognised = Names.of(plain["unrecognised"])
        return found


_NUMBERS: Final = (
    "entered",
    "patients",
    "rejected",
    "clear",
    "suppressed",
    "notes",
    "one_by_one",
    "again",
)
_COUNTERS: Final = ("with_any", "rejects", "harmless", "faults", "failures", "uncovered")
_TABLES: Final = ("findings", "tiers")
