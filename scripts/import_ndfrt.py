"""Write the optional pack of interactions of VA NDF-RT 2014 from the shared table of pairs.

A pair is taken where each drug is one ingredient of rulesets/concepts that two sources name; this table
counts as one of them, but not beside a name that comes from the VA too. The table writes each drug twice, in
a column of its own and in the label; where one of the two is not known, the other decides, and where they
differ the pair is not taken. What is not taken stands in the ledger with the reason. The same input gives
the same bytes.

Run: python scripts/import_ndfrt.py [--shared FOLDER] [--concepts FOLDER] [--out FOLDER]
"""

from __future__ import annotations

import argparse
import csv
import json
import shutil
import sys
from collections import Counter, defaultdict
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from caveat.terminology.concepts import Terminology
from caveat.terminology.load import load_terminology
from caveat.terminology.resolver import resolve

ROOT = Path(__file__).resolve().parent.parent
OUT = ROOT / "rulesets" / "optional" / "va-ndfrt-2014"
TABLE: Final = Path("data/interactions/va-ndfrt-2014/ndfrt_ddi_pairs.tsv")
SOURCE: Final = "dataset.va-ndfrt-2014"
AGE: Final = "VA NDF-RT 2014; not maintained since"
CHECKED: Final = "2026-11-26"
SEVERITY: Final = {"Critical": "major", "Significant": "moderate"}
VA: Final = "worldvista"
"""The source of the vocabulary that comes from the VA, as the table does."""
LABEL_END: Final = " [VA Drug Interaction]"

SOURCES: Final = f"""\
format: 1
sources:
- id: {SOURCE}
  publisher: US Department of Veterans Affairs
  title: National Drug File, Reference Terminology (NDF-RT), drug interactions
  version: release of July 2014; not maintained since
  licence: US federal work
  retrieved: {CHECKED}
  kind: dataset
  note: Pairs with the grade of the VA (Critical, Significant), without mechanism, dose, route or reason.
"""


CASE_HEAD: Final = """\
format: 1
as_of: 2026-01-15
base: {sex: female, age: 60 a, orders: [], conditions: [], allergies: [], complete: {orders: closed}}
cases:
"""


@dataclass(frozen=True, slots=True)
class Row:
    """A pair as the table writes it."""

    drugs: tuple[str, str]
    label: str
    grade: str
    concept: str


@dataclass(frozen=True, slots=True)
class Pair:
    """A pair of ingredients, with the graver of its grades and the concepts of the source that state it."""

    first: str
    second: str
    grade: str
    concepts: tuple[str, ...]

    @property
    def id(self) -> str:
        """The id of its rule."""
        return f"{self.first}.va-ndfrt-2014.{self.second}"


def main(arguments: list[str] | None = None) -> int:
    """0 when the pack is written; 1 when the shared table is not there."""
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument(
        "--shared", type=Path, default=ROOT.parent / "shared", help="folder with the shared data"
    )
    parser.add_argument("--concepts", type=Path, default=ROOT / "rulesets" / "concepts")
    parser.add_argument(
        "--out", type=Path, default=OUT, help="where the pack goes; what is there is replaced"
    )
    chosen = parser.parse_args(arguments)
    if not (chosen.shared / TABLE).is_file():
        print(f"{chosen.shared / TABLE}: not here. Pass --shared", file=sys.stderr)
        return 1
    rows = read_rows(chosen.shared / TABLE)
    terminology = load_terminology(chosen.concepts)
    pairs, refused = paired(rows, terminology)
    write(chosen.out, rows, pairs, refused, terminology)
    print(f"{len(rows)} rows: {len(pairs)} rules, {len(refused)} rows not taken")
    for reason, count in sorted(Counter(reason.partition(":")[0] for _, reason in refused).items()):
        print(f"  {count} {reason}")
    return 0


def read_rows(path: Path) -> list[Row]:
    """The rows of the table, in its order."""
    with path.open(encoding="utf-8", newline="") as file:
        return [
            Row(
                (r["drug_a"].replace("_", " "), r["drug_b"].replace("_", " ")),
                r["label"].removesuffix(LABEL_END),
                r["severity"],
                r["ndfrt_uri"].rpartition("/")[2],
            )
            for r in csv.DictReader(file, delimiter="\t")
        ]


