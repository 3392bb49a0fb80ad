"""Which overrides still apply to what a report found, and what changed for those that do not."""

from __future__ import annotations

import datetime as dt
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Final

from caveat.findings.report import Finding, Report
from caveat.findings.severity import Status
from caveat.service.question import Override

Fact = tuple[str, str, str | None, str | None]
"""Fact, value, date and source."""

ORDER: Final = "order:as-taken"
"""The name under which dose, daily dose and route of each order of a finding are kept beside its facts."""
HARD_STOP: Final = "hard-stop"
"""The tier of alerts that the site lets nobody override."""
_AS_TAKEN: Final = tuple(
    f"{{{who}.ingredient}} {{{who}.dose}}, {{{who}.daily_dose}}, {{{who}.route}}"
    for who in ("order", "other")
)
_MOST: Final = 3
_WORDS: Final = {"since_start": "start", "treatment_time": "start", ORDER: "order", "age": "birth date"}


@dataclass(frozen=True, slots=True)
class Matched:
    """By finding id: overrides that apply; those that lapsed, with what changed; and those on record
    for a contraindication or a hard stop, which never take an alert away."""

    active: Mapping[str, Override] = field(default_factory=dict)
    lapsed: Mapping[str, tuple[Override, str]] = field(default_factory=dict)
    noted: Mapping[str, Override] = field(default_factory=dict)


def deciding(finding: Finding, taken: dict[str, str] | None = None) -> tuple[Fact, ...]:
    """What an override of the finding depends on: its deciding facts, and how each order is taken.

    `taken` remembers how by order id, for all findings of one report.
    """
    facts: list[Fact] = [(b.fact, b.value, b.at, b.source) for b in finding.because]
    if finding.fill is not None:
        known = {} if taken is None else taken
        for template, order in zip(_AS_TAKEN, finding.orders, strict=False):
            if order not in known:
                known[order] = finding.fill(template)
            facts.append((ORDER, known[order], None, None))
    return tuple(facts)


def binding(kind: str, severity: str) -> bool:
    """Whether a finding is a contraindication: an override of it is recorded and never suppresses it."""
    return kind == "contraindication" or severity == "contraindicated"


def match(report: Report, overrides: Sequence[Override]) -> Matched:
    """What each override means for this report.

    An override applies to one alert of its rule for the same ingredients, of the same kind and
    severity, when the deciding facts are those of that time: fact, value and date, each as often.
    What a record may rename on the way from draft to signed order is not compared: ids and sources
    of entries, `proposed` against `active`, and no start against a start after the override. What
    cannot be assessed now is never overridden by what was known then.
    """
    if not overrides:
        return Matched()
    taken: dict[str, str] = {}
    waiting = sorted(overrides, key=lambda o: (o.created, o.id), reverse=True)
    open_: dict[str, Finding] = {}
    active: dict[str, Override] = {}
    noted: dict[str, Override] = {}
    for finding in _judged(report, taken):
        found = next((o for o in waiting if not _changes(o, finding, taken)), None)
        if found is None:
            open_[finding.id] = finding
            continue
        waiting.remove(found)
        kept = finding.tier == HARD_STOP or binding(finding.rule.kind, finding.severity)
        (noted if kept else active)[finding.id] = found
    lapsed: dict[str, tuple[Override, str]] = {}
    for name, finding in open_.items():
        near = [(o, _changes(o, finding, taken)) for o in waiting if _same_subject(o, finding)]
        if near:
            override, changes = min(near, key=lambda pair: len(pair[1]))
            waiting.remove(override)
            lapsed[name] = (override, _joined(changes))
    return Matched(active, lapsed, noted)


def _judged(report: Report, taken: dict[str, str]) -> list[Finding]:
    """Alerts and what could not be assessed, in an order that ids of entries do not change."""
    found = [f for f in report.findings if f.status in _SEEN and f.suppressed_by is None]
    return sorted(
        found,
        key=lambda f: (f.rule.id, sorted(f.drugs), sorted(map(str, _counted(deciding(f, taken)).items()))),
    )


_SEEN: Final = (Status.FIRES, Status.CANNOT_ASSESS, Status.ERROR)


