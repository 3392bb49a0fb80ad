"""`caveat check`: mistakes in a ruleset."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command("check")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("--strict", is_flag=True, help="Warnings count as errors.")
@click.option("--no-cases", is_flag=True, help="Leave out what concerns the cases.")
@click.pass_context
def command(ctx: click.Context, path: Path | None, strict: bool, no_cases: bool) -> None:
    """Look for mistakes in a folder of rulesets, or in one rules file.

    Everything that is wrong is printed at once, each with its file, line, column and how to mend it: in
    full on a terminal, one line each when piped or past 30. Without PATH the bundled rules are checked.
    """
    from caveat.authoring.check import check_folder
    from caveat.cli.options import named_or_bundled
    from caveat.cli.talk import print_diagnostics, say
    from caveat.render.words import counted

    root = named_or_bundled(path)
    found = check_folder(root, cases=not no_cases)
    print_diagnostics(found, sys.stdout)
    errors = sum(diagnostic.level == "error" for diagnostic in found)
    warnings = len(found) - errors
    say(f"{root}: {counted(errors, 'error')}, {counted(warnings, 'warning')}")
    ctx.exit(2 if errors or (strict and warnings) else 0)
