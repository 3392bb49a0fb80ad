"""The REST operations, by path and method."""

from __future__ import annotations

from typing import Any, Final

from caveat.service.rest.described.parts import HEADERS, OPEN, answer, query, ref, refusals
from caveat.service.rest.media import FHIR, JSON, LINES
from caveat.service.rest.parameters import SELECTIONS
from caveat.service.rest.rules import CHOICES, MOST, USUAL

_BOTH: Final = tuple(HEADERS)
_RULESET: Final = ("X-Caveat-Ruleset",)
_ALWAYS: Final = (401, 429)
_ASKED: Final = (400, 401, 406, 408, 409, 413, 415, 422, 429, 500, 503)
_AS_OF: Final = query(
    "as_of", {"$ref": "#/components/schemas/Day"}, "The day to judge for; today at the site"
)
_SELECTION: Final = query(
    "selection",
    {"enum": list(SELECTIONS), "default": "active"},
    "Which orders count: those in force, those whose dates overlap the day, or all",
)
_STREAM: Final = (
    "One native record or Bundle a line. Each line is answered by one line, in order, with what it would be "
    "answered alone; a line that cannot be judged by an error with its number. Blank lines have no answer. "
    "The last line is the trailer: without it the stream was cut."
)
_SCREEN: Final[dict[str, Any]] = {
    "operationId": "screen",
    "tags": ["screening"],
    "summary": "Judge a record, a Bundle, or a stream of them",
    "description": "A native record is answered by its report, a Bundle by a list of reports with what was "
    "judged for nobody, a stream line by line. Accept decides the form. Nothing is ever left out in "
    "silence: what could not be assessed or recognised is in the report.",
    "parameters": [_AS_OF, _SELECTION],
    "requestBody": {
        "required": True,
        "content": {
            JSON: {"schema": ref("Record")},
            FHIR: {"schema": ref("Bundle")},
            LINES: {"schema": {"type": "string", "description": _STREAM}},
        },
    },
    "responses": {
        "200": {
            "description": "Judged. `is_clear` holds only where nothing alerted, was left open, was "
            "unrecognised or failed",
            "headers": HEADERS,
            "content": {
                JSON: {"schema": {"anyOf": [ref("Report"), ref("Reports")]}},
                FHIR: {"schema": ref("FhirAnswer")},
                LINES: {"schema": {"type": "string", "description": "A ScreenLine a line, then the trailer"}},
            },
        },
        **refusals(*_ASKED),
    },
}
_EXPLAIN: Final[dict[str, Any]] = {
    "operationId": "explain",
    "tags": ["screening"],
    "summary": "Why a rule did or did not alert on a record",
    "description": "Every clause with its truth, values, dates, sources and what is missing; nothing is cut "
    "short. An unknown rule or order is 404.",
    "requestBody": {"required": True, "content": {JSON: {"schema": ref("ExplainRequest")}}},
    "responses": {
        "200": answer("How the rule was judged", ref("Explanation"), *_BOTH),
        **refusals(404, *_ASKED),
    },
}
_WHAT_IF: Final[dict[str, Any]] = {
    "operationId": "what-if",
    "tags": ["screening"],
    "summary": "The values of each number at which what is concluded changes",
    "description": "Computed from the limits in the rules, not sampled. Without `facts`, every number that "
    "a rule asks of this record. A fact or an order that the site does not know is 404.",
    "requestBody": {"required": True, "content": {JSON: {"schema": ref("WhatIfRequest")}}},
    "responses": {
        "200": answer("The tipping points, and the report with `set` in place", ref("WhatIf"), *_BOTH),
        **refusals(404, *_ASKED),
    },
}
_RULES: Final[dict[str, Any]] = {
    "operationId": "rules",
    "tags": ["rules"],
    "summary": "The rules that are served, by id",
    "parameters": [
        query("ingredient", {"type": "string"}, "Only rules that are judged for this ingredient"),
        *(
            query(name, {"enum": list(known)}, f"Only rules of this {name}")
            for name, known in CHOICES.items()
        ),
        query("after", {"type": "string"}, "Only rules whose id comes after this one: `next` of a page"),
        query(
            "limit",
            {"type": "integer", "minimum": 1, "maximum": MOST, "default": USUAL},
            "How many at most",
        ),
    ],
    "responses": {
        "200": answer("A page of rules", ref("Rules"), *_RULESET),
        **refusals(*_ALWAYS, 406, 422, 503),
    },
}
_RULE: Final[dict[str, Any]] = {
    "operationId": "rule",
    "tags": ["rules"],
    "summary": "One rule whole: texts, conditions in words, evidence, what it needs",
    "parameters": [
        {
            "name": "rule",
            "in": "path",
            "required": True,
            "description": "Id of a rule",
            "schema": {"type": "string", "minLength": 1},
            "example": "baclofen.renal.crcl-below-30",
        }
    ],
    "responses": {
        "200": answer("The rule", ref("Rule"), *_RULESET),
        **refusals(*_ALWAYS, 404, 406, 422, 503),
    },
}
_HEALTH: Final[dict[str, Any]] = {
    "operationId": "health",
    "tags": ["operation"],
    "summary": "The process is up",
    "security": OPEN,
    "responses": {"200": answer("Up", ref("Health"))},
}
_READY: Final[dict[str, Any]] = {
    "operationId": "ready",
    "tags": ["operation"],
    "summary": "Whether calls are answered now",
    "security": OPEN,
    "responses": {
        "200": answer("They are, perhaps without the database", ref("Ready"), *_RULESET),
        "503": answer("They would be refused", ref("Ready"), *_RULESET),
    },
}
_METRICS: Final[dict[str, Any]] = {
    "operationId": "metrics",
    "tags": ["operation"],
    "summary": "Counts and times of all workers, for Prometheus",
    "responses": {
        "200": answer("Text of the Prometheus exposition format", {"type": "string"}, media="text/plain"),
        **refusals(*_ALWAYS, 503),
    },
}
OPERATIONS: Final[dict[str, dict[str, dict[str, Any]]]] = {
    "/v1/screen": {"post": _SCREEN},
    "/v1/explain": {"post": _EXPLAIN},
    "/v1/what-if": {"post": _WHAT_IF},
    "/v1/rules": {"get": _RULES},
    "/v1/rules/{rule}": {"get": _RULE},
    "/healthz": {"get": _HEALTH},
    "/readyz": {"get": _READY},
    "/metrics": {"get": _METRICS},
}
