"""Rule texts to a program; every problem at once."""

from __future__ import annotations

import re
from dataclasses import replace
from pathlib import Path
from typing import Any

from caveat.compile.expressions import Reader
from caveat.compile.program import Citation, CompiledRule, Exclusion, Program, SubjectKind, Texts
from caveat.compile.proposals import suggestions
from caveat.compile.serial import seal
from caveat.rules.expression import Scope
from caveat.rules.folder import RULES, PlacedRule, RuleTexts
from caveat.rules.model import AppliesTo
from caveat.terminology.concepts import Terminology

_SUBJECTS: tuple[SubjectKind, ...] = ("order", "pair", "stopped", "allergy", "patient")


def compile_texts(texts: RuleTexts, terminology: Terminology, version: str) -> Program:
    """The program of every rule that could be compiled; problems are added to `texts.problems`."""
    rules = [compile_rule(placed, terminology, texts) for placed in texts.rules]
    known = {rule.id for rule in rules if rule is not None}
    for placed in texts.rules:
        for index, name in enumerate(placed.rule.supersedes):
            if name not in known and not _stands_beside(name, texts.root):
                texts.problems.add(
                    "C020",
                    f"unknown rule {name!r}",
                    placed.place("supersedes", index),
                    why="supersedes names a rule that does not exist, here or in a folder beside this one.",
                    rule=placed.rule.id,
                )
    active = tuple(rule for rule in rules if rule is not None and rule.status != "retired")
    return seal(version, active)


def _stands_beside(name: str, root: Path) -> bool:
    """Whether a folder beside the one that is read has a rule of that id, which is then not loaded."""
    base = root if root.is_dir() else root.parent
    wanted = re.compile(rf"^- id: {re.escape(name)}\s*$", re.MULTILINE)
    files = base.resolve().parent.glob(f"*/*{RULES}")
    return any(wanted.search(file.read_text(encoding="utf-8", errors="replace")) for file in sorted(files))


def compile_rule(placed: PlacedRule, terminology: Terminology, texts: RuleTexts) -> CompiledRule | None:
    """One rule, or None when its subject cannot be read."""
    rule = placed.rule
    kind = _subject(rule.applies_to)
    if kind is None:
        texts.problems.add(
            "C016",
            "applies_to needs exactly one subject",
            placed.place("applies_to"),
            hint="Write one of order, pair, stopped, allergy, patient.",
            rule=rule.id,
        )
        return None
    reader = Reader(placed.source, terminology, texts.problems, rule.id, kind)
    first, second = _scopes(rule.applies_to, kind, reader, (*placed.path, "applies_to"))
    chosen, pair = _of_any(rule.applies_to), rule.applies_to.pair
    reader = replace(reader, scopes=(first, second))
    when = reader.expression(rule.when, (*placed.path, "when"))
    unless = tuple(
        Exclusion(item.id, item.because, reader.expression(item, (*placed.path, "unless", index)))
        for index, item in enumerate(rule.unless)
    )
    return CompiledRule(
        id=rule.id,
        kind=rule.kind,
        severity=rule.severity,
        status=rule.status,
        title=rule.title,
        covers=rule.covers,
        subject=kind,
        first=first,
        second=second,
        when=when,
        unless=unless,
        supersedes=rule.supersedes,
        texts=Texts(**rule.alert.model_dump()),
        evidence=tuple(Citation(e.source, e.section, e.says, e.checked, e.level) for e in rule.evidence),
        interaction=tuple((rule.interaction.model_dump() if rule.interaction else {}).items()),
        onset=rule.onset,
        confidence=rule.confidence,
        place=_place(placed, texts),
        limits=tuple(reader.limits),
        suggestions=suggestions(rule.suggest, kind, reader, placed.path),
        left_out=tuple(sorted(set(chosen.except_ or ()))) if chosen is not None else (),
        share=(pair.share or "") if pair is not None else "",
    )


def _of_any(applies: AppliesTo) -> Scope | None:
    """The scope that takes every order, if there is one."""
    side = applies.allergy or applies.pair
    return side.order if side is not None and side.order.any else None


def _place(placed: PlacedRule, texts: RuleTexts) -> str:
    """Where the rule stands, below the folder that was named: the same whatever that folder is called."""
    base = texts.root if texts.root.is_dir() else texts.root.parent
    file = placed.file.relative_to(base) if placed.file.is_relative_to(base) else placed.file
    at = placed.place("id")
    return f"{file.as_posix()}:{at.line}:{at.column}"


def _subject(applies: AppliesTo) -> SubjectKind | None:
    given = [name for name in _SUBJECTS if getattr(applies, name) is not None]
    return given[0] if len(given) == 1 else None


def _scopes(
    applies: AppliesTo, kind: SubjectKind, reader: Reader, path: Any
) -> tuple[tuple[str, ...], tuple[str, ...]]:
    if applies.order is not None:
        return reader.scope(applies.order, (*path, kind)), ()
    if applies.stopped is not None:
        return reader.scope(applies.stopped, (*path, kind)), ()
    if applies.pair is not None:
        pair = applies.pair
        if (pair.with_ is None) != (pair.share == "ingredient"):
            reader.problem(
                "C022",
                "key does not fit",
                (*path, kind),
                "A pair has a second side in `with`, or shares an ingredient of its first; never both.",
                "Write with: for two sides, or share: ingredient for two orders of one ingredient.",
            )
        first = reader.scope(pair.order, (*path, kind, "order"), any_order=pair.share == "ingredient")
        return first, first if pair.with_ is None else reader.scope(pair.with_, (*path, kind, "with"))
    if applies.allergy is not None:
        first = reader.scope(applies.allergy.order, (*path, kind, "order"), any_order=True)
        to = applies.allergy.to
        if isinstance(to, Scope):
            return first, reader.scope(to, (*path, kind, "to"))
        return first, ()
    assert applies.patient is not None
    taking = applies.patient.taking
    return (reader.scope(taking, (*path, kind, "taking")) if taking else ()), ()
