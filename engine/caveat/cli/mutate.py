"""`caveat mutate`: rules broken on purpose."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command("mutate")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("-k", "only", metavar="TEXT", help="Only rules whose id holds TEXT.")
@click.pass_context
def command(ctx: click.Context, path: Path | None, only: str | None) -> None:
    """Break every threshold, operator, unit, window, route and exception, and list what no case notices.

    A survivor is a missing case, unless equivalent-mutants.yaml says why no record could show it. Exit
    code 1 when something survives.
    """
    from caveat.authoring.mutate import run
    from caveat.cli.options import load_rules, named_or_bundled
    from caveat.cli.talk import out, print_diagnostics, say
    from caveat.render.clean import neutral

    root = named_or_bundled(path)
    found = run(root, load_rules(path), only)
    print_diagnostics(found.problems, sys.stdout)
    for survivor in found.survivors:
        out(neutral(str(survivor)) + "\n")
    say(
        f"{found.total} mutants of {len(found.rules)} rules: {found.killed} killed, "
        f"{len(found.survivors)} survived, {found.argued} argued to be equivalent"
    )
    if any(problem.level == "error" for problem in found.problems) or not found.total:
        ctx.exit(2)
    ctx.exit(1 if found.survivors else 0)
