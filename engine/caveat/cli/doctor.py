"""`caveat doctor`: what is installed, and whether the rules load."""

from __future__ import annotations

import os
import platform
import sys
from pathlib import Path
from typing import TYPE_CHECKING

import click

if TYPE_CHECKING:
    from caveat.compile.ruleset import Ruleset

NEEDED = ("pydantic", "PyYAML", "yamlcore", "click", "rich", "msgspec", "orjson")
EXTRAS = {"durable": ("durable-rules", "durable.engine", "--evaluator durable and --second-opinion durable")}


@click.command("doctor")
@click.pass_context
def command(ctx: click.Context) -> None:
    """Say what is installed, where the rules are, and whether they load.

    Exit code 2 when something that is needed is missing or the bundled rules do not load.
    """
    from caveat.cli.talk import out
    from caveat.errors import CaveatError

    lines, fine = _packages()
    lines += [f"{'output':<12} {sys.stdout.encoding or 'unknown'}, NO_COLOR {_set('NO_COLOR')}"]
    lines += ["", *_folders()]
    try:
        from caveat.compile.ruleset import load

        lines += ["", *_rules(load())]
    except CaveatError as error:
        fine = False
        lines += ["", f"rules do not load: {str(error).splitlines()[0][:200]}", "  `caveat check` shows all"]
    lines += ["", "everything that is needed is there" if fine else "SOMETHING IS MISSING, see above"]
    out("\n".join(lines) + "\n")
    ctx.exit(0 if fine else 2)


def _packages() -> tuple[list[str], bool]:
    from importlib.metadata import PackageNotFoundError, version

    lines = [
        f"{'caveat':<12} {_version('caveat')}",
        f"{'python':<12} {platform.python_version()} ({platform.python_implementation()}, "
        f"{platform.system()} {platform.machine()})",
    ]
    fine = True
    for name in NEEDED:
        try:
            lines.append(f"{name:<12} {version(name)}")
        except PackageNotFoundError:
            fine = False
            lines.append(f"{name:<12} MISSING: pip install caveat installs it")
    for extra, (package, module, use) in EXTRAS.items():
        try:
            found = version(package)
        except PackageNotFoundError:
            lines.append(f"{extra:<12} not installed; it is for {use}{_why_not()}")
            continue
        lines.append(f"{extra:<12} {package} {found}" + ("" if _imports(module) else " does not import here"))
    return lines, fine


def _version(name: str) -> str:
    from importlib.metadata import PackageNotFoundError, version

    try:
        return version(name)
    except PackageNotFoundError:
        return "not installed, run from its sources"


def _why_not() -> str:
    return " (it needs Python below 3.13)" if sys.version_info >= (3, 13) else ""


def _imports(module: str) -> bool:
    from importlib import import_module

    try:
        import_module(module)
    except Exception:
        return False
    return True


def _folders() -> list[str]:
    """Both places the bundled rulesets may be in, the one in use marked, and the cache."""
    from caveat.compile.ruleset import bundled, cache_folder
    from caveat.errors import CaveatError

    package = Path(__file__).resolve().parents[1]
    try:
        used: Path | None = bundled()
    except CaveatError:
        used = None
    lines = []
    for label, folder in (
        ("in the wheel", package / "_rulesets"),
        ("in a checkout", package.parent.parent / "rulesets"),
    ):
        state = "in use" if folder == used else "found" if folder.is_dir() else "not there"
        lines.append(f"rulesets {label:<14} {folder}: {state}")
    cache = cache_folder()
    if cache is None:
        return [*lines, "cache                   off (CAVEAT_CACHE is empty)"]
    parent = next((p for p in (cache, *cache.parents) if p.exists()), cache)
    usable = "" if os.access(parent, os.W_OK) else "; it cannot be written, so every start compiles the rules"
    kept = sum(1 for _ in cache.glob("*.json")) if cache.is_dir() else 0
    return [*lines, f"cache                   {cache}: {kept} compiled rulesets{usable}"]


def _rules(rules: Ruleset) -> list[str]:
    from collections import Counter

    from caveat.render.words import counted

    program, terminology = rules.program, rules.terminology
    statuses = Counter(rule.status for rule in program.rules)
    things = [terminology.ingredient(name) for name in sorted(terminology.ids("ingredient"))]
    medicines = [one for one in things if one.kind == "medicine"]
    others = Counter(one.kind for one in things if one.kind != "medicine")
    agreed = sum(one.agreed for one in medicines)
    share = f"{100 * agreed // len(medicines)} %" if medicines else "none"
    unverified = sum(not one.verified for one in medicines)
    shown = ", ".join(f"{count} {status}" for status, count in sorted(statuses.items()))
    return [
        f"ruleset {rules.version} ({rules.digest})",
        f"  {counted(len(program.rules), 'rule')}: {shown}; policy {rules.policy}",
        f"  {counted(len(medicines), 'ingredient')}: {agreed} verified by two sources ({share}), "
        f"{len(medicines) - agreed} flagged (one source), {unverified} with a code that is not verified "
        "(recognised by name only)",
        *(
            [f"  no medicines: {', '.join(f'{n} {kind}' for kind, n in sorted(others.items()))}"]
            if others
            else []
        ),
        f"  {len(terminology.ids('class'))} classes, {len(terminology.ids('value_set'))} value sets, "
        f"{len(terminology.ids('observation'))} observations, {counted(len(rules.sources), 'source')}",
    ]


def _set(name: str) -> str:
    return "set" if os.environ.get(name) else "not set"
