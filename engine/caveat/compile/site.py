"""What a site's policy and overlay make of a program: tiers, indicators, rules that are off."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Final

from caveat.compile.program import Citation, CompiledRule, Program, Regraded
from caveat.compile.serial import seal
from caveat.findings.report import RecordNote
from caveat.findings.severity import RANK
from caveat.rules.diagnostics import Place, Problems, did_you_mean
from caveat.rules.overlay import Decision, Disabled, LocalSeverity, LocalTier, Overlay
from caveat.rules.policy import INDICATORS, TIERS, Policy
from caveat.rules.source import Source

SOURCE: Final = "site.overlay"
"""The id under which a site's decision stands in the bibliography."""
NOTES: Final = frozenset(("rules-disabled", "severities-local", "site-changes-over"))
"""Codes of notes that speak of the rules and not of the record."""


_LOUD: Final[dict[str, int]] = {tier: rank for rank, tier in enumerate(TIERS)}


@dataclass(frozen=True, slots=True)
class SiteChange:
    """One decision of a site's overlay on one rule.

    `kind` is what it is about: `disabled`, `severity` or `tier`. `written` is what the rule or the
    policy says, `local` what holds here instead. `over` says that its last day has passed: the rule
    is then as written. `place` is the line of the overlay.
    """

    kind: str
    rule: str
    title: str
    severity: str
    written: str
    local: str
    reason: str
    owner: str
    date: str
    until: str | None = None
    over: bool = False
    place: str = ""


@dataclass(frozen=True, slots=True)
class Settled:
    """A program under a site's policy and overlay."""

    program: Program
    rule_tiers: tuple[tuple[str, str], ...]
    changes: tuple[SiteChange, ...]
    sources: tuple[tuple[str, str], ...] = ()


def settle(
    program: Program,
    policy: Policy,
    overlay: tuple[Overlay, Source] | None,
    day: str | None,
    problems: Problems,
    *,
    named: str = "",
) -> Settled:
    """The program as the site runs it; what does not fit is added to `problems`.

    `day` (ISO) says which changes still hold. Without one, no change that ends counts as over.
    `named` is the policy's file, for messages.
    """
    changes: tuple[SiteChange, ...] = ()
    if overlay is not None:
        _check(*overlay, {rule.id: rule for rule in program.rules}, problems)
        changes = tuple(_changes(*overlay, program, policy, day))
    held = {(c.kind, c.rule): c for c in changes if not c.over}
    kept = tuple(
        _regraded(rule, held.get(("severity", rule.id)))
        for rule in program.rules
        if ("disabled", rule.id) not in held
    )
    own = {change.rule for change in policy.rules}
    tiers: dict[str, str] = {}
    for rule in kept:
        local = held.get(("tier", rule.id))
        if local is not None:
            tiers[rule.id] = local.local
        elif rule.id in own or rule.kind in policy.kinds:
            tiers[rule.id] = policy.tier(rule.id, rule.severity, rule.kind)
    every = {rule.id: tiers.get(rule.id) or policy.tier(rule.id, rule.severity) for rule in kept}
    _never_hidden(kept, every, overlay, Place(named), problems)
    if overlay is None:
        return Settled(program, tuple(sorted(tiers.items())), ())
    site = overlay[0]
    cited = ((SOURCE, f"Site overlay {site.id}: {site.title}. {site.owner}"),)
    return Settled(seal(program.version, kept), tuple(sorted(tiers.items())), changes, cited)


def _changes(
    site: Overlay, source: Source, program: Program, policy: Policy, day: str | None
) -> Iterator[SiteChange]:
    rules = {rule.id: rule for rule in program.rules}
    for name, index, item in site.decisions():
        rule = rules.get(item.rule)
        if rule is not None:
            place = source.place((name, index, "rule"))
            tier = policy.tier(rule.id, rule.severity, rule.kind)
            over = day is not None and item.over(day)
            yield _change(item, rule, tier, over, f"{Path(place.file).name}:{place.line}")


def _change(item: Decision, rule: CompiledRule, tier: str, over: bool, place: str) -> SiteChange:
    kind, written, local = "", "", ""
    if isinstance(item, Disabled):
        kind, written, local = "disabled", "judged", "not judged"
    elif isinstance(item, LocalSeverity):
        kind, written, local = "severity", rule.severity, item.severity
    elif isinstance(item, LocalTier):
        kind, written, local = "tier", tier, item.tier
    return SiteChange(
        kind,
        rule.id,
        rule.title,
        rule.severity,
        written,
        local,
        item.reason,
        item.owner,
        item.date,
        item.until,
        over,
        place,
    )