def paired(rows: Iterable[Row], terminology: Terminology) -> tuple[list[Pair], list[tuple[Row, str]]]:
    """The pairs, sorted, and each row that is not taken with the reason."""
    found: dict[tuple[str, str], list[Row]] = defaultdict(list)
    refused: list[tuple[Row, str]] = []
    for row in rows:
        ids, reason = ingredients(row, terminology)
        if reason:
            refused.append((row, reason))
        else:
            found[ids[0], ids[1]].append(row)
    pairs = [
        Pair(a, b, min(r.grade for r in same), tuple(sorted({r.concept for r in same})))
        for (a, b), same in sorted(found.items())
    ]
    return pairs, sorted(refused, key=lambda r: (r[0].concept, r[0].label))


def ingredients(row: Row, terminology: Terminology) -> tuple[tuple[str, ...], str]:
    """The two ingredient ids, sorted, or the reason why the row is not taken."""
    if row.grade not in SEVERITY:
        return (), f"grade not known: {row.grade}"
    columns = [_one(name, terminology) for name in row.drugs]
    halves = [_one(name, terminology) for name in row.label.split("/")]
    if len(halves) != 2:
        halves = ["", ""]
    known, told = {i for i in columns if i}, {i for i in halves if i}
    if not (known <= told or told <= known):
        return (), f"column and label name different drugs: {', '.join(sorted(known ^ told))}"
    ids = known | told
    if len(ids) != 2:
        lost = [name for name, i in zip(row.drugs, columns, strict=True) if not i] or list(row.drugs)
        return (), f"not one known ingredient each: {' and '.join(lost)}"
    doubtful = sorted(
        i
        for i in ids
        if not (terminology.ingredient(i).agreed or _second(i, ids & known & told, terminology))
    )
    if doubtful:
        return (), f"only one source names the ingredient: {', '.join(doubtful)}"
    return tuple(sorted(ids)), ""


def _second(ingredient: str, twice: set[str], terminology: Terminology) -> bool:
    """Whether the table is a second source: it names the ingredient twice, and the first is not the VA."""
    return ingredient in twice and terminology.ingredient(ingredient).source != VA


def _one(name: str, terminology: Terminology) -> str:
    """The one ingredient that a name stands for, wholly understood; empty for any other name."""
    read = resolve(terminology, text=name)
    whole = not read.unrecognised and not read.conflict and len(read.ingredients) == 1
    return read.ingredients[0] if whole else ""


def write(
    out: Path, rows: list[Row], pairs: list[Pair], refused: list[tuple[Row, str]], terminology: Terminology
) -> None:
    """The pack: rules by first letter, sources, ledger and a page about it."""
    if out.exists():
        shutil.rmtree(out)
    out.mkdir(parents=True)
    by_letter: dict[str, list[Pair]] = defaultdict(list)
    for pair in pairs:
        by_letter[pair.first[0]].append(pair)
    for letter, some in sorted(by_letter.items()):
        texts = "\n".join(_rule(pair, terminology) for pair in some)
        head = f"# Written by scripts/import_ndfrt.py from {SOURCE}; not reviewed rule by rule.\n"
        cases = "".join(_cases(pair, terminology) for pair in some)
        _text(out / f"{letter}.cases.yaml", f"{head}{CASE_HEAD}{cases}")
        _text(out / f"{letter}.rules.yaml", f"{head}format: 1\noutranked: true\nrules:\n{texts}")
    _text(out / "sources.yaml", SOURCES)
    _text(out / "ledger.yaml", _ledger(rows, pairs, refused))
    _text(out / "departures.md", _page(rows, pairs, refused))


def _text(file: Path, text: str) -> None:
    file.write_text(text, encoding="utf-8", newline="\n")


def _rule(pair: Pair, terminology: Terminology) -> str:
    names = [terminology.ingredient(i).name for i in (pair.first, pair.second)]
    both = f"{names[0]} with {names[1]}"
    title = both[:1].upper() + both[1:]
    grade, section = pair.grade, ", ".join(pair.concepts)
    consequence = f"The source grades the pair {grade}. It states no mechanism, dose, route or outcome."
    action = (
        "Check the pair in a current label; consider another medicine or dose."
        if grade == "Critical"
        else "Check the pair in a current label; consider monitoring or another dose."
    )
    says = f"The pair is listed as an interaction of grade {grade}."
    return f"""\
- id: {pair.id}
  kind: interaction
  severity: {SEVERITY[grade]}
  status: draft
  title: {_quoted(title)}
  applies_to:
    pair:
      order: {{ingredient: {pair.first}}}
      with: {{ingredient: {pair.second}}}
  when:
    always: true
  alert:
    summary: {_quoted(f"{title}: graded {grade} ({AGE})")}
    consequence: {_quoted(consequence)}
    action: {_quoted(action)}
  interaction:
    mechanism: unknown
    seriousness: {_quoted(f"graded {grade} by the source")}
    modifying_factors: unknown
    frequency_of_exposure: unknown
    frequency_of_harm: unknown
  confidence: low
  evidence:
  - {{source: {SOURCE}, section: {_quoted(section)}, says: {_quoted(says)}, checked: {CHECKED}}}
"""


