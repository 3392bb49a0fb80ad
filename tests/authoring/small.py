"""A small vocabulary and small rulesets, written to a folder, for tests that need no more."""

from __future__ import annotations

import textwrap
from pathlib import Path

CONCEPTS = {
    "ingredients.tsv": (
        "id\tname\trxcui\tatc\tunii\tverified\tsource\n"
        "baclofen\tbaclofen\t1292\tM03BX01\t\tyes\ttest\n"
        "morphine\tmorphine\t7052\tN02AA01\t\tyes\ttest\n"
        "diazepam\tdiazepam\t3322\tN05BA01\t\tyes\ttest\n"
    ),
    "names.tsv": "name\tids\tkind\troute\tsource\n",
    "products.tsv": "system\tcode\tids\troute\tform\tname\tsource\n",
    "value_set_codes.tsv": "value_set\tcode\tdisplay\tsource\n",
    "class_members.tsv": (
        "class\tingredient\tsource\n"
        "opioid\tmorphine\ttest\n"
        "sedative\tdiazepam\ttest\n"
        "sedative\tbaclofen\ttest\n"
        "sedative\tmorphine\ttest\n"
    ),
    "words.tsv": "word\tkind\tnote\n",
    "classes.yaml": (
        "- {id: opioid, title: Opioids, definition: test}\n"
        "- {id: sedative, title: Sedatives, definition: test}\n"
    ),
    "forms.yaml": "- {id: tablet, title: Tablet, route: oral}\n",
    "routes.yaml": (
        "- {id: oral, title: Oral}\n"
        "- {id: intrathecal, title: Intrathecal}\n"
        "- {id: topical, title: Topical}\n"
    ),
    "observations.yaml": (
        "- {id: serum_creatinine, title: Creatinine, kind: laboratory, unit: mg/dL, analyte: creatinine}\n"
        "- {id: creatinine_clearance, title: Creatinine clearance, kind: laboratory, unit: mL/min}\n"
        "- {id: potassium, title: Potassium, kind: laboratory, unit: mmol/L}\n"
        "- {id: weight, title: Weight, kind: vital, unit: kg}\n"
        "- {id: height, title: Height, kind: vital, unit: cm}\n"
        "- {id: child_pugh_score, title: Child-Pugh score, kind: score, unit: '1'}\n"
    ),
    "value_sets.yaml": (
        "- {id: epilepsy, title: Epilepsy, kind: disease, icd10cm: [G40]}\n"
        "- {id: falls, title: Falls, kind: sign, icd10cm: [R29.6]}\n"
        "- {id: pregnancy, title: Pregnancy, kind: disease, icd10cm: [Z33]}\n"
        "- {id: lactation, title: Lactation, kind: disease, icd10cm: [Z39.1]}\n"
    ),
}

SOURCES = """\
format: 1
sources:
- {id: book, publisher: P, title: T, version: "1", licence: none, retrieved: "2026-01-01", kind: other}
"""

ALERT = "{summary: Short, consequence: Harm., action: Avoid.}"
EVIDENCE = '[{source: book, section: s, says: It says so., checked: "2026-01-01"}]'


def rule(name: str, when: str, **parts: str) -> str:
    """A rule as YAML; `when` and the parts are written in flow or as an indented block."""
    written = {
        "kind": "precaution",
        "severity": "moderate",
        "status": "draft",
        "title": "A rule",
        "applies_to": "{order: {ingredient: baclofen}}",
        "when": when,
        "alert": ALERT,
        "evidence": EVIDENCE,
        **parts,
    }
    lines = [f"- id: {name}"]
    for key, value in written.items():
        if "\n" in value:
            lines += [f"  {key}:", textwrap.indent(textwrap.dedent(value).strip("\n"), "    ")]
        else:
            lines.append(f"  {key}: {value}")
    return "\n".join(lines) + "\n"


def rules_file(*rules: str) -> str:
    """A file of rules."""
    return "format: 1\nrules:\n" + "\n".join(rules)


def write(folder: Path, files: dict[str, str]) -> Path:
    """The files written below `folder`, with the small vocabulary and a bibliography; the folder."""
    for name, text in CONCEPTS.items():
        (folder / "concepts").mkdir(parents=True, exist_ok=True)
        (folder / "concepts" / name).write_text(text, "utf-8")
    for name, text in {"topic/sources.yaml": SOURCES, **files}.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder
