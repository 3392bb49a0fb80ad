"""The rules that are being served, swapped as a whole."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from threading import Lock

from caveat.compile.ruleset import Ruleset
from caveat.evaluators.screen import Evaluator, build
from caveat.render.products import subjects_of


@dataclass(frozen=True, slots=True)
class Live:
    """One loaded ruleset with everything a call needs of it; frozen, so a call never sees two.

    `origin` says where it came from in words for operators, `signed_by` the key that signed it.
    """

    rules: Ruleset
    evaluator: Evaluator
    sources: Mapping[str, str]
    named: frozenset[str]
    origin: str = ""
    signed_by: str = ""

    @staticmethod
    def of(rules: Ruleset, *, origin: str = "", signed_by: str = "") -> Live:
        """What is derived from a ruleset once."""
        return Live(
            rules,
            build("inprocess", rules.program),
            dict(rules.sources),
            subjects_of(rules.program),
            origin,
            signed_by,
        )


class Holder:
    """Holds the live rules. A call takes them once; a swap is one assignment."""

    def __init__(self, live: Live) -> None:
        self._live = live
        self._lock = Lock()

    @property
    def live(self) -> Live:
        """The rules to use for a call that begins now."""
        return self._live

    def swap(self, live: Live) -> Live:
        """Serve other rules from now on; the ones before are returned."""
        with self._lock:
            before, self._live = self._live, live
        return before
