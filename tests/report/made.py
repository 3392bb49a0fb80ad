"""Folders of finished runs, made from a few lines, and the text of a page."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from caveat.batch import schemas
from caveat.findings.severity import SEVERITIES

Finding = tuple[str, str, str]
"""Rule, status, and the missing facts (cannot-assess) or unchecked exceptions (fires), parted by blanks."""

RULES: dict[str, tuple[str, str, str]] = {
    "a.renal.low": ("contraindicated", "contraindication", "A with little renal function"),
    "a.pair.b": ("major", "interaction", "A with B"),
    "a.dose.high": ("moderate", "dosing", "Much of A"),
    "a.note.any": ("info", "monitoring", "A is taken"),
}


def finding(part: int, row: int, told: Finding, rules: Mapping[str, tuple[str, str, str]]) -> dict[str, Any]:
    """A row of findings.parquet; a status `superseded` fired, and another rule says more."""
    rule, status, more = told
    severity, kind, _ = rules[rule]
    fired = status in ("fires", "superseded")
    return {
        "patient": f"p{part}-{row}",
        "part": part,
        "row": row,
        "rule": rule,
        "orders": ["o1"],
        "allergies": [],
        "status": "fires" if fired else status,
        "severity": severity,
        "kind": kind,
        "tier": "interruptive" if severity in ("contraindicated", "major") else "passive",
        "drugs": ["a"],
        "missing": more.split() if status == "cannot-assess" else [],
        "unchecked": more.split() if fired else [],
        "suppressed_by": "a.renal.low" if status == "superseded" else None,
        "because": None,
        "error": "ZeroDivisionError" if status == "error" else None,
    }


def patient(
    part: int,
    row: int,
    told: Sequence[Finding],
    rules: Mapping[str, tuple[str, str, str]],
    names: Sequence[tuple[str, str]] = (),
    faults: Sequence[str] = (),
) -> dict[str, Any]:
    """The row of patients.parquet that belongs to the findings."""
    status = [s for _, s, _ in told]
    fired = [rules[rule][0] for rule, s, _ in told if s == "fires"]
    errors = [*faults, *(["rule-failed"] * status.count("error"))]
    return {
        "patient": f"p{part}-{row}",
        "part": part,
        "row": row,
        "clear": not fired and not names and not errors and "cannot-assess" not in status,
        "alerts": len(fired),
        **{name: fired.count(name) for name in SEVERITIES},
        "cannot_assess": status.count("cannot-assess"),
        "excepted": status.count("excepted"),
        "suppressed": status.count("superseded"),
        "failed_rules": status.count("error"),
        "notes": 0,
        "uncovered": 0,
        "unrecognised": [{"kind": kind, "text": text, "id": None} for kind, text in names],
        "errors": [{"code": code, "message": "", "path": None, "value": None} for code in errors],
        "source": None,
    }


def reject(code: str, field: str, patient: str | None = "r1", **more: Any) -> dict[str, Any]:
    """A row of rejects.parquet; a whole record unless `patient` is None."""
    base = {"part": 0, "file": "cohort.ndjson", "line": 7, "message": "", "value": "", "hint": "", "also": []}
    return {**base, "field": field, "code": code, "harmless": False, "patient": patient, **more}


def run(
    folder: Path,
    told: Sequence[Sequence[Finding]],
    *,
    names: Mapping[int, Sequence[tuple[str, str]]] | None = None,
    faults: Mapping[int, Sequence[str]] | None = None,
    rejects: Iterable[Mapping[str, Any]] = (),
    rules: Mapping[str, tuple[str, str, str]] = RULES,
    parts: int = 1,
    shuffled: bool = False,
    manifest: Mapping[str, Any] | None = None,
) -> Path:
    """The folder of a run whose patients have these findings, in order."""
    folder.mkdir(exist_ok=True)
    places = [(index * parts // max(len(told), 1), index) for index in range(len(told))]
    found = [finding(*place, one, rules) for place, of in zip(places, told, strict=True) for one in of]
    if shuffled:
        found = found[::2] + found[1::2]
    people = [
        patient(*place, of, rules, (names or {}).get(index, ()), (faults or {}).get(index, ()))
        for index, (place, of) in enumerate(zip(places, told, strict=True))
    ]
    aside = [dict(one) for one in rejects]
    for name, rows in (("findings", found), ("patients", people), ("rejects", aside)):
        pq.write_table(pa.Table.from_pylist(rows, schemas.schema_of(name)), folder / f"{name}.parquet")
    records = sum(one["patient"] is not None for one in aside)
    content: dict[str, Any] = {
        "title": None,
        "kind": "native",
        "inputs": [{"path": "cohort.ndjson", "size": 1234567, "sha256": "ab"}],
        "ruleset": {"version": "2026.11.0", "digest": "sha256:0123456789abcdef"},
        "policy": {"id": "default", "digest": "sha256:ff"},
        "as_of": "2026-01-15",
        "selection": "active",
        "evaluator": "columnar",
        "versions": {"caveat": "0.1.0"},
        "counts": {"entered": len(people) + records, "screened": len(people), "rejected": records},
        "rules": [
            {"rule": name, "title": title, "kind": kind, "severity": severity, "status": "draft"}
            for name, (severity, kind, title) in rules.items()
        ],
        "rule_statuses": {"draft": len(rules)},
        "source": {"reader": "records", "patients": len(people) + records},
        "timings": {"finished": "2026-01-16T08:30:00Z"},
        **(manifest or {}),
    }
    (folder / "run.json").write_text(json.dumps(content), "utf-8")
    return folder


class _Text(HTMLParser):
    """The words of a page: a line a block, cells of a row parted by ` | `."""

    BLOCKS = frozenset("h1 h2 h3 p tr li summary section div dt dd header ul dl details figure".split())

    def __init__(self) -> None:
        super().__init__()
        self.lines: list[str] = [""]
        self.hidden = 0

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("style", "script", "svg", "title"):
            self.hidden += 1
        elif tag in self.BLOCKS:
            self.lines.append("## " if tag == "h2" else "")
        elif tag in ("td", "th") and self.lines[-1]:
            self.lines[-1] += " | "
        elif tag == "small":
            self.lines[-1] += " / "

    def handle_endtag(self, tag: str) -> None:
        if tag in ("style", "script", "svg", "title"):
            self.hidden -= 1
        elif tag in self.BLOCKS:
            self.lines.append("")

    def handle_data(self, data: str) -> None:
        if not self.hidden:
            self.lines[-1] += data


def text_of(path: Path) -> str:
    """What a reader without pictures reads."""
    reader = _Text()
    reader.feed(path.read_text("utf-8"))
    return "\n".join(line for line in (" ".join(line.split()) for line in reader.lines) if line) + "\n"
