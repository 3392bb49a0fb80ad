"""The detail of a card as Markdown: level, medicines, harm, what to do, why, what changes it, source."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from caveat.findings.basis import Missing
from caveat.findings.reasons import NOT_TAKING, REASONS, Reason, reason_of, reasons_for
from caveat.findings.report import Finding, Report
from caveat.render.alert import MOST, MOST_FACTS, citation, deciders, product_words, would_change
from caveat.render.cds.grade import KINDS, word
from caveat.render.cds.view import CardView, Overridden
from caveat.render.markdown import blocks, escape, section, two
from caveat.render.products import products
from caveat.render.view import View
from caveat.render.words import GRADES, SHORT, basis_words, counted, fact_words, missing_words

LONG = 2000
"""Characters of one text of a rule that are shown."""
MOST_BASIS = 10
"""Deciding facts that are shown: a derived number brings its inputs, behind which the dose must not fall."""
HARD_STOP = "hard-stop"
UNIMPORTANT = ("minor", "info")


def alert_detail(finding: Finding, report: Report, view: CardView) -> str:
    """An alert in full, in the order in which people need it."""
    action = [_text(finding, "action", view)]
    if monitoring := _text(finding, "monitoring", view):
        action.append(f"Monitor: {monitoring}")
    return blocks(
        [
            level(finding.severity),
            *section("Medicines", medicines(finding)),
            *section("What can happen", [_text(finding, "consequence", view)]),
            *section("Do this", action),
            *section("Because", facts(finding)),
            *section("What would change it", changes(finding, view)),
            *section("Mechanism, frequency, evidence", knowledge(finding.rule, view)),
            *section("Source", citations(finding, view)),
            *section("Override", overriding(finding, view)),
            identity(finding, report, view),
        ]
    )


def open_detail(finding: Finding, report: Report, view: CardView) -> str:
    """What could not be assessed: what is missing, what would decide it, what follows if it holds."""
    missing = [escape(missing_words(m), LONG) for m in finding.missing]
    return blocks(
        [
            level("open"),
            escape(finding.rule.title, LONG),
            *section("Medicines", medicines(finding)),
            *section("Missing", two(missing, MOST_FACTS)),
            *section("Would decide it", [escape(", ".join(decide(finding.missing)), LONG)]),
            *section("Known", facts(finding)),
            *section(f"If it holds ({SHORT[finding.severity]})", [_text(finding, "action", view)]),
            *section("Source", citations(finding, view)),
            identity(finding, report, view),
        ]
    )


def level(name: str) -> str:
    """Shape and words of a level."""
    grade = GRADES[name]
    return f"**{grade.shape} {grade.word}**"


def _text(finding: Finding, name: str, view: CardView) -> str:
    template: str | None = getattr(finding.rule.texts, name)
    if not template:
        return ""
    if "{" in template:
        return escape(finding.text(name) or "", LONG)
    return view.of_rule(name, finding.rule, lambda: escape(template, LONG))


def medicines(finding: Finding) -> list[str]:
    """The ingredients with the product each came from; without products, the ingredients."""
    shown = [escape(product_words(p), 400) for p in products(finding)]
    return two([text for text in shown if text] or [escape(name) for name in finding.named], MOST_FACTS)


def facts(finding: Finding) -> list[str]:
    """The deciding facts with value, unit, date and source, in at most two bullets."""
    return two([escape(basis_words(b), 600) for b in finding.because], MOST_BASIS)


def changes(finding: Finding, view: CardView) -> list[str]:
    """Exceptions that could not be checked, and corrections of the record that would decide anew."""
    found = two([escape(text, LONG) for text in would_change(finding)], MOST_FACTS)
    wrong = [r.display for r in corrections(finding) if r.code != NOT_TAKING.code or _is_taken(finding, view)]
    if wrong:
        found = ["; ".join(found)] if len(found) > 1 else found
        told = escape("; ".join(text[:1].lower() + text[1:] for text in wrong), LONG)
        found.append(f"A correction of the record, which is judged again at once: {told}")
    return found


def _is_taken(finding: Finding, view: CardView) -> bool:
    """Whether a medicine may be taken no longer: not where all are drafts, or where there is no other."""
    if finding.rule.kind in ("interaction", "duplicate") and len(finding.orders) == 1:
        return False
    return not finding.orders or any(name not in view.drafts for name in finding.orders)


def corrections(finding: Finding) -> tuple[Reason, ...]:
    """What may be wrong or out of date in the record, of that which this finding rests on."""
    known: tuple[Reason, ...] | None = finding.__dict__.get("_corrections")
    if known is not None:
        return known
    found: tuple[Reason, ...] = ()
    if finding.rule.kind in REASONS:
        names = {b.fact for b in finding.because} | {m.fact for m in finding.missing}
        found = tuple(r for r in reasons_for(finding.rule.kind, names) if r.category == "correction")
    finding.__dict__["_corrections"] = found
    return found


def knowledge(rule: Any, view: CardView) -> list[str]:
    """Mechanism, frequencies and evidence; of an interaction also that something is not known."""
    return view.of_rule("knowledge", rule, lambda: _knowledge(rule))


def _knowledge(rule: Any) -> list[str]:
    told = dict(rule.interaction)
    names = ("mechanism", "frequency_of_harm", "frequency_of_exposure")
    how = [f"{fact_words(n).capitalize()}: {escape(told[n].rstrip('.'), LONG)}" for n in names if told.get(n)]
    levels = list(dict.fromkeys(e.level for e in rule.evidence if e.level))
    onset, confidence = getattr(rule, "onset", None), getattr(rule, "confidence", "unknown")
    rest = [f"Evidence: {escape(', '.join(levels) or 'level unknown')}"] if levels or told else []
    rest += [f"confidence {escape(confidence)}"] if told or confidence != "unknown" else []
    rest += [f"onset {escape(onset or 'unknown')}"] if told or onset else []
    text = "; ".join(rest)
    return [part for part in ("; ".join(how), text[:1].upper() + text[1:]) if part]


def citations(finding: Finding, view: CardView) -> list[str]:
    """Reference, section and the date it was checked; at most two."""
    return view.of_rule("citations", finding.rule, lambda: _citations(finding.rule, view))


def _citations(rule: Any, view: CardView) -> list[str]:
    sources = View(dict(view.sources))
    shown = [escape(citation(e, sources), LONG) for e in rule.evidence]
    if len(shown) > MOST:
        shown = [shown[0], f"{shown[1]} (and {len(shown) - MOST} more)"]
    return shown


def overriding(finding: Finding, view: CardView) -> list[str]:
    """What of an earlier override is to be known, and that a hard stop is shown again whatever is said."""
    found = []
    if (now := view.overridden.get(finding.id)) is not None:
        found.append(f"Overridden before, shown all the same: {override_words(finding, now)}")
    if (before := view.lapsed.get(finding.id)) is not None:
        found.append(
            f"An earlier override no longer holds, because {escape(before[1], 400) or 'the facts changed'}: "
            f"{override_words(finding, before[0])}"
        )
    if finding.tier == HARD_STOP:
        found.append(
            "A hard stop by this site's policy: change the order. "
            "A reason to go on is recorded and hides nothing."
        )
    return two(found, len(found))


def override_words(finding: Finding, override: Overridden) -> str:
    """Reason, by whom, when and until when."""
    reason = reason_of(finding.rule.kind, override.reason)
    parts = [escape(reason.display if reason is not None else override.reason)]
    parts += [f"“{escape(override.comment, 300)}”"] if override.comment else []
    parts += [f"by {escape(override.by, 80)}"] if override.by else []
    parts += [f"on {escape(override.created[:10])}"]
    parts += [f"until {escape(override.expires[:10])}" if override.expires else "without an end date"]
    return ", ".join(part for part in parts if part)


def identity(finding: Finding, report: Report, view: CardView) -> str:
    """Which rule of which ruleset, and whether it was reviewed."""
    told = view.of_rule("identity", finding.rule, lambda: _identity(finding.rule))
    return f"{told} · ruleset {escape(report.version)} {escape(report.digest[:19])}"


def _identity(rule: Any) -> str:
    parts = [f"Rule {escape(rule.id)}", KINDS.get(rule.kind, escape(rule.kind)).lower()]
    if rule.status != "active":
        parts.append(f"{escape(rule.status)} rule" + (", not reviewed" if rule.status == "draft" else ""))
    if (own := getattr(rule, "regraded", None)) is not None:
        parts.append(
            f"graded {escape(SHORT[rule.severity])} by this site instead of {escape(SHORT[own.severity])} "
            f"({escape(own.reason, 400)}; {escape(own.owner)}, {escape(own.date)})"
        )
    return " · ".join(part for part in parts if part)


def decide(missing: Iterable[Missing]) -> list[str]:
    """The facts to record, in words: inputs where there are others than the fact itself, else the fact."""
    found = tuple(missing)
    return deciders(found) or list(dict.fromkeys(fact_words(m.fact) for m in found))


def left_open(findings: list[Finding], most: int) -> str:
    """The titles of rules that were left open, each with how grave it is."""
    shown = [f"{escape(f.rule.title)} ({word(f.severity).lower()})" for f in findings[:most]]
    if len(findings) > most:
        shown.append(counted(len(findings) - most, "more rule"))
    return "; ".join(shown)
