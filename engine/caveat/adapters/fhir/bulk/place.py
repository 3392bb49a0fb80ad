"""Which bucket a resource belongs to, told by the reference to its patient alone."""

from __future__ import annotations

from typing import Any, Final
from zlib import crc32

from caveat.adapters.fhir import shapes as fhir
from caveat.adapters.fhir.references import relative

_MOST: Final = 200_000
_URN: Final = "urn:uuid:"


def bucket_of(identity: str, buckets: int) -> int:
    """The bucket of a patient's id: the same on every machine and in every process."""
    return crc32(identity.removeprefix(_URN).encode("utf-8", "surrogatepass")) % buckets


def referred(resource: Any) -> str | None:
    """The reference to the patient as written; None when there is none or only an identifier."""
    subject: fhir.Reference | None = getattr(resource, "subject", None) or getattr(resource, "patient", None)
    return subject.reference if subject is not None and subject.reference else None


class Places:
    """Buckets by reference, remembered; None for a reference that only all Patients together resolve."""

    def __init__(self, buckets: int) -> None:
        self._buckets = buckets
        self._known: dict[str, int | None] = {}
        self._ids: dict[str, int] = {}

    def of(self, reference: str) -> int | None:
        """The bucket of `Patient/x`, an absolute URL that ends so, a plain id, or `urn:uuid:x`."""
        try:
            return self._known[reference]
        except KeyError:
            pass
        if len(self._known) >= _MOST:
            self._known.clear()
        found = self._known[reference] = self._of(reference)
        return found

    def whose(self, identity: str) -> int:
        """The bucket of a plain id."""
        found = self._ids.get(identity)
        if found is None:
            if len(self._ids) >= _MOST:
                self._ids.clear()
            found = self._ids[identity] = bucket_of(identity, self._buckets)
        return found

    def _of(self, reference: str) -> int | None:
        plain = reference.strip()
        short = relative(plain)
        if short.startswith("Patient/") and len(short) > 8:
            return bucket_of(short[8:], self._buckets)
        if plain.startswith(_URN) and len(plain) > len(_URN):
            return bucket_of(plain, self._buckets)
        if plain and "/" not in plain and not plain.startswith(("#", "urn:", "Patient?")):
            return bucket_of(plain, self._buckets)
        return None
