"""The JSON Schema of what can be screened: a native record, as exactly as a schema can, or a Bundle."""

from __future__ import annotations

from typing import Any, Final

_NUMBER: Final = r"[0-9]{1,30}(\.[0-9]{1,20})?"
_UNIT: Final = r"/?[A-Za-z%][A-Za-z0-9%/]{0,20}"
_PART: Final = r"(1[89][0-9]{2}|2[012][0-9]{2})"
_DAY: Final = (
    r"((0[13578]|1[02])-(0[1-9]|[12][0-9]|3[01])|(0[469]|11)-(0[1-9]|[12][0-9]|30)|02-(0[1-9]|1[0-9]|2[0-8]))"
)
_TIME: Final = (
    r"([01][0-9]|2[0-3]):[0-5][0-9](:[0-5][0-9](\.[0-9]{1,6})?)?(Z|[+-](0[0-9]|1[0-3]):[0-5][0-9])?"
)
_TRUTHS: Final = (
    "([01]|[oO][nN]|[oO][fF][fF]|[yYnNtTfF]|[yY][eE][sS]|[nN][oO]|[tT][rR][uU][eE]|[fF][aA][lL][sS][eE])"
)
_AMOUNT: Final[dict[str, Any]] = {
    "anyOf": [
        {"type": "number", "minimum": 1e-30, "exclusiveMaximum": 1e31},
        {"type": "number", "exclusiveMinimum": -1e31, "maximum": -1e-30},
        {"const": 0},
        {"type": "string", "pattern": f"^-?{_NUMBER}$"},
    ]
}
_COMPARATOR: Final[dict[str, Any]] = {"enum": ["<", "<=", ">=", ">", None]}
_QUANTITY: Final[dict[str, Any]] = {
    "type": "object",
    "properties": {
        "value": _AMOUNT,
        "unit": {"type": "string", "description": "UCUM or an everyday spelling; `1` for a plain number"},
        "comparator": _COMPARATOR,
        "upper": {"anyOf": [*_AMOUNT["anyOf"], {"type": "null"}]},
    },
    "required": ["value", "unit"],
    "additionalProperties": False,
}
_SAYS: Final = "Also `10-20 mg`. A unit that is not known is kept as written, and judged as unknown"
SHARED: Final[dict[str, dict[str, Any]]] = {
    "Day": {
        "type": "string",
        "pattern": f"^{_PART}-{_DAY}$",
        "description": "A day; 29 February of leap years too",
        "examples": ["2026-01-15"],
    },
    "When": {
        "type": "string",
        "pattern": f"^{_PART}(-(0[1-9]|1[0-2])|-{_DAY}(T{_TIME})?)?$",
        "description": "A year, month, day or instant, 1800 to 2300; 29 February of leap years too",
        "examples": ["2026-01-15", "2026-01", "2026-01-15T08:30:00Z"],
    },
    "Code": {
        "anyOf": [
            {
                "type": "string",
                "pattern": r"^[\s\S]+\|[^|]+$",
                "examples": ["icd10cm|G40.909", "rxnorm|1292"],
            },
            {
                "type": "object",
                "properties": {
                    "system": {"type": "string"},
                    "code": {"type": "string", "minLength": 1},
                    "display": {"type": "string"},
                },
                "required": ["system", "code"],
                "additionalProperties": False,
            },
        ]
    },
    "QuantityObject": _QUANTITY,
    "Quantity": {
        "anyOf": [
            {
                "type": "string",
                "pattern": f"^(<=|>=|<|>)?-?{_NUMBER}( {_UNIT})?$",
                "description": _SAYS,
                "examples": ["10 mg", "3 /d"],
            },
            {"$ref": "#/$defs/QuantityObject"},
        ]
    },
    "Measured": {
        "type": "string",
        "pattern": f"^(<=|>=|<|>)?-?{_NUMBER} {_UNIT}$",
        "description": f"A number with its unit. {_SAYS}",
        "examples": ["24 mL/min", "<0.3 mg/dL"],
    },
    "Amount": {"anyOf": [{"$ref": "#/$defs/Measured"}, {"$ref": "#/$defs/QuantityObject"}]},
    "Measurement": {
        "anyOf": [
            {"$ref": "#/$defs/Measured"},
            {
                **_QUANTITY,
                "properties": {
                    **_QUANTITY["properties"],
                    "at": {"anyOf": [{"$ref": "#/$defs/When"}, {"type": "null"}]},
                    "source": {"type": ["string", "null"]},
                },
            },
            {
                "type": "object",
                "properties": {
                    "value": {"$ref": "#/$defs/Amount"},
                    "at": {"anyOf": [{"$ref": "#/$defs/When"}, {"type": "null"}]},
                    "source": {"type": ["string", "null"]},
                },
                "required": ["value"],
                "anyOf": [{"required": ["at"]}, {"required": ["source"]}],
                "additionalProperties": False,
            },
        ]
    },
    "Truth": {
        "anyOf": [{"type": "boolean"}, {"enum": [0, 1]}, {"type": "string", "pattern": f"^{_TRUTHS}$"}],
        "description": "true or false; what other systems write for them is read too",
    },
    "Bundle": {
        "type": "object",
        "title": "FHIR R4 Bundle",
        "description": "A Bundle of any type that holds at least one Patient",
        "properties": {
            "resourceType": {"const": "Bundle"},
            "entry": {
                "type": "array",
                "contains": {
                    "type": "object",
                    "properties": {
                        "resource": {
                            "type": "object",
                            "properties": {"resourceType": {"const": "Patient"}},
                            "required": ["resourceType"],
                        }
                    },
                    "required": ["resource"],
                },
            },
        },
        "required": ["resourceType", "entry"],
    },
}
_NAMED: Final = {
    "Order": ("text", "codes", "ingredients"),
    "Condition": ("text", "codes"),
    "Allergy": ("text", "codes"),
    "Observation": ("concept", "text", "codes"),
}
_SPANS: Final = ("age", "gestation")
_INNER: Final = ("notes", "problems")
"""What readers of other formats leave in a record; nobody writes them by hand."""
EXAMPLE: Final[dict[str, Any]] = {
    "id": "p1",
    "age": "70 a",
    "sex": "female",
    "creatinine_clearance": {"value": "24 mL/min", "at": "2026-01-10"},
    "orders": [
        {
            "id": "o1",
            "text": "Baclofen 10 mg tablet",
            "route": "oral",
            "dose": "10 mg",
            "frequency": "3 /d",
            "status": "active",
            "start": "2025-11-20",
        }
    ],
    "conditions": [{"text": "Spasticity", "codes": ["icd10cm|G80.1"], "clinical_status": "active"}],
    "allergies": [],
}


