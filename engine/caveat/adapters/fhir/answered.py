"""What a Bundle as a whole says: its pages, what it lacks, which of its answers failed."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import orjson

if TYPE_CHECKING:
    from caveat.adapters.fhir.decode import Item

_DEEPEST: Final = 8
FOUND: Final = "searchset"


@dataclass(frozen=True, slots=True)
class Decoded:
    """A Bundle: its items in order, its type, and the pages it names.

    `parts` are the further pages that Bundles inside it name, and where less is here than was found, the
    counts of both.
    `plain` says that each item is a resource that was read without mending, of a type that is neither
    an OperationOutcome nor known in another version.
    """

    items: list[Item]
    type: str | None = None
    here: str | None = None
    next: str | None = None
    plain: bool = False
    parts: tuple[str, ...] = ()

    @property
    def further(self) -> tuple[str, ...]:
        """Every page that it and the Bundles inside it name, and what is lacking without a page."""
        return self.parts if self.next is None else (self.next, *self.parts)


REFUSED: Final = "a part of this answer was refused or failed"


def failed_with(status: object, outcome: object) -> str | None:
    """The status of an answer that failed, or None for one that did not."""
    shown = status.strip() if isinstance(status, str) else ""
    if shown[:1] in ("4", "5"):
        return shown[:60]
    issues = outcome.get("issue") if isinstance(outcome, dict) else None
    bad = (one for one in issues if isinstance(one, dict)) if isinstance(issues, list) else ()
    return "OperationOutcome" if any(one.get("severity") in ("error", "fatal") for one in bad) else None


_PAGES: Final = frozenset(("next", "previous", "prev"))
_LATER: Final = re.compile(r"page|offset|token|session|skip|cursor|start", re.IGNORECASE)
"""What the address of a later page holds."""


def lacking(kind: object, total: object, here: int, links: Mapping[Any, Any]) -> tuple[str, ...]:
    """What a search Bundle that is no page of several does not hold of the number it says it found."""
    if kind != FOUND or not isinstance(total, int) or total <= here or _PAGES.intersection(links):
        return ()
    if _LATER.search(str(links.get("self") or "").partition("?")[2]):
        return ()
    return (f"{total} were found and {here} are here",)


def of_parameters(data: bytes) -> bytes | None:
    """The resources of a Parameters resource, the answer to an operation, as a Bundle; None without any."""
    try:
        whole = orjson.loads(data)
    except orjson.JSONDecodeError:
        return None
    found = list(_resources(whole.get("parameter"), 0))
    if len(found) == 1 and found[0].get("resourceType") == "Bundle":
        return orjson.dumps(found[0])
    entries = [{"resource": one} for one in found]
    return orjson.dumps({"resourceType": "Bundle", "type": "collection", "entry": entries}) if found else None


def _resources(parameters: object, depth: int) -> Iterator[dict[str, Any]]:
    for one in parameters if isinstance(parameters, list) else ():
        if not isinstance(one, dict):
            continue
        if isinstance(one.get("resource"), dict):
            yield one["resource"]
        if depth < _DEEPEST:
            yield from _resources(one.get("part"), depth + 1)