def _cases(pair: Pair, terminology: Terminology) -> str:
    """Both orders, one alone, and one of the two twice."""
    first, second = (_quoted(terminology.ingredient(i).name) for i in (pair.first, pair.second))
    fires = "{subject: [o1, o2], status: fires}"
    found = []
    for kind, names, expected in (
        ("fires", (first, second), fires),
        ("out-of-scope", (first,), ""),
        ("two-orders", (first, second, second), f"{fires}, {{subject: [o1, o3], status: fires}}"),
    ):
        orders = ", ".join(
            f'{{id: o{n}, text: {name}, status: active, start: "2025-06-01"}}'
            for n, name in enumerate(names, 1)
        )
        found.append(
            f"- {{id: {pair.id}.{kind}, rule: {pair.id}, class: {kind}, given: {{orders: [{orders}]}}, "
            f"expect: [{expected}]}}\n"
        )
    return "".join(found)


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _ledger(rows: list[Row], pairs: list[Pair], refused: list[tuple[Row, str]]) -> str:
    lines = [
        "# What became of the rows of the source. Each rule names the concept it comes from in its evidence.",
        "format: 1",
        f"source: {SOURCE}",
        "statements:",
        "- id: PAIRS",
        "  section: drug interactions",
        f"  says: {_quoted(f'{len(rows)} pairs of drugs, each graded Critical or Significant.')}",
        f"  data: {_quoted(f'{len(pairs)} rules in *.rules.yaml, one a pair of ingredients.')}",
    ]
    for number, (row, reason) in enumerate(refused, 1):
        lines += [
            f"- id: NOT-TAKEN-{number}",
            f"  section: {_quoted(row.concept)}",
            f"  says: {_quoted(f'{row.label} ({row.drugs[0]}, {row.drugs[1]}): {row.grade}')}",
            f"  cannot: {_quoted(reason)}",
        ]
    return "\n".join(lines) + "\n"


def _page(rows: list[Row], pairs: list[Pair], refused: list[tuple[Row, str]]) -> str:
    grades = Counter(pair.grade for pair in pairs)
    more = len(rows) - len(refused) - len(pairs)
    reasons = Counter(reason.partition(":")[0] for _, reason in refused)
    listed = "".join(f"| {reason} | {count} |\n" for reason, count in sorted(reasons.items()))
    return f"""\
# VA NDF-RT 2014: an optional pack

Pairs of drugs that the US Department of Veterans Affairs graded in NDF-RT, release of July 2014. The source
is not maintained since. The pack is off unless it is named:
`caveat screen --rules rulesets/optional/va-ndfrt-2014`. To use it beside other rules, copy this folder into
your folder of rulesets.

- Every alert says the source and its age. Every rule is a draft and was not reviewed one by one.
- Critical is graded major and Significant moderate. Nothing here is graded contraindicated.
- The source gives no mechanism, dose, route or reason. A rule fires for any two current orders of the pair,
  by any route: expect alerts for eye drops and creams.
- A pair that is not here is not a pair without an interaction.
- `outranked: true` in each file: where a rule of another file is about the same two ingredients and alerts on
  the same two orders, the pack's alert counts as superseded, whatever the severity of either. Where that rule
  does not alert (not met, excepted, not assessed), this pack's alert is shown.

| rows of the source | {len(rows)} |
|---|---|
| rules | {len(pairs)} |
| of grade Critical (major) | {grades["Critical"]} |
| of grade Significant (moderate) | {grades["Significant"]} |
| rows that repeat a pair, the graver grade kept | {more} |
| rows not taken | {len(refused)} |
{listed}
What was not taken, row by row, stands in ledger.yaml.
"""


if __name__ == "__main__":
    sys.exit(main())
