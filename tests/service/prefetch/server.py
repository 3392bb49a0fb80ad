"""A FHIR server of a few lines: answers templates from the resources of one record."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from typing import Any
from urllib.parse import parse_qsl


def answers(resources: Iterable[Mapping[str, Any]], queries: Mapping[str, str]) -> dict[str, bytes]:
    """The prefetch by key: a resource for a read, a Bundle for a search, null where there is nothing."""
    listed = list(resources)
    return {key: json.dumps(_answer(listed, query)).encode() for key, query in queries.items()}


def _answer(resources: list[Mapping[str, Any]], query: str) -> Any:
    head, marked, rest = query.partition("?")
    if not marked:
        kind, _, identity = head.partition("/")
        return next(
            (one for one in resources if (one["resourceType"], one.get("id")) == (kind, identity)), None
        )
    asked = dict(parse_qsl(rest, keep_blank_values=True))
    found = [one for one in resources if one["resourceType"] == head and _fits(one, asked)]
    if not found:
        return None
    if asked.get("_sort") == "-date":
        found.sort(key=lambda one: str(one.get("effectiveDateTime") or ""), reverse=True)
    most = int(asked.get("_count", 1000))
    used = {ref for one in found for ref in _references(one)}
    included = [one for one in resources if f"{one['resourceType']}/{one.get('id')}" in used]
    bundle: dict[str, Any] = {
        "resourceType": "Bundle",
        "type": "searchset",
        "total": len(found),
        "entry": [
            *({"resource": one, "search": {"mode": "match"}} for one in found[:most]),
            *({"resource": one, "search": {"mode": "include"}} for one in included),
        ],
    }
    if len(found) > most:
        bundle["link"] = [{"relation": "next", "url": "https://ehr.test/fhir?page=2"}]
    return bundle


def _references(resource: Mapping[str, Any]) -> list[str]:
    """A medicine that an order refers to: many servers send it along unasked."""
    reference = resource.get("medicationReference", {}).get("reference")
    return [reference] if reference else []


def _fits(resource: Mapping[str, Any], asked: Mapping[str, str]) -> bool:
    subject = (resource.get("subject") or resource.get("patient") or {}).get("reference", "")
    if subject.rpartition("/")[2] != asked["patient"].rpartition("/")[2]:
        return False
    if "status" in asked and resource.get("status") not in asked["status"].split(","):
        return False
    return all(_token(resource, name, asked[name]) for name in ("code", "category") if name in asked)


def _token(resource: Mapping[str, Any], name: str, wanted: str) -> bool:
    stated = resource.get(name) or []
    concepts = stated if isinstance(stated, list) else [stated]
    here = {f"{c.get('system', '')}|{c.get('code')}" for one in concepts for c in one.get("coding", ())}
    return not here.isdisjoint(wanted.split(","))
