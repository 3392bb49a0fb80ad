"""The published JSON Schemas of what is sent to the REST service and what it answers."""

from __future__ import annotations

from typing import Any, Final

from caveat.service.rest.records_schema import EXAMPLE, definitions

DIALECT: Final = "https://json-schema.org/draft/2020-12/schema"
_ANSWERS: Final = {
    "screen-bundle": "Reports",
    "explain": "Explanation",
    "what-if": "WhatIf",
    "rules": "Rules",
    "rule": "Rule",
    "problem": "Problem",
    "ready": "Ready",
}
KINDS: Final = (
    "screen-request",
    "explain-request",
    "what-if-request",
    "screen-line",
    *_ANSWERS,
)
"""What there is a schema of; each is a file `rest-KIND.schema.json` in docs/schema."""

REQUESTS: Final[dict[str, dict[str, Any]]] = {
    "ExplainRequest": {
        "type": "object",
        "description": "Which rule to explain on which record; `order` keeps only subjects with that order",
        "properties": {
            "record": {"$ref": "#/$defs/Record"},
            "rule": {"type": "string", "minLength": 1},
            "as_of": {"anyOf": [{"$ref": "#/$defs/Day"}, {"type": "null"}]},
            "selection": {"$ref": "#/$defs/Selection"},
            "order": {"anyOf": [{"type": "string", "minLength": 1}, {"type": "null"}]},
        },
        "required": ["record", "rule"],
        "additionalProperties": False,
        "examples": [{"record": EXAMPLE, "rule": "baclofen.renal.crcl-below-30", "as_of": "2026-01-15"}],
    },
    "WhatIfRequest": {
        "type": "object",
        "description": "`set` puts facts in place first (`unknown` takes one away); `facts` are to be varied",
        "properties": {
            "record": {"$ref": "#/$defs/Record"},
            "as_of": {"anyOf": [{"$ref": "#/$defs/Day"}, {"type": "null"}]},
            "selection": {"$ref": "#/$defs/Selection"},
            "set": {"anyOf": [{"$ref": "#/$defs/ChangedFacts"}, {"type": "null"}]},
            "facts": {"anyOf": [{"type": "array", "items": {"$ref": "#/$defs/FactName"}}, {"type": "null"}]},
        },
        "required": ["record"],
        "additionalProperties": False,
        "examples": [
            {
                "record": EXAMPLE,
                "facts": ["creatinine_clearance"],
                "set": {"weight": "64 kg"},
                "as_of": "2026-01-15",
            }
        ],
    },
    "Selection": {
        "enum": ["active", "overlapping", "ever", None],
        "description": "Which orders count: those in force, those whose dates overlap the day, or all",
    },
    "ChangedFacts": {"type": "object", "additionalProperties": {"type": "string"}},
    "FactName": {"type": "string"},
}


def components() -> dict[str, dict[str, Any]]:
    """Every schema of the service by name, references as `#/$defs/NAME`."""
    found: dict[str, dict[str, Any]] = {}
    for part in (definitions(), REQUESTS, answers()):
        if twice := found.keys() & part.keys():
            raise ValueError(f"two schemas are called {', '.join(sorted(twice))}")
        found.update(part)
    return found


def answers() -> dict[str, dict[str, Any]]:
    """The schemas of answers by name."""
    import msgspec

    from caveat.render.shapes import ReportJSON, _renamed
    from caveat.service.rest import shapes

    types = [
        ReportJSON,
        *(getattr(shapes, f"{name}JSON") for name in ("Reports", "ErrorLine", "Trailer")),
        *(getattr(shapes, f"{name}JSON") for name in ("Problem", "Explanation", "WhatIf", "Rules", "Rule")),
        *(getattr(shapes, f"{name}JSON") for name in ("Health", "Ready")),
    ]
    _, parts = msgspec.json.schema_components(types, ref_template="#/$defs/{name}")
    found = {name.removesuffix("JSON"): _renamed(part) for name, part in parts.items()}
    found["ScreenLine"] = {
        "description": "A line that answers a stream: a report, those of a Bundle, an error, the trailer",
        "anyOf": [{"$ref": f"#/$defs/{name}"} for name in ("Report", "Reports", "ErrorLine", "Trailer")],
    }
    return found


def schema(kind: str) -> dict[str, Any]:
    """The JSON Schema (2020-12) of that kind, one of KINDS; KeyError for another."""
    roots = {
        "screen-request": "Record",
        "explain-request": "ExplainRequest",
        "what-if-request": "WhatIfRequest",
        "screen-line": "ScreenLine",
        **_ANSWERS,
    }
    known = components()
    name = roots[kind]
    needed = {
        one: known[one] for one in sorted(_needed(name, known)) if one != name or _refers(known[one], name)
    }
    return {
        "$schema": DIALECT,
        "title": f"caveat REST {kind}",
        **{key: value for key, value in known[name].items() if key != "title"},
        "$defs": needed,
    }


def _needed(name: str, known: dict[str, dict[str, Any]]) -> set[str]:
    found: set[str] = set()
    waiting = [name]
    while waiting:
        one = waiting.pop()
        if one not in found:
            found.add(one)
            waiting += _references(known[one])
    return found


def _refers(part: Any, name: str) -> bool:
    return name in _references(part)


def _references(part: Any) -> list[str]:
    if isinstance(part, list):
        return [name for item in part for name in _references(item)]
    if not isinstance(part, dict):
        return []
    own = [str(part["$ref"]).rpartition("/")[2]] if isinstance(part.get("$ref"), str) else []
    return own + [name for value in part.values() for name in _references(value)]
