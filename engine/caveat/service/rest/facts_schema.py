"""The JSON Schema of facts that can be set or varied: it depends on the vocabulary that is served."""

from __future__ import annotations

import re
from typing import Any

from caveat.authoring.changed import ORDER_VALUES, settable
from caveat.facts.catalog import CHOICES, PATIENT_NUMBERS, number_fact
from caveat.terminology.concepts import Terminology

_OF_ORDER = rf"^orders\[.+\]\.({'|'.join(ORDER_VALUES)})$"


def settable_facts(terminology: Terminology) -> dict[str, dict[str, Any]]:
    """The schemas FactName and ChangedFacts.

    Values are shown in the unit of the fact; others that measure the same are read too.
    """
    numbers = sorted({*PATIENT_NUMBERS, *terminology.tables.observations})
    numbers = [name for name in numbers if settable(name, terminology)]
    stated: dict[str, dict[str, Any]] = {
        name: {"enum": [*values, *(("yes", "no") if "true" in values else ()), "unknown"]}
        for name, values in CHOICES.items()
    }
    stated["child_pugh"] = {"enum": ["A", "B", "C", "unknown"]}
    stated["context.pump_refilled"] = {"anyOf": [{"$ref": "#/$defs/When"}, {"const": "unknown"}]}
    order: dict[str, Any] = {"type": "string", "pattern": r"^(unknown|[1-9][0-9]{0,2}(\.[0-9]{1,2})? m?g)$"}
    return {
        "FactName": {
            "anyOf": [{"enum": numbers}, {"type": "string", "pattern": _OF_ORDER}],
            "description": "A number that is measured or stated, or `orders[ID].dose`",
        },
        "ChangedFacts": {
            "type": "object",
            "description": "Facts by name with the value to put in their place; `unknown` takes one away",
            "properties": {**{name: _value(name, terminology) for name in numbers}, **stated},
            "patternProperties": {_OF_ORDER: order},
            "additionalProperties": False,
        },
    }


def _value(name: str, terminology: Terminology) -> dict[str, Any]:
    fact = number_fact(name, terminology)
    unit = "" if fact is None or fact.unit == "1" else f" {fact.unit}"
    return {
        "type": "string",
        "pattern": rf"^(unknown|[1-9][0-9]{{0,2}}(\.[0-9]{{1,2}})?{re.escape(unit)})$".replace("\\ ", " "),
        "examples": [f"5{unit}"],
    }
