"""Every rule text below a folder, read with positions."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path as FilePath

from caveat.rules.diagnostics import Path, Place, Problems
from caveat.rules.model import BibliographicSource, LedgerFile, Rule, RuleFile, SourcesFile
from caveat.rules.parse import parse
from caveat.rules.source import Source, read_source

RULES = ".rules.yaml"
CASES = ".cases.yaml"
OPTIONAL = "optional"
"""The folder of packs that are off: nothing in it is read unless it, or a folder in it, is the one named."""


@dataclass(frozen=True, slots=True)
class PlacedRule:
    """A rule as written, and where its parts stand."""

    rule: Rule
    source: Source
    path: Path
    file: FilePath

    def place(self, *steps: str | int, key: bool = False) -> Place:
        """Where a part of the rule stands."""
        return self.source.place((*self.path, *steps), key=key)


@dataclass(slots=True)
class RuleTexts:
    """What stands in a folder of rulesets; `problems` holds all that is wrong with it."""

    root: FilePath
    rules: list[PlacedRule] = field(default_factory=list)
    sources: dict[str, BibliographicSource] = field(default_factory=dict)
    ledgers: dict[FilePath, LedgerFile] = field(default_factory=dict)
    places: dict[FilePath, Source] = field(default_factory=dict)
    problems: Problems = field(default_factory=Problems)
    by_id: dict[str, PlacedRule] = field(default_factory=dict)
    outranked: set[str] = field(default_factory=set)


def files_below(root: FilePath, pattern: str) -> list[FilePath]:
    """Files of that name below a folder, in order, without those of packs that are off."""
    return sorted(p for p in root.rglob(pattern) if OPTIONAL not in p.relative_to(root).parts[:-1])


def rule_files(root: FilePath) -> list[FilePath]:
    """Every rules file below `root`, in order; `root` may be one file."""
    if root.is_file():
        return [root]
    return files_below(root, f"*{RULES}")


def read_texts(root: FilePath) -> RuleTexts:
    """Everything below `root`; nothing raises, problems are collected."""
    texts = RuleTexts(root)
    base = root if root.is_dir() else root.parent
    files = rule_files(root) if root.exists() else []
    if not files:
        texts.problems.add(
            "C000",
            "no rules found",
            Place(str(root)),
            why=f"No file *{RULES} below it.",
            hint="Name a folder of rulesets or a rules file.",
        )
    for file in files:
        _read_rules(file, base, texts)
    for file in files_below(base, "sources.yaml"):
        _read_sources(file, base, texts)
    for file in files_below(base, "*ledger.yaml"):
        source = read_source(file, texts.problems, name=_shown(file, base))
        if source is not None:
            texts.places[file] = source
            ledger = parse(LedgerFile, source, texts.problems)
            if ledger is not None:
                texts.ledgers[file] = ledger
    return texts


def _shown(file: FilePath, base: FilePath) -> str:
    """The path as it is printed: from the folder that was named."""
    try:
        return str(FilePath(base.name) / file.relative_to(base))
    except ValueError:
        return str(file)


def _read_rules(file: FilePath, base: FilePath, texts: RuleTexts) -> None:
    source = read_source(file, texts.problems, name=_shown(file, base))
    if source is None:
        return
    texts.places[file] = source
    parsed = parse(RuleFile, source, texts.problems)
    for index, rule in enumerate(parsed.rules if parsed else ()):
        placed = PlacedRule(rule, source, ("rules", index), file)
        twin = texts.by_id.setdefault(rule.id, placed)
        if twin is not placed:
            texts.problems.add(
                "C008",
                f"rule {rule.id!r} stands twice",
                placed.place("id"),
                why=f"The first stands at {twin.place('id')}.",
                hint="An id is never reused; give this rule its own.",
                rule=rule.id,
            )
        texts.rules.append(placed)
        if parsed is not None and parsed.outranked:
            texts.outranked.add(rule.id)


def _read_sources(file: FilePath, base: FilePath, texts: RuleTexts) -> None:
    source = read_source(file, texts.problems, name=_shown(file, base))
    if source is None:
        return
    texts.places[file] = source
    parsed = parse(SourcesFile, source, texts.problems)
    for index, entry in enumerate(parsed.sources if parsed else ()):
        if entry.id in texts.sources and texts.sources[entry.id] != entry:
            texts.problems.add(
                "C008", f"source {entry.id!r} stands twice", source.place(("sources", index, "id"))
            )
        texts.sources[entry.id] = entry
