"""The cards about more than one finding: what could not be assessed, was overridden, or was folded.

Together they see to it that no card is missing for anything: what has no card of its own is
counted and named here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final

from caveat.findings.report import Finding, RecordError, Report, Unrecognised
from caveat.render.alert import product_words
from caveat.render.banner import banner, reasons
from caveat.render.cds.detail import LONG, decide, left_open, level, override_words
from caveat.render.cds.failures import FAILURES, failures
from caveat.render.cds.grade import indicator, shortened, source, word
from caveat.render.cds.ids import card_id
from caveat.render.cds.view import CardView
from caveat.render.markdown import blocks, escape, section
from caveat.render.products import products_of
from caveat.render.words import SHORT, counted, joined, missing_briefly

FAILED: Final = "Interaction check failed, review manually"
SILENT: Final = "silent-log"
MOST_RULES: Final = 10
MOST_NAMES: Final = 8
MOST_GROUPS: Final = 12
MOST_DRUGS: Final = 40


@dataclass(frozen=True, slots=True)
class Split:
    """The findings of a report by where they are shown.

    `own` are alerts with a card each, `overridden` those that share one, `opened` what could not be
    assessed and is shown, `silent` alerts and `silent_open` what could not be assessed that the site
    keeps quiet, `covered` alerts superseded by one that has no card of its own.
    """

    own: tuple[Finding, ...] = ()
    overridden: tuple[Finding, ...] = ()
    opened: tuple[Finding, ...] = ()
    silent: tuple[Finding, ...] = ()
    silent_open: tuple[Finding, ...] = ()
    covered: tuple[Finding, ...] = ()


def about_card(
    report: Report, split: Split, opened: Sequence[Finding], view: CardView
) -> dict[str, Any] | None:
    """What could not be assessed, recognised or done, and what has no card; None when there is none of that.

    `opened` are the findings to show here: none of them when each has a card of its own.
    """
    failed = [error.message for error in failures(report)]
    faults = [e for e in report.errors if e.code not in FAILURES]
    aside = list(_aside(report, split, view))
    own_cards = bool(split.opened) and not opened
    needed = failed or faults or report.unrecognised or opened or aside
    if not needed:
        return None
    why = reasons(report)
    body = [
        *section(FAILED, [escape(text, LONG) for text in failed]),
        *_unrecognised(report.unrecognised),
        *section("Faults in the record", [_fault(e) for e in faults]),
        *_groups(opened),
        *aside,
        escape(banner(report, why=why), LONG),
    ]
    count = len(split.opened) + len(split.silent_open) + len(report.unrecognised) + len(report.errors)
    kind = "check-failed" if failed else "cannot-assess" if count else "about"
    level_name = {"check-failed": "failed", "cannot-assess": "open"}.get(kind, "info")
    opening = [level("open")] if kind == "cannot-assess" else []
    return {
        "uuid": card_id(view.base, "about"),
        "summary": _summary(report, split, why, bool(failed), 0 if own_cards else count, view),
        "indicator": indicator(level_name, view),
        "detail": blocks([*opening, *body]),
        "source": source(kind, view),
    }


def _summary(report: Report, split: Split, why: list[str], failed: bool, count: int, view: CardView) -> str:
    if failed:
        rest = [text for text in why if text != FAILED.lower()]
        return shortened(f"{FAILED} ({joined(rest, 2)})" if rest else FAILED)
    if count:
        return shortened(f"{word('open')}: {counted(count, 'question')} open ({joined(why, 3)})")
    if report.unrecognised or report.errors:
        told = [text for text in why if "recognised" in text or "fault" in text]
        return shortened(f"{word('open')}: {joined(told, 3)}")
    if names := view.uncovered or report.uncovered:
        return shortened(f"Not covered by any rule: {', '.join(names)}")
    parts = []
    if split.silent or split.silent_open:
        parts.append(f"{counted(len(split.silent) + len(split.silent_open), 'finding')} kept quiet")
    if view.hidden:
        parts.append(f"{counted(view.hidden, 'alert')} shown before")
    if split.covered:
        parts.append(f"{counted(len(split.covered), 'alert')} covered by another")
    if not view.considered:
        parts.append("earlier overrides were not considered")
    return shortened(f"{word('info')}: {', '.join(parts)}")


def _unrecognised(found: Iterable[Unrecognised]) -> list[str]:
    """Every name but those of conditions past the eighth, with close names, none of which was taken."""
    every = list(found)
    named = [u for u in every if u.kind != "condition"]
    conditions = [u for u in every if u.kind == "condition"]
    items = [_name(u) for u in named + conditions[:MOST_NAMES]]
    if len(conditions) > MOST_NAMES:
        items.append(counted(len(conditions) - MOST_NAMES, "more condition"))
    return section("Not recognised, so not judged", items)


def _name(found: Unrecognised) -> str:
    text = f"{escape(found.kind)} “{escape(found.text)}”"
    if found.partly:
        text += f", judged as {escape(' + '.join(found.partly))} only"
    if found.candidates:
        close = " or ".join(escape(name, 60) for name in found.candidates[:3])
        text += f". Did you mean {close}? Not taken"
    return text


def _fault(error: RecordError) -> str:
    text = escape(error.message, 400)
    text += f" at {escape(error.path)}" if error.path else ""
    return text + (f" (found {escape(error.value, 80)})" if error.value else "")


def _groups(findings: Iterable[Finding]) -> list[str]:
    """What is left open, the rules that lack the same for the same orders together."""
    groups: dict[tuple[tuple[str, ...], ...], list[Finding]] = {}
    for finding in findings:
        groups.setdefault((_lacks(finding), finding.orders, finding.allergies), []).append(finding)
    found = []
    for (known, _, _), members in list(groups.items())[:MOST_GROUPS]:
        missing = tuple(m for finding in members for m in finding.missing)
        names = ", ".join(product_words(p) for p in products_of(members)) or ", ".join(members[0].named)
        lacks = "; ".join(known) or "not known"
        head = f"**Missing** for {escape(names, LONG)}: " if names else "**Missing:** "
        items = [f"Left open: {left_open(members, MOST_RULES)}"]
        if decisive := decide(missing):
            items.append(f"Would decide it: {escape(', '.join(decisive), LONG)}")
        found.append("\n".join((head + escape(lacks, LONG), "", *(f"- {item}" for item in items))))
    rest = list(groups.items())[MOST_GROUPS:]
    if rest:
        count = counted(sum(len(members) for _, members in rest), "more rule")
        every = list(dict.fromkeys(text for (known, _, _), _ in rest for text in known))
        found.append(f"{count} left open, missing: {escape(joined(every, MOST_GROUPS), LONG)}")
    return found


def _lacks(finding: Finding) -> tuple[str, ...]:
    return tuple(dict.fromkeys(missing_briefly(m) for m in finding.missing))


def _aside(report: Report, split: Split, view: CardView) -> Iterator[str]:
    """What has no card: kept quiet, shown before, not covered, overrides that could not be looked up."""
    if names := joined(list(view.uncovered or report.uncovered), MOST_DRUGS):
        yield from section("Not covered", [f"no rule of this ruleset is about {escape(names, LONG)}"])
    if split.silent:
        told = _titles(split.silent)
        yield from section(f"{counted(len(split.silent), 'alert')} kept quiet by this site's policy", [told])
    if split.silent_open:
        told = (
            f"{counted(len(split.silent_open), 'rule')} could not be assessed: {_titles(split.silent_open)}"
        )
        yield from section("Kept quiet by this site's policy", [told])
    if split.covered:
        told = f"{counted(len(split.covered), 'alert')} covered by another: {_titles(split.covered)}"
        yield from section("Without a card", [told])
    if view.hidden:
        told = f"{counted(view.hidden, 'alert')} left out because shown before"
        yield from section("Not repeated", [told])
    if not view.considered and report.alerts:
        yield from section(
            "Overrides", ["Earlier overrides could not be looked up; none of them was considered."]
        )


def _titles(findings: Sequence[Finding]) -> str:
    shown = [f"{escape(f.rule.title)} ({SHORT[f.severity]})" for f in findings[:MOST_RULES]]
    if len(findings) > MOST_RULES:
        shown.append(f"{len(findings) - MOST_RULES} more")
    return "; ".join(shown)


def overridden_card(findings: Sequence[Finding], view: CardView) -> dict[str, Any]:
    """The alerts that a clinician has overridden: each with its rule, and by whom, when and until when."""
    items = []
    for finding in findings:
        told = override_words(finding, view.overridden[finding.id])
        items.append(
            f"{SHORT[finding.severity]}: {escape(finding.summary)} ({escape(finding.rule.id)}): {told}"
        )
    names = list(dict.fromkeys(name for finding in findings for name in finding.named))
    return {
        "uuid": card_id(view.base, "overridden"),
        "summary": shortened(
            f"{counted(len(findings), 'alert')} overridden: {', '.join(names)}".rstrip(": ")
        ),
        "indicator": "info",
        "detail": blocks([*section("Overridden, and shown again when a deciding fact changes", items)]),
        "source": source("overridden", view),
    }


def overdue_card(view: CardView) -> dict[str, Any]:
    """What was promised when an alert was overridden, and has not been done by its day."""
    count = counted(len(view.notices), "follow-up")
    return {
        "uuid": card_id(view.base, "overdue"),
        "summary": shortened(f"Overdue: {count} promised when an alert was overridden"),
        "indicator": "warning",
        "detail": blocks(
            [*section("Promised, and not seen to be done", [escape(n, LONG) for n in view.notices])]
        ),
        "source": source("overdue", view),
    }


def folded_card(cards: Sequence[dict[str, Any]], view: CardView) -> dict[str, Any]:
    """Cards past the most that are shown, in one: each with its summary, what is about more in full."""
    order = ("critical", "warning", "info")
    gravest = min((card["indicator"] for card in cards), key=order.index)
    parts = [f"- {escape(card['summary'])}" for card in cards]
    whole = [
        card["detail"]
        for card in cards
        if card["source"]["topic"]["code"] in ("cannot-assess", "check-failed", "about", "overridden")
    ]
    return {
        "uuid": card_id(view.base, "further"),
        "summary": shortened(f"{counted(len(cards), 'further finding')}: {cards[0]['summary']}"),
        "indicator": gravest,
        "detail": blocks(["\n".join(parts), *whole]),
        "source": source("further", view),
    }
