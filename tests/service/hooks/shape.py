"""What every answer of a CDS service must look like, checked on any answer at all."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

UUID = re.compile(r"[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}")
URL = re.compile(r"https?://[^\s/]+\S*")
CODES = ("topic", "reason")
"""Keys that hold one Coding; lists of them are `coding` and `overrideReasons`."""


def empties(value: Any, path: str = "$") -> Iterator[str]:
    """The places of null, "", [] and {}, but for `cards: []`."""
    if value is None or value == "" or (value in ([], {}) and path != "$.cards"):
        yield path
    elif isinstance(value, dict):
        for key, inner in value.items():
            yield from empties(inner, f"{path}.{key}")
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from empties(inner, f"{path}[{number}]")


def codings(value: Any, path: str = "$") -> Iterator[tuple[str, Any]]:
    """Every Coding, with its place."""
    if isinstance(value, dict):
        for key, inner in value.items():
            here = f"{path}.{key}"
            if key in CODES:
                yield here, inner
            elif key in ("coding", "overrideReasons"):
                yield from ((f"{here}[{n}]", one) for n, one in enumerate(inner))
            yield from codings(inner, here)
    elif isinstance(value, list):
        for number, inner in enumerate(value):
            yield from codings(inner, f"{path}[{number}]")


def faults_of_cards(body: Any) -> list[str]:
    """Everything in which an answer is not what CDS Hooks asks for."""
    found = [f"{path} is empty" for path in empties(body)]
    for path, coding in codings(body):
        if not (isinstance(coding, dict) and coding.get("code") and coding.get("system")):
            found.append(f"{path} has no code and system")
    if set(body) != {"cards"}:
        found.append(f"keys {sorted(body)}")
    uuids: list[str] = []
    for number, card in enumerate(body.get("cards", ())):
        found += [f"$.cards[{number}]: {fault}" for fault in _card(card)]
        uuids += [card.get("uuid"), *(one.get("uuid") for one in card.get("suggestions", ()))]
    if len(uuids) != len(set(uuids)):
        found.append("a uuid stands twice")
    return found


_CARD = {
    "uuid",
    "summary",
    "detail",
    "indicator",
    "source",
    "suggestions",
    "selectionBehavior",
    "overrideReasons",
    "links",
}


def _card(card: Any) -> Iterator[str]:
    if not set(card) <= _CARD:
        yield f"keys {sorted(set(card) - _CARD)}"
    if not UUID.fullmatch(card.get("uuid", "")):
        yield "no uuid"
    if not 0 < len(card.get("summary", "").encode("utf-16-le")) // 2 < 140 or "\n" in card["summary"]:
        yield "summary"
    if card.get("indicator") not in ("info", "warning", "critical"):
        yield "indicator"
    source = card.get("source", {})
    if not source.get("label") or not source.get("topic"):
        yield "source without label or topic"
    for key in ("url", "icon"):
        if key in source and not URL.fullmatch(source[key]):
            yield f"source.{key} is not absolute"
    for reason in card.get("overrideReasons", ()):
        if not reason.get("display"):
            yield "an override reason without a display"
    for link in card.get("links", ()):
        if link.get("type") not in ("absolute", "smart") or not link.get("label") or not link.get("url"):
            yield "link"
    yield from _suggestions(card)


def _suggestions(card: Any) -> Iterator[str]:
    given = card.get("suggestions", [])
    if bool(given) != ("selectionBehavior" in card):
        yield "selectionBehavior and suggestions go together"
    if card.get("selectionBehavior", "any") not in ("any", "at-most-one"):
        yield "selectionBehavior"
    recommended = [one for one in given if one.get("isRecommended")]
    if card.get("selectionBehavior") == "at-most-one" and len(recommended) > 1:
        yield "more than one recommended"
    for one in given:
        if not one.get("label") or not UUID.fullmatch(one.get("uuid", "")) or not one.get("actions"):
            yield "a suggestion without label, uuid or actions"
        for action in one.get("actions", ()):
            yield from _action(action)


def _action(action: Any) -> Iterator[str]:
    kind = action.get("type")
    if not action.get("description"):
        yield "an action without a description"
    if kind in ("create", "update"):
        if not isinstance(action.get("resource"), dict) or not action["resource"].get("resourceType"):
            yield f"{kind} without a whole resource"
        if "resourceId" in action:
            yield f"{kind} with a resourceId"
    elif kind == "delete":
        if not isinstance(action.get("resourceId"), str) or "resource" in action:
            yield "delete without a single resourceId"
    else:
        yield f"action of type {kind!r}"
