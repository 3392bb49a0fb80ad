"""The two validators of FHIR R4 that must both be content: one knows cardinalities, one enumerations."""

from __future__ import annotations

import hashlib
import json
from functools import cache
from pathlib import Path
from typing import Any

import fhirkit
import jsonschema
import pytest

from render.cds.samples import empties

SCHEMA = Path(__file__).resolve().parents[3] / ".venv" / "fhir" / "fhir.schema.json"
SHA256 = "15b9548af6412c44faaa411456e0652542de286fd1c58ef882b09bdc8947909d"


@cache
def schema() -> dict[str, Any]:
    """The JSON Schema of FHIR 4.0; the test is skipped where it is not, and fails where it is another."""
    if not SCHEMA.is_file():
        pytest.skip("needs the FHIR JSON Schema: scripts/environment.sh test fetches it where npm is")
    data = SCHEMA.read_bytes()
    assert hashlib.sha256(data).hexdigest() == SHA256, f"{SCHEMA} is not the FHIR 4.0 JSON Schema; remove it"
    found: dict[str, Any] = json.loads(data)
    return found


@cache
def _validator(kind: str) -> jsonschema.Draft6Validator:
    whole = schema()
    part = {"$schema": whole["$schema"], "definitions": whole["definitions"], "$ref": f"#/definitions/{kind}"}
    return jsonschema.Draft6Validator(part)


def faults(resource: dict[str, Any]) -> list[str]:
    """What either validator says is wrong, and what is empty; also of entries and contained resources."""
    found = [f"empty: {path}" for path in empties(resource)]
    found += [f"fhirkit: {issue}" for issue in fhirkit.validate(json.dumps(resource))]
    alone = dict(resource)
    inner = [entry["resource"] for entry in alone.get("entry", ())] + list(alone.pop("contained", ()))
    if "entry" in alone:
        alone["entry"] = [{k: v for k, v in entry.items() if k != "resource"} for entry in alone["entry"]]
    for error in _validator(resource["resourceType"]).iter_errors(alone):
        found.append(f"schema: {resource['resourceType']} {error.json_path}: {error.message[:200]}")
    for one in inner:
        found += faults(one)
    return found