def _same_subject(override: Override, finding: Finding) -> bool:
    """One on the patient is of the patient, whatever medicines it names: its facts tell of these."""
    if override.rule != finding.rule.id:
        return False
    return not finding.orders or sorted(override.drugs) == sorted(finding.drugs)


def _changes(override: Override, finding: Finding, taken: dict[str, str]) -> list[str]:
    """What differs since the override, in words; empty when it applies."""
    if not _same_subject(override, finding):
        return ["it is about something else"]
    if finding.status is not Status.FIRES:
        lacking = ", ".join(dict.fromkeys(_label(m.fact) for m in finding.missing))
        return [f"this can no longer be assessed{f' without {lacking}' if lacking else ''}"]
    changes = []
    if override.kind != finding.rule.kind:
        changes.append(f"the rule was of the kind {override.kind}, now {finding.rule.kind}")
    if override.severity != finding.severity:
        changes.append(f"the severity was {override.severity}, now {finding.severity}")
    return changes + _facts_changed(override, deciding(finding, taken))


def _facts_changed(override: Override, now: tuple[Fact, ...]) -> list[str]:
    before = override.facts
    if not any(fact[0] == ORDER for fact in before):
        # kept by a caller that keeps the deciding facts alone
        now = tuple(fact for fact in now if fact[0] != ORDER)
    then, today = _counted(before), _counted(now)
    gone, come = then - today, today - then
    _same_start(gone, come, override.created)
    changes = []
    for fact in sorted({name for name, _, _ in (*gone, *come)}):
        old = sorted(((v, a) for (n, v, a), k in gone.items() if n == fact for _ in range(k)), key=str)
        new = sorted(((v, a) for (n, v, a), k in come.items() if n == fact for _ in range(k)), key=str)
        for index in range(max(len(old), len(new))):
            changes.append(
                _told(
                    _label(fact),
                    old[index] if index < len(old) else None,
                    new[index] if index < len(new) else None,
                )
            )
    return changes


def _counted(facts: Sequence[Fact]) -> Counter[tuple[str, str, str | None]]:
    """How often each fact, value and date is there; a proposed order counts as the active one it becomes."""
    return Counter(
        (fact, "active" if (fact, value) == ("status", "proposed") else value, at)
        for fact, value, at, _ in facts
    )


def _same_start(
    gone: Counter[tuple[str, str, str | None]], come: Counter[tuple[str, str, str | None]], created: str
) -> None:
    """Takes out of both what was proposed then and started since."""
    for fact in ("since_start", "treatment_time"):
        proposed = (fact, "proposed", None)
        for started in [item for item in come if item[0] == fact]:
            _, value, at = started
            if gone[proposed] and value.startswith("start ") and at is not None and at[:10] >= _eve(created):
                gone.subtract([proposed])
                come.subtract([started])
    for counter in (gone, come):
        for item in [item for item, count in counter.items() if count <= 0]:
            del counter[item]


def _eve(instant: str) -> str:
    """The day before: dates of a site may be a day behind UTC."""
    try:
        return (dt.date.fromisoformat(instant[:10]) - dt.timedelta(days=1)).isoformat()
    except (ValueError, OverflowError):
        return "9999-12-31"


def _label(fact: str) -> str:
    return _WORDS.get(fact) or fact.removeprefix("condition:").replace("_", " ").replace("-", " ")


def _told(label: str, old: tuple[str, str | None] | None, new: tuple[str, str | None] | None) -> str:
    if old is None and new is not None:
        return f"{label} is new: {_dated(new)}"
    if new is None and old is not None:
        return f"{label} no longer counts: it was {_dated(old)}"
    assert old is not None
    assert new is not None
    return f"{label} was {_dated(old)}, now {_dated(new)}"


def _dated(value: tuple[str, str | None]) -> str:
    text, at = value
    return f"{text} on {at}" if at and at not in text else text


def _joined(changes: list[str]) -> str:
    rest = len(changes) - _MOST
    more = f"; and {rest} more" if rest > 0 else ""
    return "; ".join(changes[:_MOST]) + more
