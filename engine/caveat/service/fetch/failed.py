"""Why something was not fetched: a code, and never an address, a patient or a token."""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Final

WHY: Final = {
    "not-allowed": "the FHIR server is not one that the configuration allows",
    "query": "the query is not one that this service makes",
    "token": "the access token is not one that a header can hold",
    "address": "the server's name leads to an address that is refused",
    "dns": "the server's name cannot be resolved",
    "connect": "the server cannot be reached, or its certificate is not trusted",
    "time": "the server did not answer in time",
    "redirect": "the server sent the request elsewhere, which is not followed",
    "status": "the server answered with an error",
    "content-type": "the answer is not JSON by its content type",
    "encoding": "the answer is compressed, which was not asked for",
    "size": "the answer is larger than allowed",
    "json": "the answer is not JSON",
    "kind": "the answer is not what was asked for",
    "outcome": "the server says that it cannot answer",
    "protocol": "the answer breaks off or is not HTTP",
    "fault": "fetching failed",
}
"""Every code, with its meaning in words."""

_TYPES: Final = {"time": "timeout", "not-allowed": "security", "address": "security", "size": "too-costly"}


@dataclass(frozen=True, slots=True)
class Failed:
    """What was not fetched and why: a `code` of WHY; `status` is the HTTP status where that is the reason."""

    code: str
    status: int | None = None

    def __str__(self) -> str:
        said = WHY.get(self.code, WHY["fault"])
        return said if self.status is None else f"{said} ({self.status})"

    def outcome(self) -> bytes:
        """An OperationOutcome that says so, in the place of what is missing: "not available"."""
        issue = {"severity": "error", "code": _TYPES.get(self.code, "transient"), "diagnostics": str(self)}
        return json.dumps({"resourceType": "OperationOutcome", "issue": [issue]}).encode()


class NotFetched(Exception):
    """Nothing was fetched; the message is the meaning of `failed`, without any address."""

    def __init__(self, failed: Failed) -> None:
        super().__init__(str(failed))
        self.failed = failed
