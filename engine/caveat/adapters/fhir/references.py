"""Where a reference leads: a contained resource, an entry by its URL, or `Type/id` anywhere in reach."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.decode import Item


def key(kind: str, identity: str) -> str:
    """The relative reference of a resource."""
    return f"{kind}/{identity}"


def relative(reference: str) -> str:
    """`Type/id` of an absolute or relative reference; other references as they are.

    A version (`/_history/2`) is left off; `urn:uuid:` and conditional references have no such form.
    """
    if "?" in reference or reference.startswith(("urn:", "#")):
        return reference
    if "/_history/" in reference:
        reference = reference.partition("/_history/")[0]
    parts = reference.rstrip("/").rsplit("/", 2)
    return "/".join(parts[-2:]) if len(parts) > 2 else reference


class Index:
    """Resources by every name they can be referred to by.

    A name that stands for two different resources leads nowhere: `find` returns None for it and
    `ambiguous` says so.
    """

    __slots__ = ("_clashes", "_found", "_waiting", "_wider")

    def __init__(self, items: Iterable[Item] = (), wider: Index | None = None) -> None:
        self._found: dict[str, Any] = {}
        self._clashes: set[str] = set()
        self._wider = wider
        self._waiting: list[Item] = list(items)  # entered when first asked: most records refer to nothing

    def add(self, item: Item) -> None:
        """Enters a resource under its full URL and its `Type/id`."""
        self._waiting.append(item)

    def extend(self, items: Iterable[Item]) -> None:
        """Enters several resources."""
        self._waiting.extend(items)

    def _settle(self) -> None:
        waiting, self._waiting = self._waiting, []
        for item in waiting:
            self._enter(item)

    def _enter(self, item: Item) -> None:
        if item.resource is None:
            return
        identity = getattr(item.resource, "id", None)
        names = {item.url, key(item.kind, identity) if identity else ""} - {""}
        for name in names:
            there = self._found.setdefault(name, item.resource)
            if there is not item.resource and there != item.resource:
                self._clashes.add(name)

    def find(self, reference: str, contained: Sequence[fhir.Contained] | None = None) -> Any:
        """The resource, or None when the reference points nowhere or to two different ones."""
        if reference.startswith("#"):
            return next((one for one in contained or () if one.id in (reference[1:], reference)), None)
        self._settle()
        for name in (reference, relative(reference)):
            if name in self._clashes:
                return None
            found = self._found.get(name)
            if found is not None:
                return found
        return None if self._wider is None else self._wider.find(reference)

    def ambiguous(self, reference: str) -> bool:
        """Whether the name stands for two different resources."""
        self._settle()
        names = {reference, relative(reference)}
        if names & self._clashes:
            return True
        return self._wider is not None and self._wider.ambiguous(reference)
