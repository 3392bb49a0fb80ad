"""A small ruleset with its own vocabulary, and records for it, written to a folder."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

AS_OF = "2026-01-15"

FILES = {
    "VERSION": "1.0-test\n",
    "concepts/ingredients.tsv": (
        "id\tname\trxcui\tatc\tunii\tverified\tsource\n"
        "baclofen\tbaclofen\t1292\tM03BX01\t\tyes\ttest\n"
        "diazepam\tdiazepam\t3322\tN05BA01\t\tyes\ttest\n"
        "morphine\tmorphine\t7052\tN02AA01\t\tyes\ttest\n"
        "simvastatin\tsimvastatin\t36567\tC10AA01\t\tno\ttest\n"
        "warfarin\twarfarin\t11289\tB01AA03\t\tyes\ttest\n"
    ),
    "concepts/names.tsv": "name\tids\tkind\troute\tsource\nLioresal\tbaclofen\tbrand\t\ttest\n",
    "concepts/products.tsv": "system\tcode\tids\troute\tform\tname\tsource\n",
    "concepts/value_set_codes.tsv": "value_set\tcode\tdisplay\tsource\n",
    "concepts/class_members.tsv": (
        "class\tingredient\tsource\nopioid\tmorphine\ttest\nsedative\tdiazepam\ttest\n"
    ),
    "concepts/words.tsv": "word\tkind\tnote\nmg\tunit\t\ntablet\tform\t\n",
    "concepts/classes.yaml": (
        "- {id: opioid, title: Opioids, definition: test}\n"
        "- {id: sedative, title: Sedatives, definition: test, includes: [opioid]}\n"
    ),
    "concepts/forms.yaml": "- {id: tablet, title: Tablet, route: oral, spellings: [tablet]}\n",
    "concepts/routes.yaml": "- {id: oral, title: Oral}\n- {id: intrathecal, title: Intrathecal}\n",
    "concepts/observations.yaml": (
        "- {id: serum_creatinine, title: Serum creatinine, kind: laboratory, unit: mg/dL,"
        " analyte: creatinine, possible: [0.01, 100], loinc: {2160-0: {display: Creatinine}}}\n"
        "- {id: creatinine_clearance, title: Creatinine clearance, kind: laboratory, unit: mL/min}\n"
        "- {id: weight, title: Weight, kind: vital, unit: kg}\n"
        "- {id: height, title: Height, kind: vital, unit: cm}\n"
        "- {id: child_pugh_score, title: Child-Pugh score, kind: score, unit: '1'}\n"
    ),
    "concepts/value_sets.yaml": (
        "- {id: epilepsy, title: Epilepsy, kind: disease, icd10cm: [G40], labels: [epilepsy]}\n"
        "- {id: pregnancy, title: Pregnancy, kind: disease, icd10cm: [Z33]}\n"
        "- {id: lactation, title: Lactation, kind: disease, icd10cm: [Z39.1]}\n"
    ),
    "sources.yaml": """\
format: 1
sources:
- id: book
  publisher: Press
  title: The Book of Doses
  version: 2nd
  licence: none
  retrieved: "2026-01-01"
  kind: other
""",
    "baclofen/ledger.yaml": """\
format: 1
source: book
statements:
- {id: CI-3, section: contraindications, says: Not below 30 mL/min., rules: [baclofen.renal.crcl-below-30]}
- {id: PK-1, section: kinetics, says: Half-life of 3 to 4 h., data: kinetics}
- {id: HIS-1, section: history, says: First made in 1962., cannot: It says nothing about a patient.}
""",
    "baclofen/monograph.yaml": """\
format: 1
ingredient: baclofen
source: book
checked: 2026-01-01
brands: [Lioresal]
kinetics:
- {statement: PK-1, name: half-life, low: 3, high: 4, unit: h}
advice:
- {statement: USE-1, says: Take it with food.}
""",
    "baclofen/baclofen.rules.yaml": """\
