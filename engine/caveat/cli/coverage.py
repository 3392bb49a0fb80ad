"""`caveat coverage`: what the cases show of the rules."""

from __future__ import annotations

import sys
from pathlib import Path

import click


@click.command("coverage")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option("-k", "only", metavar="TEXT", help="Only rules whose id holds TEXT.")
@click.option(
    "--min", "least", type=click.FloatRange(0, 100), metavar="PERCENT", help="Exit with 1 below this share."
)
@click.pass_context
def command(ctx: click.Context, path: Path | None, only: str | None, least: float | None) -> None:
    """Show which clauses no case shows TRUE, FALSE and UNKNOWN, and which limits from one side only.

    Each is one line with file and line; the share that is shown comes last, on stderr.
    """
    from caveat.authoring.coverage import measure
    from caveat.cli.options import load_rules, named_or_bundled
    from caveat.cli.talk import out, print_diagnostics, say
    from caveat.render.clean import neutral

    root = named_or_bundled(path)
    found = measure(root, load_rules(path), only)
    print_diagnostics(found.problems, sys.stdout)
    for item in found.uncovered:
        out(neutral(str(item)) + "\n")
    wanted = sum(item.wanted for item in found.clauses)
    share = int(found.percent * 10) / 10
    say(f"{share} % of {wanted} sides of {len(found.clauses)} clauses are shown by cases")
    if any(problem.level == "error" for problem in found.problems) or not found.clauses:
        ctx.exit(2)
    ctx.exit(1 if least is not None and not found.reaches(least) else 0)