def definitions() -> dict[str, dict[str, Any]]:
    """The schemas by name, their references as `#/$defs/NAME`: Record, and what it is made of."""
    from caveat.authoring.schemas import schema

    patient = schema("patient")
    found: dict[str, dict[str, Any]] = {**SHARED}
    for name, part in patient.pop("$defs").items():
        if name not in ("Note", "Problem", "Measurement"):
            found[name] = _exact(part)
    record = _exact({key: value for key, value in patient.items() if key not in ("$schema", "title")})
    for name in _INNER:
        del record["properties"][name]
    for name in _SPANS:
        record["properties"][name] = _or_null({"$ref": "#/$defs/Amount"})
    record["properties"]["sex"] = {"enum": ["male", "female", "other", "unknown", "", None]}
    record["not"] = {
        "required": ["age", "birth_date"],
        "properties": {"age": {"not": {"type": "null"}}, "birth_date": {"not": {"type": "null"}}},
    }
    found["NativeRecord"] = {"title": "Native record", **record}
    for name, ways in _NAMED.items():
        found[name] = {**found[name], "anyOf": [_given(found[name], way) for way in ways]}
    found["Record"] = {
        "anyOf": [{"$ref": "#/$defs/NativeRecord"}, {"$ref": "#/$defs/Bundle"}],
        "description": "A native record, or a FHIR R4 Bundle; what it says it is decides",
        "examples": [EXAMPLE],
    }
    return found


def _given(model: dict[str, Any], name: str) -> dict[str, Any]:
    """That a field is there and not empty."""
    least = (
        {"type": "string", "minLength": 1}
        if name in ("text", "concept")
        else {"type": "array", "minItems": 1}
    )
    return {"required": [name], "properties": {name: least}}


def _or_null(part: dict[str, Any]) -> dict[str, Any]:
    return {"anyOf": [part, {"type": "null"}]}


def _exact(part: Any) -> Any:
    """The schema with the shapes above in place of looser ones, and without titles and defaults."""
    if isinstance(part, list):
        return [_exact(item) for item in part]
    if not isinstance(part, dict):
        return part
    examples = part.get("examples") or (part.get("anyOf") or [{}])[0].get("examples") or ()
    for mark, name in (("24 mL/min", "Quantity"), ("2026-01-15", "When"), ("icd10cm|G40.909", "Code")):
        if mark in examples:
            named = {"$ref": f"#/$defs/{name}"}
            return _or_null(named) if {"type": "null"} in part.get("anyOf", ()) else named
    options = part.get("anyOf")
    if isinstance(options, list) and any(
        str(one.get("$ref")).endswith("/Measurement") for one in _flat(options)
    ):
        return _or_null({"$ref": "#/$defs/Measurement"})
    if part.get("type") == "boolean":
        return {"$ref": "#/$defs/Truth"}
    return {
        key: {name: _exact(one) for name, one in value.items()} if key == "properties" else _exact(value)
        for key, value in part.items()
        if key not in ("title", "default")
    }


def _flat(options: list[Any]) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for one in options:
        found += _flat(one["anyOf"]) if isinstance(one, dict) and "anyOf" in one else [one]
    return found
