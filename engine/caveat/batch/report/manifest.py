"""What run.json says of a run, as the report needs it."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from caveat.errors import CaveatError

MANIFEST: Final = "run.json"


@dataclass(frozen=True, slots=True)
class RuleInfo:
    """A rule of the ruleset; `kind`, `severity` and `status` are empty where nobody says."""

    id: str
    title: str
    severity: str
    kind: str
    status: str


@dataclass(frozen=True, slots=True)
class Run:
    """A run's own account. Texts are empty, and numbers None, where it does not say.

    `rules` may leave out rules without findings; `rules_checked` counts all. `source` is what the
    reader says of its input.
    """

    title: str
    finished: str
    as_of: str
    selection: str
    policy: str
    version: str
    digest: str
    caveat: str
    evaluator: str
    kind: str
    inputs: tuple[tuple[str, int], ...]
    entered: int | None
    screened: int | None
    rejected: int | None
    rules_checked: int
    rule_statuses: dict[str, int]
    rules: tuple[RuleInfo, ...]
    source: dict[str, Any]


def read_run(folder: Path) -> Run:
    """The manifest of a finished run. CaveatError when there is none, or it cannot be read."""
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_bytes())
    except FileNotFoundError:
        raise CaveatError(
            f"{folder}: there is no {MANIFEST}, so no finished run. Finish the run with --resume, or name "
            "the folder given to --out"
        ) from None
    except (OSError, ValueError) as error:
        raise CaveatError(
            f"{path}: it cannot be read ({error}). Screen again, or name another folder"
        ) from None
    if not isinstance(content, dict):
        raise CaveatError(f"{path}: a run's manifest is a JSON object. Name the folder given to --out")
    return _run(content)


def _run(content: dict[str, Any]) -> Run:
    ruleset, counts, timings = (_table(content, name) for name in ("ruleset", "counts", "timings"))
    listed = tuple(_rule(one) for one in content.get("rules") or () if isinstance(one, dict))
    statuses = {name: n for name, n in _table(content, "rule_statuses").items() if isinstance(n, int)}
    return Run(
        title=_text(content.get("title")),
        finished=_text(timings.get("finished")),
        as_of=_text(content.get("as_of")),
        selection=_text(content.get("selection")),
        policy=_text(_table(content, "policy").get("id")),
        version=_text(ruleset.get("version")),
        digest=_text(ruleset.get("digest")),
        caveat=_text(_table(content, "versions").get("caveat")),
        evaluator=_text(content.get("evaluator")),
        kind=_text(content.get("kind")),
        inputs=tuple(_input(one) for one in content.get("inputs") or () if isinstance(one, dict)),
        entered=_number(counts.get("entered")),
        screened=_number(counts.get("screened")),
        rejected=_number(counts.get("rejected")),
        rules_checked=sum(statuses.values()) or len(listed),
        rule_statuses=statuses,
        rules=listed,
        source=_table(content, "source"),
    )


def _table(content: dict[str, Any], name: str) -> dict[str, Any]:
    found = content.get(name)
    return found if isinstance(found, dict) else {}


def _text(found: Any) -> str:
    return found if isinstance(found, str) else ""


def _number(found: Any) -> int | None:
    return found if isinstance(found, int) and not isinstance(found, bool) else None


def _input(one: dict[str, Any]) -> tuple[str, int]:
    return _text(one.get("path")), _number(one.get("size")) or 0


def _rule(one: dict[str, Any]) -> RuleInfo:
    names = ("rule", "title", "severity", "kind", "status")
    return RuleInfo(*(_text(one.get(name)) for name in names))
