"""JSON Schemas of everything that is written or read, from the models that read them."""

from __future__ import annotations

from typing import Any, Final

KINDS: Final = (
    "report",
    "patient",
    "rules",
    "cases",
    "policy",
    "overlay",
    "must-fire",
    "sources",
    "ledger",
    "monograph",
)

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_TITLES: Final = {
    "patient": "caveat patient record",
    "rules": "caveat rules (*.rules.yaml)",
    "cases": "caveat cases (*.cases.yaml)",
    "policy": "caveat policy",
    "overlay": "caveat site overlay",
    "must-fire": "caveat must-fire items (must-fire/*.yaml)",
    "sources": "caveat bibliography (sources.yaml)",
    "ledger": "caveat ledger (ledger.yaml)",
    "monograph": "caveat monograph data (monograph.yaml)",
}
_TEXT_OR: Final = ("Coded", "Measurement")


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of that kind, one of KINDS; KeyError for another."""
    if kind == "report":
        from caveat.render.shapes import report_schema

        return report_schema()
    title = _TITLES[kind]
    written = _model(kind).model_json_schema(by_alias=True, mode="validation")
    body = _mended(written)
    body.pop("title", None)
    return {"$schema": DIALECT, "title": title, **body}


def _model(kind: str) -> Any:
    if kind == "patient":
        from caveat.facts.patient import Patient

        return Patient
    if kind == "cases":
        from caveat.authoring.case_files import CaseFile

        return CaseFile
    if kind == "policy":
        from caveat.rules.policy import Policy

        return Policy
    if kind == "overlay":
        from caveat.rules.overlay import Overlay

        return Overlay
    if kind == "must-fire":
        from caveat.authoring.selftest import MustFireFile

        return MustFireFile
    if kind == "monograph":
        from caveat.rules.monograph import Monograph

        return Monograph
    from caveat.rules import model

    return {"rules": model.RuleFile, "sources": model.SourcesFile, "ledger": model.LedgerFile}[kind]


def _mended(part: Any, inside: str = "") -> Any:
    """The schema with the shorthands the readers accept: one name for a list, text for a coded fact."""
    if isinstance(part, list):
        return [_mended(item, inside) for item in part]
    if not isinstance(part, dict):
        return part
    reference = str(part.get("$ref", "")).rpartition("/")[2]
    if reference in _TEXT_OR and inside != "$ref":
        return {"anyOf": [{"type": "string"}, dict(part)]}
    found = {key: _mended(value, key) for key, value in part.items()}
    if found.get("type") == "array" and found.get("anyOf") == [{"type": "string"}, {"type": "array"}]:
        listed = {k: found.pop(k) for k in ("type", "items", "minItems") if k in found}
        found["anyOf"] = [{"type": "string"}, listed]
    if isinstance(found.get("description"), str):
        found["description"] = "\n\n".join(
            " ".join(text.split()) for text in found["description"].split("\n\n")
        )
    return found