def _regraded(rule: CompiledRule, change: SiteChange | None) -> CompiledRule:
    """The rule with the site's severity; whose it is and why stands in its evidence."""
    if change is None or change.local == rule.severity:
        return rule
    says = f"{change.reason} ({change.owner})"
    section = f"severity {change.local} at this site, {rule.severity} in the rule"
    return replace(
        rule,
        severity=change.local,
        evidence=(*rule.evidence, Citation(SOURCE, section, says, change.date)),
        regraded=Regraded(rule.severity, change.reason, change.owner, change.date),
    )


def _check(site: Overlay, source: Source, rules: dict[str, CompiledRule], problems: Problems) -> None:
    """Every item names an existing rule, and once in its list."""
    seen: dict[tuple[str, str], Place] = {}
    for name, index, item in site.decisions():
        place = source.place((name, index, "rule"))
        if item.rule not in rules:
            problems.add(
                "C020",
                f"unknown rule {item.rule!r}",
                place,
                why="The overlay changes a rule that does not exist.",
                hint=did_you_mean(item.rule, rules) or "Take the item away, or name the rule as it is now.",
                rule=item.rule,
            )
        first = seen.setdefault((name, item.rule), place)
        if first is not place:
            problems.add(
                "C008",
                f"rule {item.rule!r} stands twice under {name}",
                place,
                why=f"The first stands at {first}.",
                hint="Keep one of the two.",
                rule=item.rule,
            )


def _never_hidden(
    rules: Sequence[CompiledRule],
    tiers: Mapping[str, str],
    overlay: tuple[Overlay, Source] | None,
    policy: Place,
    problems: Problems,
) -> None:
    """A problem where what the site chose lets a milder or quieter rule hide a graver or louder one."""
    by_id = {rule.id: rule for rule in rules}
    for rule in rules:
        for name in rule.supersedes:
            other = by_id.get(name)
            if other is None:
                continue
            if RANK[other.severity] < RANK[rule.severity]:
                place = _stands(overlay, "severities", rule.id, name)
                if place is not None:
                    problems.add(
                        "C035",
                        "a milder rule supersedes a graver one",
                        place,
                        why=f"{rule.id} ({rule.severity} here) supersedes {name} ({other.severity} here), "
                        "whose alert would be hidden.",
                        hint="Give both the same severity, or leave both as written.",
                        rule=rule.id,
                    )
            elif _LOUD[tiers[name]] < _LOUD[tiers[rule.id]]:
                place = _stands(overlay, "tiers", rule.id, name)
                problems.add(
                    "C026",
                    "a quieter rule supersedes a louder one",
                    _stands(overlay, "severities", rule.id, name) or policy if place is None else place,
                    why=f"{rule.id} ({tiers[rule.id]} here) supersedes {name} ({tiers[name]} here), "
                    "whose alert would be hidden.",
                    hint="Give both the same tier, or leave both as they are.",
                    rule=rule.id,
                )


def _stands(overlay: tuple[Overlay, Source] | None, name: str, *rules: str) -> Place | None:
    """Where an item of that list stands that changes one of these rules."""
    if overlay is None:
        return None
    for kind, index, item in overlay[0].decisions():
        if kind == name and item.rule in rules:
            return overlay[1].place((name, index, "rule"))
    return None


def notes_of(changes: Sequence[SiteChange]) -> tuple[RecordNote, ...]:
    """What every report says of the site's changes: how many rules are off or graded otherwise, and which."""
    found = []
    for code, kind, over, text in (
        ("rules-disabled", "disabled", False, "disabled by site policy"),
        ("severities-local", "severity", False, "graded by the site, not as written"),
        ("site-changes-over", "", True, "judged as written again: the site's change has ended"),
    ):
        names = sorted({c.rule for c in changes if c.over is over and (over or c.kind == kind)})
        if names:
            counted = f"{len(names)} rule{'s' if len(names) > 1 else ''}"
            shown = ", ".join(names[:5]) + (f" and {len(names) - 5} more" if len(names) > 5 else "")
            found.append(RecordNote(code, f"{counted} {text}: {shown}", "", len(names)))
    return tuple(found)


def indicators_of(policy: Policy) -> list[tuple[str, str]]:
    """The indicator of each severity and of `open`."""
    return [(name, policy.indicator(name)) for name in INDICATORS]


def plain(change: SiteChange) -> list[Any]:
    """The change as JSON data, in the order of its fields."""
    return [getattr(change, name) for name in SiteChange.__slots__]