format: 1
rules:
- id: baclofen.renal.crcl-below-30
  kind: contraindication
  severity: contraindicated
  status: draft
  title: Baclofen when creatinine clearance is below 30 mL/min
  covers: [CI-3]
  applies_to: {order: {ingredient: baclofen}}
  when:
    creatinine_clearance: {below: 30 mL/min, within: 90 d}
  unless:
  - id: intrathecal-with-specialist
    because: A specialist gives small doses straight to the spinal fluid.
    all: [{order: {route: intrathecal}}, {context: {specialist_oversight: true}}]
  alert:
    summary: "Baclofen ({order.route}) with creatinine clearance {creatinine_clearance}"
    consequence: Baclofen builds up; confusion, drowsiness and coma may follow.
    action: Avoid baclofen. Do not stop it at once if it is already taken.
    monitoring: Watch alertness and breathing.
  evidence:
  - {source: book, section: contraindications, says: Not below 30 mL/min., checked: "2026-01-01"}
- id: baclofen.renal.crcl-30-to-50
  kind: precaution
  severity: moderate
  status: draft
  title: Baclofen when creatinine clearance is 30 to 50 mL/min
  applies_to: {order: {ingredient: baclofen}}
  when:
    creatinine_clearance: {at_least: 30 mL/min, below: 50 mL/min, within: 90 d}
  alert: {summary: Baclofen with reduced clearance, consequence: It builds up., action: Lower the dose.}
  evidence:
  - {source: book, section: renal, says: Lower the dose., checked: "2026-01-01"}
- id: baclofen.interaction.sedative
  kind: interaction
  severity: major
  status: draft
  title: Baclofen with another sedative
  applies_to: {pair: {order: {ingredient: baclofen}, with: {class: sedative}}}
  when: {always: true}
  supersedes: [baclofen.age.elderly]
  alert:
    summary: "{order.name} with {other.name}"
    consequence: Sedation and slow breathing.
    action: Use one of the two, or lower the dose.
  interaction:
    mechanism: Both depress the central nervous system.
    seriousness: serious
    modifying_factors: unknown
    frequency_of_exposure: unknown
    frequency_of_harm: unknown
  evidence:
  - {source: book, section: interactions, says: Sedatives add up., checked: "2026-01-01"}
- id: baclofen.age.elderly
  kind: precaution
  severity: minor
  status: draft
  title: Baclofen in an elderly patient
  applies_to: {order: {ingredient: baclofen}}
  when:
    age: {at_least: 65 a}
  alert: {summary: "Baclofen at the age of {age}", consequence: More drowsiness., action: Start low.}
  evidence:
  - {source: book, section: elderly, says: Start low., checked: "2026-01-01"}
""",
}

BACLOFEN = {
    "id": "o1",
    "text": "Lioresal 10 mg tablet",
    "route": "oral",
    "dose": "10 mg",
    "frequency": "3 /d",
    "status": "active",
    "start": "2025-11-03",
}


def write_rules(folder: Path) -> Path:
    """The ruleset in `folder`."""
    for name, text in FILES.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, "utf-8")
    return folder


def record(**given: Any) -> dict[str, Any]:
    """A native record of a patient who takes baclofen and whose clearance is 24 mL/min."""
    clearance = {"value": "24 mL/min", "at": "2026-01-10", "source": "Observation/9"}
    base: dict[str, Any] = {
        "id": "p1",
        "age": "50 a",
        "sex": "male",
        "creatinine_clearance": clearance,
        "orders": [BACLOFEN],
        "conditions": [],
        "allergies": [],
    }
    return {name: value for name, value in (base | given).items() if value is not None}


def write_record(path: Path, **given: Any) -> Path:
    """The record as a JSON file."""
    path.write_text(json.dumps(record(**given)), "utf-8")
    return path


CLEAR = {"creatinine_clearance": {"value": "90 mL/min", "at": "2026-01-10"}}
"""What makes the record clear of every rule."""
