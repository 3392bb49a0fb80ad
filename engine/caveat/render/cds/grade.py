"""What a card opens with: the word of the level, its indicator, what a rule of that kind is about."""

from __future__ import annotations

from typing import Any, Final

from caveat.findings.report import Finding
from caveat.render.cds.view import CardView
from caveat.render.markdown import plain
from caveat.render.words import GRADES

KIND_SYSTEM: Final = "urn:caveat:rule-kind"
LONGEST_SUMMARY: Final = 139
INDICATORS: Final = {
    "contraindicated": "critical",
    "major": "warning",
    "moderate": "warning",
    "minor": "info",
    "info": "info",
    "open": "info",
    "failed": "critical",
}
KINDS: Final = {
    "contraindication": "Contraindication",
    "precaution": "Precaution",
    "interaction": "Drug interaction",
    "dosing": "Dosing",
    "duplicate": "Duplicate therapy",
    "allergy": "Allergy or intolerance",
    "monitoring": "Monitoring",
    "adverse-reaction": "Adverse reaction",
    "discontinuation": "Discontinuation",
    "indication": "Indication",
    "cannot-assess": "Could not be assessed",
    "check-failed": "The check failed",
    "overridden": "Overridden alerts",
    "overdue": "Overdue follow-ups",
    "further": "Further alerts",
    "about": "About this check",
}


def indicator(level: str, view: CardView) -> str:
    """`critical`, `warning` or `info`, as the site says and else by default."""
    found = view.indicators.get(level, "")
    return found if found in ("info", "warning", "critical") else INDICATORS[level]


def word(level: str) -> str:
    """The first words of the level: "Contraindicated", "Serious", "Caution", "Note", "Cannot assess"."""
    return GRADES[level].word.partition(":")[0]


def source(kind: str, view: CardView) -> dict[str, Any]:
    """Where the card comes from, and what kind of rule it is about."""
    found: dict[str, Any] = {"label": plain(view.label) or "caveat"}
    if view.url:
        found["url"] = view.url
    if view.icon:
        found["icon"] = view.icon
    found["topic"] = {"system": KIND_SYSTEM, "code": kind, "display": KINDS.get(kind, kind)}
    return found


def summary_of(finding: Finding, level: str = "") -> str:
    """Word of the level, then the medicines and what is the matter with them."""
    about = finding.rule.title if level else finding.summary
    drugs = ", ".join(finding.named)
    if drugs and not any(name.casefold() in about.casefold() for name in finding.named):
        about = f"{drugs}: {about}"
    return shortened(f"{word(level or finding.severity)}: {about}")


def shortened(text: str) -> str:
    """The text for a summary: at most 139 characters, counted as clients count them (UTF-16)."""
    text = plain(text, 400)
    if _units(text) <= LONGEST_SUMMARY:
        return text
    while _units(text) >= LONGEST_SUMMARY:
        text = text[:-1]
    return text.rstrip() + "…"


def _units(text: str) -> int:
    return len(text) if text.isascii() else len(text.encode("utf-16-le")) // 2
