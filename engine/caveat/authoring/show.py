"""Finds what `show` is asked for: a rule, or a substance with its monograph, ledger and rules."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from caveat.compile.program import CompiledRule
from caveat.compile.ruleset import Ruleset
from caveat.errors import CaveatError, RulesetError
from caveat.rules.diagnostics import Problems, did_you_mean
from caveat.rules.model import LedgerFile
from caveat.rules.monograph import Monograph
from caveat.rules.parse import parse
from caveat.rules.source import read_source


@dataclass(frozen=True, slots=True)
class Subject:
    """One folder of a ruleset; what it does not have is None."""

    name: str
    rules: tuple[CompiledRule, ...]
    monograph: Monograph | None
    ledger: LedgerFile | None


def find(name: str, rules: Ruleset) -> CompiledRule | Subject:
    """The rule of that id, or the substance or topic of that name.

    Raises CaveatError, with close names, when there is neither, and RulesetError for a monograph or
    ledger that cannot be read.
    """
    for rule in rules.program.rules:
        if rule.id == name:
            return rule
    names = topics(rules)
    if name.lower() in names:
        return _subject(name.lower(), rules)
    near = [rule.id for rule in rules.program.rules if name in rule.id]
    hint = did_you_mean(name, (*names, *(rule.id for rule in rules.program.rules)), many=3)
    if near and not hint:
        hint = f"Did you mean {' or '.join(near[:3])}?"
    raise CaveatError(f"there is no rule or ruleset {name!r}. {hint or 'There are: ' + ', '.join(names)}")


def topics(rules: Ruleset) -> tuple[str, ...]:
    """The first part of the rules' ids: the substances and topics there are rules for."""
    return tuple(sorted({rule.id.partition(".")[0] for rule in rules.program.rules}))


def _subject(name: str, rules: Ruleset) -> Subject:
    problems = Problems()
    base = rules.root if rules.root.is_dir() else rules.root.parent
    monograph = ledger = None
    for file in _beside(base, name, "monograph.yaml"):
        source = read_source(file, problems)
        found = parse(Monograph, source, problems) if source is not None else None
        if found is not None and name in (found.ingredient, file.parent.name):
            monograph = found
    for file in _beside(base, name, "ledger.yaml"):
        source = read_source(file, problems)
        ledger = parse(LedgerFile, source, problems) if source is not None else ledger
    if problems.errors:
        raise RulesetError(problems.errors)
    own = tuple(rule for rule in rules.program.rules if rule.id.startswith(f"{name}."))
    return Subject(name, own, monograph, ledger)


def _beside(base: Path, name: str, file: str) -> list[Path]:
    """The file in the folder of that name, else in the folder that was loaded."""
    found = sorted(p for p in base.rglob(file) if p.parent.name == name)
    return found or sorted(base.glob(file))
