"""Write rulesets/REPORT.md: what rules and vocabulary hold, what is proved of them, how often they alert.

Run: python scripts/knowledge_report.py [--rules FOLDER] [--shared FOLDER] [--out FILE] [--mutants]

The same rules, data and code give the same bytes, but for the line with the date. Breaking rules on purpose
takes as long again: without --mutants the report keeps the figures of the last run with it while the rules
are the same. Cohorts that are not there are named as not screened.
"""

from __future__ import annotations

import argparse
import datetime as dt
import re
import sys
import tempfile
import zipfile
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from caveat.authoring.cases import read_all
from caveat.authoring.mutate import FILE, EquivalentFile
from caveat.authoring.mutate import run as mutate
from caveat.authoring.selftest import Proof, prove, read_items
from caveat.compile.program import CompiledRule
from caveat.compile.ruleset import Ruleset, load
from caveat.findings.severity import SEVERITIES
from caveat.rules.diagnostics import Problems
from caveat.rules.parse import parse
from caveat.rules.source import read_source

ROOT = Path(__file__).resolve().parent.parent
OFTEN: Final = 10.0
"""Patients in 100 above which the reason why a rule alerts that often must be written."""
LISTED: Final = 40
MUTANTS: Final = re.compile(r"^Mutants of rules (\S+): (.+)$", re.MULTILINE)


@dataclass(frozen=True, slots=True)
class Cohort:
    """A shared set of records, and the day and selection it is screened for."""

    name: str
    path: Path
    as_of: str
    selection: str
    about: str


COHORTS: Final = (
    Cohort("Synthea", Path("data/fhir/synthea/dev"), "2020-06-01", "active", "bulk FHIR"),
    Cohort("bulk export", Path("data/fhir/bulk-export-10"), "2023-01-01", "active", "bulk FHIR"),
    Cohort(
        "OMOP",
        Path("data/omop/synthea27nj/Synthea27Nj_5.4.zip"),
        "2015-06-01",
        "ever",
        "OMOP 5.4, orders of any time",
    ),
)


