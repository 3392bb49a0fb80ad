"""What `GET /cds-services` tells: one service id under three hooks, with the prefetch the rules need."""

from __future__ import annotations

from typing import Any, Final

from caveat.compile.ruleset import Ruleset
from caveat.render.json import dump
from caveat.service.hooks.request import HOOKS, SERVICE, Hook
from caveat.service.live import Live
from caveat.service.prefetch.templates import templates

TITLE: Final = "Interactions, contraindications and doses"
USAGE: Final = (
    "Send what the prefetch asks for, or a fhirServer that the site allows with a token that may read it. "
    "What is not sent cannot be assessed, and is said to be so."
)
_WHEN: Final[dict[Hook, str]] = {
    "patient-view": "Judges every current medicine of the patient whose chart is opened",
    "order-select": "Judges the selected orders against the patient's record; other drafts are context",
    "order-sign": "Judges all draft orders against the patient's record before they are signed",
}


def services(rules: Ruleset) -> list[dict[str, Any]]:
    """The entries of discovery, one a hook, without anything null or empty."""
    asked = dict(templates(rules))
    found: list[dict[str, Any]] = []
    for hook in HOOKS:
        entry: dict[str, Any] = {
            "hook": hook,
            "id": SERVICE,
            "title": TITLE,
            "description": f"{_WHEN[hook]}: {len(rules.program.rules)} rules, version {rules.version}. "
            "What could not be assessed is shown, never left out.",
            "usageRequirements": USAGE,
        }
        if asked:
            entry["prefetch"] = asked
        found.append(entry)
    return found


class Discovery:
    """The body of discovery, made once for each rules that are served."""

    def __init__(self) -> None:
        self._kept: tuple[Live, bytes, frozenset[str]] | None = None

    def _of(self, live: Live) -> tuple[Live, bytes, frozenset[str]]:
        kept = self._kept
        if kept is None or kept[0] is not live:
            keys = frozenset(templates(live.rules))
            kept = (live, dump({"services": services(live.rules)}), keys)
            self._kept = kept
        return kept

    def body(self, live: Live) -> bytes:
        """JSON to answer with."""
        return self._of(live)[1]

    def keys(self, live: Live) -> frozenset[str]:
        """The prefetch keys that it names."""
        return self._of(live)[2]
