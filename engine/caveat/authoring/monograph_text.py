"""What a ruleset knows about a substance, and the ledger of its source, as text."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from textwrap import wrap

from caveat.compile.program import CompiledRule
from caveat.render.words import SHORT
from caveat.rules.model import LedgerEntry, LedgerFile
from caveat.rules.monograph import AdverseReaction, Kinetic, Monograph, Stated
from caveat.terminology.concepts import Terminology

WIDTH = 110


def monograph_text(found: Monograph, terminology: Terminology, sources: dict[str, str]) -> str:
    """The monograph data as text; every line names the statement of the ledger that it carries."""
    reference = sources.get(found.source, found.source)
    lines = [found.ingredient, f"  {reference} (checked {found.checked})"]
    if found.brands:
        lines.append(f"  Brands: {', '.join(found.brands)}")
    lines += _section(
        "Classification",
        (
            (c.statement, f"{c.system}: {c.name}" + (f" ({c.code})" if c.code else ""), None)
            for c in found.classification
        ),
    )
    lines += _section(
        "Indications", ((i.statement, f"{i.says} ({i.label})", None) for i in found.indications)
    )
    lines += _section(
        "Forms and strengths",
        ((p.statement, f"{p.form}, {p.route}: {', '.join(p.strengths)}", p.note) for p in found.products),
    )
    lines += _section("Kinetics", ((k.statement, _kinetic(k), k.note) for k in found.kinetics))
    lines += _section("Dynamics", _stated(found.dynamics))
    lines += _section(
        "Adverse reactions",
        ((a.statement, _reaction(a, terminology), a.note) for a in found.adverse_reactions),
    )
    lines += _section("Monitoring", _stated(found.monitoring))
    lines += _section("Advice to the patient", _stated(found.advice))
    lines += _section("Storage", _stated(found.storage))
    lines += _section(
        "Authorisations",
        ((a.statement, a.authority + (f", {a.year}" if a.year else ""), None) for a in found.authorisations),
    )
    return "\n".join(lines) + "\n"


def _section(title: str, entries: Iterable[tuple[str, str, str | None]]) -> list[str]:
    lines: list[str] = []
    for statement, text, note in entries:
        whole = f"{text.rstrip('.')}. {note}" if note else text
        first, *rest = wrap(whole, WIDTH - 12) or [""]
        lines.append(f"  {statement:<8}  {first}")
        lines += [f"            {more}" for more in rest]
    return ["", title, *lines] if lines else []


def _stated(entries: Iterable[Stated]) -> Iterable[tuple[str, str, str | None]]:
    return ((entry.statement, entry.says, entry.note) for entry in entries)


def _kinetic(entry: Kinetic) -> str:
    number = f"{entry.low}" if entry.low == entry.high else f"{entry.low} to {entry.high}"
    return f"{entry.name}: {number} {entry.unit}"


def _reaction(entry: AdverseReaction, terminology: Terminology) -> str:
    known = entry.value_set in terminology.ids("value_set")
    name = terminology.value_set(entry.value_set).title if known else entry.value_set.replace("-", " ")
    if entry.low is None or entry.high is None:
        return f"{name}: {entry.seriousness}, frequency not stated"
    rate = f"{entry.low}" if entry.low == entry.high else f"{entry.low} to {entry.high}"
    return f"{name}: {entry.seriousness}, {rate} % of patients"


def rules_text(rules: Sequence[CompiledRule]) -> str:
    """A line a rule, gravest first: level, id, title, review status."""
    from caveat.findings.severity import RANK

    ordered = sorted(rules, key=lambda rule: (RANK[rule.severity], rule.id))
    width = max((len(rule.id) for rule in ordered), default=0)
    lines = [f"Rules ({len(ordered)})"]
    for rule in ordered:
        lines.append(f"  {SHORT[rule.severity]:<15}  {rule.id:<{width}}  {rule.title} ({rule.status})")
    return "\n".join(lines) + "\n"


def ledger_text(found: LedgerFile, sources: dict[str, str]) -> str:
    """A row a statement: id, what the source says, and what carries it or why nothing can."""
    rows = [(entry.id, entry.says, carried_by(entry)) for entry in found.statements]
    first = max((len(row[0]) for row in rows), default=2)
    second = 56
    lines = [sources.get(found.source, found.source), ""]
    lines.append(f"{'id':<{first}}  {'what the source says':<{second}}  carried by")
    lines.append(f"{'-' * first}  {'-' * second}  {'-' * 40}")
    for name, says, carried in rows:
        left = wrap(says, second) or [""]
        right = [line for part in carried.split("\n") for line in wrap(part, 60)] or [""]
        for index in range(max(len(left), len(right))):
            cells = (
                name if index == 0 else "",
                left[index] if index < len(left) else "",
                right[index] if index < len(right) else "",
            )
            lines.append(f"{cells[0]:<{first}}  {cells[1]:<{second}}  {cells[2]}".rstrip())
    open_ = [entry.id for entry in found.statements if not _carried(entry)]
    lines += ["", summary(found)]
    if open_:
        lines.append(f"Not carried: {', '.join(open_)}")
    return "\n".join(lines) + "\n"


def _carried(entry: LedgerEntry) -> bool:
    return bool(entry.rules or entry.data or entry.advice or entry.cannot)


def carried_by(entry: LedgerEntry) -> str:
    """What became of a statement, a line each."""
    parts = [*entry.rules]
    parts += [f"monograph data: {entry.data}"] if entry.data else []
    parts += [f"advice: {entry.advice}"] if entry.advice else []
    parts += [f"cannot be screened: {entry.cannot}"] if entry.cannot else []
    return "\n".join(parts) or "NOT CARRIED"


def summary(found: LedgerFile) -> str:
    """How many statements there are, and what carries them."""
    kinds = {
        "by rules": sum(bool(e.rules) for e in found.statements),
        "by monograph data": sum(bool(e.data and not e.rules) for e in found.statements),
        "by advice": sum(bool(e.advice and not e.rules and not e.data) for e in found.statements),
        "cannot be screened": sum(
            bool(e.cannot and not (e.rules or e.data or e.advice)) for e in found.statements
        ),
    }
    return f"{len(found.statements)} statements: " + ", ".join(
        f"{n} {kind}" for kind, n in kinds.items() if n
    )