def main(arguments: list[str] | None = None) -> int:
    """0 when the report is written; 1 when a rule alerts often and its reason is not written."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--rules", type=Path, default=ROOT / "rulesets")
    parser.add_argument(
        "--shared", type=Path, default=ROOT.parent / "shared", help="folder with the shared data"
    )
    parser.add_argument("--out", type=Path, help="REPORT.md of the rules unless named")
    parser.add_argument("--mutants", action="store_true", help="break every rule on purpose too")
    parser.add_argument(
        "--date", default=dt.datetime.now(dt.UTC).date().isoformat(), help="the date that the report states"
    )
    chosen = parser.parse_args(arguments)
    out = chosen.out or chosen.rules / "REPORT.md"
    text, unexplained = report(
        chosen.rules, chosen.shared, chosen.date, _mutants(chosen.rules, out, chosen.mutants)
    )
    out.write_text(text, encoding="utf-8", newline="\n")
    for rule in unexplained:
        print(
            f"{rule} alerts in more than {OFTEN:g} of 100 patients, and no departures.md says why",
            file=sys.stderr,
        )
    print(f"{out} is written")
    return 1 if unexplained else 0


def report(root: Path, shared: Path, date: str, mutants: str) -> tuple[str, list[str]]:
    """The report, and the rules that alert often without a written reason."""
    rules = load(root)
    runs = [(cohort, _screened(cohort, root, shared)) for cohort in COHORTS]
    often = _often(runs)
    reasons = {rule: _reason(root, rule, rules) for rule in often}
    parts = [
        [
            "# What the rules know, and how often they speak",
            "",
            "Written by `make knowledge-report`; do not edit.",
            "",
            f"Date: {date}",
            "",
            f"Ruleset {rules.version} ({rules.digest}), policy {rules.policy}.",
        ],
        _vocabulary(rules),
        _rules(rules, root),
        _proofs(rules, root, mutants),
        _must_fire(prove(rules, read_items(root))),
        *(_cohort(cohort, run, often) for cohort, run in runs),
        _often_part(often, reasons),
    ]
    text = "\n\n".join("\n".join(lines) for lines in parts) + "\n"
    return text, sorted(rule for rule, where in reasons.items() if not where)


def _table(heads: Sequence[str], rows: Iterable[Sequence[object]]) -> list[str]:
    lines = ["| " + " | ".join(heads) + " |", "|" + "---|" * len(heads)]
    return lines + ["| " + " | ".join(_cell(cell) for cell in row) + " |" for row in rows]


def _cell(value: object) -> str:
    return str(value).replace("|", "\\|").replace("\n", " ")


def _share(part: int, whole: int) -> str:
    return f"{100 * part / whole:.1f} %" if whole else "none"


def _vocabulary(rules: Ruleset) -> list[str]:
    t = rules.terminology
    things = [t.ingredient(name) for name in sorted(t.ids("ingredient"))]
    medicines = [one for one in things if one.kind == "medicine"]
    agreed = sum(one.agreed for one in medicines)
    coded = sum(not one.verified for one in medicines)
    about = len(rules.covered)
    rows: list[tuple[str, object]] = [
        ("ingredients that are medicines", len(medicines)),
        ("named by two sources (verified)", f"{agreed} ({_share(agreed, len(medicines))})"),
        ("named by one source (flagged)", len(medicines) - agreed),
        ("with a code that is not verified, recognised by name only", coded),
        ("other things that a record lists", len(things) - len(medicines)),
        ("classes", len(t.ids("class"))),
        ("value sets of conditions", len(t.ids("value_set"))),
        ("observations", len(t.ids("observation"))),
        ("ingredients that some rule is about", about),
    ]
    return ["## Vocabulary", "", *_table(("", "count"), rows)]


def _folder(rule: CompiledRule) -> str:
    return rule.place.partition("/")[0]


def _rules(rules: Ruleset, root: Path) -> list[str]:
    program = rules.program.rules
    cases = Counter(case.case.rule for case in read_all(root, program, Problems()))
    kinds = sorted({rule.kind for rule in program})
    grades = Counter((rule.kind, rule.severity) for rule in program)
    by_kind = [
        (kind, *(grades[kind, severity] for severity in SEVERITIES), sum(grades[kind, s] for s in SEVERITIES))
        for kind in kinds
    ]
    whole = ("all", *(sum(grades[k, s] for k in kinds) for s in SEVERITIES), len(program))
    folders = sorted({_folder(rule) for rule in program})
    by_folder = []
    for folder in folders:
        own = [rule for rule in program if _folder(rule) == folder]
        by_folder.append(
            (
                folder,
                len(own),
                *(sum(r.severity == s for r in own) for s in SEVERITIES),
                sum(cases[r.id] for r in own),
            )
        )
    by_folder.append(
        (
            "all",
            len(program),
            *(sum(r.severity == s for r in program) for s in SEVERITIES),
            sum(cases.values()),
        )
    )
    return [
        "## Rules",
        "",
        *_table(("kind", *SEVERITIES, "all"), [*by_kind, whole]),
        "",
        *_table(("ruleset", "rules", *SEVERITIES, "cases"), by_folder),
        "",
        f"{len(rules.sources)} sources. Statuses: "
        + ", ".join(f"{n} {s}" for s, n in sorted(Counter(r.status for r in program).items()))
        + ". Packs in optional/ are off and not counted.",
    ]


def _mutants(root: Path, out: Path, again: bool) -> str:
    """What breaking the rules came to: worked out now, or as the last report says for the same rules."""
    rules = load(root)
    digest = rules.program.digest[:19]
    if again:
        # Each ruleset by itself, as its authors do: a mutant takes values from the rules it is run with.
        folders = sorted(
            {folder for rule in rules.program.rules if (folder := root / _folder(rule)).is_dir()}
        )
        found = [mutate(folder, load(folder), None) for folder in folders or [root]]
        return (
            f"Mutants of rules {digest}: {sum(f.total for f in found)} broken on purpose, each ruleset by "
            f"itself, {sum(f.killed for f in found)} noticed by a case, "
            f"{sum(len(f.survivors) for f in found)} survived, "
            f"{sum(f.argued for f in found)} argued to change nothing"
        )
    kept = MUTANTS.search(out.read_text(encoding="utf-8")) if out.is_file() else None
    if kept is not None and kept[1] == digest:
        return kept[0]
    return f"Mutants of rules {digest}: not run; `make knowledge-report ARGS=--mutants` runs them"


def _proofs(rules: Ruleset, root: Path, mutants: str) -> list[str]:
    argued: Counter[str] = Counter()
    problems = Problems()
    for file in sorted(root.rglob(FILE)):
        source = read_source(file, problems)
        parsed = parse(EquivalentFile, source, problems) if source is not None else None
        argued[file.parent.name] += len(parsed.mutants) if parsed is not None else 0
    lines = ["## Rules broken on purpose", "", mutants]
    if argued:
        shown = ", ".join(f"{folder} {count}" for folder, count in sorted(argued.items()))
        lines += ["", f"Argued in equivalent-mutants.yaml to change nothing: {shown}."]
    return lines


def _must_fire(proofs: Sequence[Proof]) -> list[str]:
    rows = []
    for proof in proofs:
        result = "fires" if proof.ok else "no rule yet" if proof.waits else "FAILS"
        rows.append((proof.item, proof.rule, proof.wanted, proof.came or "nothing", proof.checked, result))
    held, waiting = sum(p.ok for p in proofs), sum(p.waits for p in proofs)
    return [
        "## What must fire",
        "",
        f"{held} of {len(proofs)} items fire as they must, {waiting} have no rule yet, "
        f"{len(proofs) - held - waiting} fail. `caveat selftest must-fire` proves the same on a site's "
        "configuration.",
        "",
        *_table(("item", "rule", "at least", "came as", "records", ""), rows),
    ]


Run = dict[str, Any]


def _screened(cohort: Cohort, root: Path, shared: Path) -> Run | None:
    """The manifest of a run over a cohort; None where its records are not there."""
    from caveat.adapters.cohort.open import open_cohort
    from caveat.batch.judge import Settings
    from caveat.batch.run import run
    from caveat.cli.cohort import Known

    path = shared / cohort.path
    if not path.exists():
        return None
    rules = load(root)
    with tempfile.TemporaryDirectory() as folder:
        if path.suffix == ".zip":
            unpacked = Path(folder) / "in"
            with zipfile.ZipFile(path) as packed:
                packed.extractall(unpacked, [n for n in packed.namelist() if not n.startswith("__MACOSX")])
            path = unpacked
        opened = open_cohort([str(path)], bound=Known(rules.terminology))
        day = dt.date.fromisoformat(cohort.as_of).toordinal()
        settings = Settings(day, _selection(cohort), False, "inprocess", None)
        outcome = run(opened, rules, settings, out=Path(folder) / "out", jobs=1)
        found: Run = outcome.manifest
        return found


def _selection(cohort: Cohort) -> Any:
    return cohort.selection


def _alerting(run: Run) -> Iterator[tuple[str, int, int, float]]:
    """Rule, alerts, patients and patients in 100, the most frequent first."""
    screened = run["counts"]["screened"]
    found = [
        (r["rule"], r["alerts"], r["patients"], 100 * r["patients"] / screened)
        for r in run["rules"]
        if r["alerts"]
    ]
    yield from sorted(found, key=lambda row: (-row[3], row[0]))


def _often(runs: Sequence[tuple[Cohort, Run | None]]) -> dict[str, list[str]]:
    """Each rule that alerts in more than OFTEN of 100 patients, with where it does."""
    found: dict[str, list[str]] = {}
    for cohort, run in runs:
        for rule, _, _, rate in _alerting(run) if run and run["counts"]["screened"] else ():
            if rate > OFTEN:
                found.setdefault(rule, []).append(f"{cohort.name} {rate:.1f}")
    return dict(sorted(found.items()))


def _cohort(cohort: Cohort, run: Run | None, often: dict[str, list[str]]) -> list[str]:
    head = [f"## {cohort.name} ({cohort.about}), as of {cohort.as_of}", ""]
    if run is None:
        return [*head, "Not screened: the records are not in the shared data."]
    counts, screened = run["counts"], run["counts"]["screened"]
    if not screened:
        return [*head, "Not screened: no patient was read."]
    unassessed = counts["patients_with"].get("cannot_assess", 0)
    fired = sum(rule["alerts"] for rule in run["rules"])
    opened = sum(counts["findings"]["cannot-assess"].values())
    judged = sum(sum(of.values()) for of in counts["findings"].values())
    unknown = run["unrecognised"]
    lines = [
        *head,
        f"{screened} patients screened, {counts['rejected']} rejected, {counts['clear']} clear "
        f"({_share(counts['clear'], screened)}). {fired} alerts; {counts['suppressed']} more are superseded.",
        "",
        f"Cannot assess: {opened} of {judged} findings ({_share(opened, judged)}), in "
        f"{unassessed} patients ({_share(unassessed, screened)}).",
        "",
        f"Not recognised: {unknown['names']} names, {unknown['mentions']} mentions"
        f"{_listed(unknown['listed'])}.",
        "",
        f"Medicines that no rule is about: {len(run['not_covered'])}.",
        "",
    ]
    rows = [
        (rule, alerts, patients, f"{rate:.1f}" + (" *" if rule in often else ""))
        for rule, alerts, patients, rate in _alerting(run)
    ]
    if not rows:
        return [*lines, "No rule alerts."]
    return [*lines, *_table(("rule", "alerts", "patients", "in 100 patients"), rows)]


def _listed(names: Sequence[dict[str, Any]]) -> str:
    """The most frequent names, each with its mentions."""
    shown = ", ".join(f"{one['text']} ({one['count']})" for one in names[:LISTED])
    return f": {shown}" if shown else ""


def _reason(root: Path, rule: str, rules: Ruleset) -> str:
    """The departures.md that names the rule in a paragraph or row with a reason, or nothing.

    Rules are named whole, or without the first step in the page of a ruleset that says so.
    """
    placed = next((r for r in rules.program.rules if r.id == rule), None)
    if placed is None:
        return ""
    page = root / _folder(placed) / "departures.md"
    if not page.is_file():
        return ""
    short = rule.partition(".")[2]
    for block in re.split(r"\n\s*\n|\n(?=[|-] ?)", page.read_text(encoding="utf-8")):
        if (rule in block or f"`{short}`" in block) and re.search(r"\bin 100\b|\bper 100\b", block):
            return f"{page.parent.name}/departures.md: " + " ".join(block.split())
    return ""


def _often_part(often: dict[str, list[str]], reasons: dict[str, str]) -> list[str]:
    lines = [f"## Rules that alert in more than {OFTEN:g} of 100 patients of a cohort", ""]
    if not often:
        return [*lines, "None."]
    return [
        *lines,
        *_table(
            ("rule", "in 100 patients", "reason"),
            [(rule, ", ".join(where), reasons[rule] or "NOT WRITTEN") for rule, where in often.items()],
        ),
    ]


if __name__ == "__main__":
    sys.exit(main())
