"""What a run is: everything that decides its results, and what differs between two runs."""

from __future__ import annotations

import hashlib
import json
import platform
from collections.abc import Iterator
from importlib import metadata
from typing import Any, Final

from caveat.adapters.cohort.base import Cohort
from caveat.batch.judge import Settings
from caveat.batch.problems import RunError
from caveat.compile.ruleset import Ruleset

FORMAT: Final = 1
PACKAGES: Final = ("caveat", "pyarrow", "numpy", "duckdb")
"""Packages that can decide the bytes of the results; where one is not installed it has no part in them."""


def identity(cohort: Cohort, rules: Ruleset, settings: Settings) -> dict[str, Any]:
    """What two runs must share to give the same results, as the manifest has it."""
    return {
        "format": FORMAT,
        "kind": cohort.kind,
        "inputs": [{"path": i.path, "size": i.size, "sha256": i.sha256} for i in cohort.inputs()],
        "ruleset": {"version": rules.version, "digest": rules.digest},
        "policy": {"id": rules.policy, "digest": policy_digest(rules)},
        **settings.plain(),
        "versions": versions(),
    }


def policy_digest(rules: Ruleset) -> str:
    """The hash over what the policy makes of severities and single rules."""
    content = json.dumps([rules.tiers, rules.open_tiers, rules.rule_tiers], separators=(",", ":"))
    return "sha256:" + hashlib.sha256(content.encode()).hexdigest()


def versions() -> dict[str, str]:
    """Versions of Python and of the packages that write the results."""
    found = {"python": ".".join(platform.python_version_tuple()[:2])}
    for name in PACKAGES:
        try:
            found[name] = metadata.version(name)
        except metadata.PackageNotFoundError:
            continue
    return found


def must_agree(before: dict[str, Any], now: dict[str, Any], folder: object) -> None:
    """RunError that names each thing in which this call differs from the run it should take up."""
    changes = list(differences(before, now))
    if not changes:
        return
    shown = "; ".join(changes[:5]) + (f"; and {len(changes) - 5} more" if len(changes) > 5 else "")
    raise RunError(
        f"{folder}: this run cannot be taken up, because it would mix two: {shown}. Restore what changed, or "
        "start anew in another folder"
    )


def differences(before: dict[str, Any], now: dict[str, Any]) -> Iterator[str]:
    """What differs, in words."""
    if before.get("format") != now["format"]:
        yield f"the run was written by another version of caveat (format {before.get('format')})"
        return
    if before["kind"] != now["kind"]:
        yield f"the input was {before['kind']} and is now {now['kind']}"
    yield from _inputs(before["inputs"], now["inputs"])
    if before["ruleset"] != now["ruleset"] and before["policy"] == now["policy"]:
        old, new = before["ruleset"], now["ruleset"]
        yield (
            f"the rules changed (version {old['version']} {_short(old['digest'])}, now {new['version']} "
            f"{_short(new['digest'])})"
        )
    if before["policy"] != now["policy"]:
        yield f"the rules or the policy changed ({_policy(before)}, now {_policy(now)})"
    for name in ("as_of", "selection", "because", "evaluator", "second_opinion"):
        if before.get(name) != now[name]:
            yield f"{_option(name)} was {_said(before.get(name))} and is now {_said(now[name])}"
    for name in sorted({*before["versions"], *now["versions"]}):
        old_version, new_version = before["versions"].get(name), now["versions"].get(name)
        if old_version != new_version:
            yield f"{name} was {old_version or 'not installed'} and is now {new_version or 'not installed'}"


def _inputs(before: list[dict[str, Any]], now: list[dict[str, Any]]) -> Iterator[str]:
    old = {one["path"]: one for one in before}
    new = {one["path"]: one for one in now}
    for path, one in old.items():
        if path not in new:
            yield f"{path} was an input and is none now"
        elif one != new[path]:
            size = (
                f" ({one['size']} bytes, now {new[path]['size']})" if one["size"] != new[path]["size"] else ""
            )
            yield f"{path} changed since the start{size}"
    for path in new:
        if path not in old:
            yield f"{path} is an input now and was none"
    if list(old) != list(new) and old.keys() == new.keys():
        yield "the inputs stand in another order"


def _short(digest: str) -> str:
    return digest.removeprefix("sha256:")[:12]


def _policy(of: dict[str, Any]) -> str:
    return f"policy {of['policy']['id']} {_short(of['policy']['digest'])}"


def _option(name: str) -> str:
    return "--" + name.replace("_", "-")


def _said(value: Any) -> str:
    return {None: "not given", True: "on", False: "off"}.get(value, str(value))
