"""Which findings a user was shown before for a patient, where a site wants them once only."""

from __future__ import annotations

import hashlib
import os
from collections import OrderedDict
from collections.abc import Iterable
from typing import Final

from caveat.service.hooks.request import Call
from caveat.service.store.base import Caller

MOST: Final = 20_000
"""Users and patients remembered; past it the one seen longest ago is forgotten, and is shown again."""
HOURS: Final = 12


class Repeats:
    """What one worker showed in the last hours, under keys that tell neither user nor patient.

    Forgetting is harmless: a finding is shown once more. So are several workers, which do not tell
    one another.
    """

    def __init__(self, most: int = MOST, hours: float = HOURS) -> None:
        self._most, self._seconds = most, hours * 3600
        self._salt = os.urandom(16)
        self._kept: OrderedDict[bytes, dict[str, tuple[float, str]]] = OrderedDict()

    def __len__(self) -> int:
        return len(self._kept)

    def shown(self, call: Call, caller: Caller, seconds: float) -> frozenset[str]:
        """Finding ids shown before to this user for this patient, by another hook instance.

        A call sent again (the same hookInstance) was perhaps never seen, and gets everything again.
        """
        found = self._kept.get(self._key(call, caller), {})
        return frozenset(
            name
            for name, (at, instance) in found.items()
            if instance != call.instance and 0 <= seconds - at <= self._seconds
        )

    def add(self, call: Call, caller: Caller, findings: Iterable[str], seconds: float) -> None:
        """Remember what was shown; a finding keeps the hook instance that showed it last."""
        shown = dict.fromkeys(findings, (seconds, call.instance))
        if not shown:
            return
        key = self._key(call, caller)
        before = self._kept.pop(key, {})
        kept = {name: one for name, one in before.items() if 0 <= seconds - one[0] <= self._seconds}
        self._kept[key] = kept | shown
        while len(self._kept) > self._most:
            self._kept.popitem(last=False)

    def _key(self, call: Call, caller: Caller) -> bytes:
        parts = (caller.iss, caller.tenant, call.user, call.patient)
        raw = b"".join(len(part).to_bytes(4, "big") + part.encode("utf-8", "replace") for part in parts)
        return hashlib.blake2b(raw, key=self._salt, digest_size=16).digest()
