"""Everything that is wrong with a folder of rulesets: what does not load, and what every check finds."""

from __future__ import annotations

from pathlib import Path as FilePath

from caveat.authoring.case_files import case_files, read_cases, shown
from caveat.authoring.checks import CHECKS
from caveat.authoring.checks.base import Checked, Folder
from caveat.authoring.placing import spots
from caveat.compile.compiler import compile_rule, compile_texts
from caveat.compile.ruleset import bundled
from caveat.errors import CaveatError
from caveat.rules.diagnostics import Diagnostic, Place, did_you_mean
from caveat.rules.folder import RuleTexts, read_texts
from caveat.rules.policy import read_policy
from caveat.terminology.concepts import Terminology
from caveat.terminology.load import load_terminology


def check_folder(root: str | FilePath, *, cases: bool = True) -> list[Diagnostic]:
    """Every problem of loading and every finding of the checks, by file, line and column.

    `root` is a folder of rulesets or one rules file. A folder without `concepts/` is checked against
    the bundled vocabulary. `cases=False` leaves out what concerns cases. Nothing raises.
    """
    folder = read_folder(FilePath(root), cases=cases)
    if isinstance(folder, Diagnostic):
        return [folder]
    found = list(folder.texts.problems.found)
    for check in CHECKS:
        if cases or check.code not in ("C057", "C058", "C059", "C060"):
            found += check.run(folder)
    return sorted(dict.fromkeys(found), key=_order)


def _order(item: Diagnostic) -> tuple[str, int, int, str, str]:
    return item.place.file, item.place.line, item.place.column, item.code, item.title


def read_folder(root: FilePath, *, cases: bool = True) -> Folder | Diagnostic:
    """The folder as the checks see it; one diagnostic when its vocabulary cannot be read."""
    base = root if root.is_dir() else root.parent
    local = (base / "concepts").is_dir()
    try:
        concepts = base / "concepts" if local else bundled() / "concepts"
        terminology = load_terminology(concepts)
    except CaveatError as error:
        return Diagnostic("C009", "vocabulary cannot be read", Place(str(base / "concepts")), str(error))
    texts = read_texts(root)
    program = compile_texts(texts, terminology, "check")
    _policy(base, {rule.id for rule in program.rules}, texts)
    checked = _rules(texts, terminology)
    placed = []
    if cases:
        known = {placed.rule.id: placed.rule.status for placed in texts.rules}
        for file in case_files(root):
            for case in read_cases(file, texts.problems, name=shown(file, root)):
                placed.append(case)
                name = case.case.rule
                if known.get(name, "retired") == "retired":
                    why = "The case names a rule that does not exist or is retired."
                    hint = did_you_mean(name, known)
                    texts.problems.add(
                        "C040", f"unknown rule {name!r}", case.place, why=why, hint=hint, rule=name
                    )
    return Folder(root, texts, checked, tuple(placed), terminology, concepts, local and root.is_dir())


def _rules(texts: RuleTexts, terminology: Terminology) -> tuple[Checked, ...]:
    """Every rule that compiles, retired ones too."""
    faulty = {item.rule for item in texts.problems.found if item.level == "error"}
    found = []
    for placed in texts.rules:
        compiled = compile_rule(placed, terminology, RuleTexts(texts.root))
        if compiled is None:
            continue
        sound = placed.rule.id not in faulty
        where = spots(placed, terminology, compiled) if sound else ()
        found.append(Checked(placed, compiled, where, sound))
    return tuple(found)


def _policy(base: FilePath, known: set[str], texts: RuleTexts) -> None:
    file = base / "policies" / "default.yaml"
    policy = read_policy(file, texts.problems) if file.is_file() else None
    for change in policy.rules if policy else ():
        if change.rule not in known:
            texts.problems.add(
                "C020",
                f"unknown rule {change.rule!r}",
                Place(str(file)),
                why="The policy changes a rule that does not exist.",
                hint=did_you_mean(change.rule, known),
            )
