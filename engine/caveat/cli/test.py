"""`caveat test`: the cases beside the rules."""

from __future__ import annotations

from pathlib import Path

import click

from caveat.cli.options import EVALUATORS


@click.command("test")
@click.argument("path", required=False, type=click.Path(path_type=Path))
@click.option(
    "-k", "only", metavar="TEXT", help="Only cases whose id or rule holds TEXT, or fits a * pattern."
)
@click.option(
    "--evaluator", type=click.Choice(EVALUATORS), default="reference", show_default=True, help="Who judges."
)
@click.option(
    "--junit", type=click.Path(path_type=Path), metavar="FILE", help="Write the results as JUnit XML too."
)
@click.pass_context
def command(
    ctx: click.Context, path: Path | None, only: str | None, evaluator: str, junit: Path | None
) -> None:
    """Run the cases that stand beside the rules, all of them.

    A case that does not hold is printed with how the rule was judged and the first clause that differs.
    Exit code 1 when a case fails, 2 when rules or case files are bad or there are no cases.
    """
    import sys

    from caveat.authoring.cases import run_cases
    from caveat.cli.options import load_rules, named_or_bundled
    from caveat.cli.talk import out, print_diagnostics, say
    from caveat.errors import CaveatError
    from caveat.render.clean import neutral
    from caveat.render.words import counted

    root = named_or_bundled(path)
    rules = load_rules(path)
    results = run_cases(root, rules, evaluator, only)
    print_diagnostics(results.problems, sys.stdout)
    for result in results.failed:
        out(neutral(str(result)) + "\n\n")
    if junit is not None:
        try:
            junit.write_text(results.junit(), "utf-8")
        except OSError as error:
            raise CaveatError(f"{junit}: cannot be written ({error.strerror})") from None
    held = len(results.results) - len(results.failed)
    say(f"{held} of {counted(len(results.results), 'case')} hold ({evaluator})")
    if any(problem.level == "error" for problem in results.problems):
        ctx.exit(2)
    if not results.results:
        say(f"no case{f' fits {only!r}' if only else 's were found'} below {root}")
        ctx.exit(2)
    ctx.exit(1 if results.failed else 0)
