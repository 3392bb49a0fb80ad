"""Parts of an OpenAPI document that several operations share."""

from __future__ import annotations

from typing import Any, Final

from caveat.service.problems import PROBLEM

SECURITY: Final = "bearerAuth"
OPEN: Final[list[Any]] = []
"""The security of what needs no token."""
STATUSES: Final = {
    400: "The body is not JSON",
    401: "No valid token; the body is empty",
    404: "There is no such thing",
    405: "The address does not take this method",
    406: "No form named by Accept can be given",
    408: "The body did not arrive in time",
    409: "The record contradicts itself: two orders have one id",
    413: "More than the site allows: bytes, depth, entries, orders",
    415: "The Content-Type is not read here, or the charset is not UTF-8",
    422: "JSON, but not what can be judged; every fault is listed with its path",
    429: "Too many calls are under way; Retry-After says when to come again",
    500: "The check failed: review manually",
    503: "Nothing is answered now: the audit trail cannot be written, or time ran out",
}
HEADERS: Final[dict[str, Any]] = {
    "X-Caveat-Evaluation": {
        "description": "Id of this evaluation in the audit trail",
        "schema": {"type": "string", "format": "uuid"},
    },
    "X-Caveat-Ruleset": {
        "description": "Digest of the rules that were applied",
        "schema": {"type": "string", "pattern": "^sha256:[0-9a-f]{64}$"},
    },
}


def ref(name: str) -> dict[str, Any]:
    """A reference to a schema of the document."""
    return {"$ref": f"#/components/schemas/{name}"}


def refusals(*statuses: int) -> dict[str, Any]:
    """Responses that refuse a call, by status."""
    found: dict[str, Any] = {}
    for status in statuses:
        one: dict[str, Any] = {"description": STATUSES[status]}
        if status == 401:
            one["headers"] = {"WWW-Authenticate": {"schema": {"const": "Bearer"}}}
        else:
            one["content"] = {PROBLEM: {"schema": ref("Problem")}}
        if status in (429, 503):
            one["headers"] = {"Retry-After": {"schema": {"type": "integer", "minimum": 0}}}
        found[str(status)] = one
    return found


def answer(description: str, schema: dict[str, Any], *headers: str, media: str = "application/json") -> Any:
    """The response that answers a call."""
    return {
        "description": description,
        "headers": {name: HEADERS[name] for name in headers},
        "content": {media: {"schema": schema}},
    }


def query(name: str, schema: dict[str, Any], description: str) -> dict[str, Any]:
    """An optional parameter of the query."""
    return {"name": name, "in": "query", "required": False, "description": description, "schema": schema}
