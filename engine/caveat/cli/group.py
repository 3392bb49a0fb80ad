"""The group of commands; each is imported when it is called, so that `caveat --help` is quick."""

from __future__ import annotations

from importlib import import_module
from typing import Any, Final

import click

COMMANDS: Final = {
    "screen": "Judge patient records against the rules.",
    "explain": "Show how one rule was judged on a patient, with every value.",
    "show": "Read a rule, a monograph or a ledger in plain English.",
    "check": "Look for mistakes in a ruleset.",
    "test": "Run the cases that stand beside the rules.",
    "coverage": "Show which clauses and limits the cases reach.",
    "mutate": "Break the rules on purpose and count what no case notices.",
    "serve": "Answer CDS Hooks and REST calls.",
    "bundle": "Build, sign and verify a bundle of rules.",
    "audit": "Verify, export and replay the audit trail.",
    "selftest": "Prove what a site's configuration makes of rules that must fire.",
    "schema": "Print a JSON Schema.",
    "doctor": "Say what is installed and whether the rules load.",
}


class PipeClosed(Exception):
    """Whoever read the output has stopped reading."""


class Commands(click.Group):
    """Knows its commands by name; loads the one that is called."""

    def list_commands(self, ctx: click.Context) -> list[str]:
        """Every command, the main one first."""
        return list(COMMANDS)

    def get_command(self, ctx: click.Context, name: str) -> click.Command | None:
        """The command of that name, or None."""
        if name not in COMMANDS:
            return None
        command: click.Command = import_module(f"caveat.cli.{name}").command
        return command

    def resolve_command(
        self, ctx: click.Context, args: list[str]
    ) -> tuple[str | None, click.Command | None, list[str]]:
        """As click does it, with close names for one that does not exist."""
        if args and args[0] not in COMMANDS and not args[0].startswith("-"):
            from difflib import get_close_matches

            close = get_close_matches(args[0], COMMANDS, n=1)
            meant = f" Did you mean {close[0]!r}?" if close else f" One of: {', '.join(COMMANDS)}."
            raise click.UsageError(f"there is no command {args[0]!r}.{meant}", ctx)
        return super().resolve_command(ctx, args)

    def format_commands(self, ctx: click.Context, formatter: click.HelpFormatter) -> None:
        """The list of commands, without loading them."""
        with formatter.section("Commands"):
            formatter.write_dl(list(COMMANDS.items()))

    def invoke(self, ctx: click.Context) -> Any:
        """Run the command; a closed pipe is told apart from other errors."""
        try:
            return super().invoke(ctx)
        except BrokenPipeError:
            raise PipeClosed from None


@click.command(
    "caveat",
    cls=Commands,
    context_settings={"help_option_names": ["-h", "--help"]},
    epilog="caveat is not a medical device. Rules are drafts until a site reviews them.",
)
@click.version_option(package_name="caveat", prog_name="caveat", message="%(prog)s %(version)s")
@click.option("--traceback", is_flag=True, help="Show where an unexpected error came from.")
def caveat(traceback: bool) -> None:
    """Graded, explained alerts from patient records. Missing data never count as an all-clear.

    Exit codes: 0 done, 1 findings at or above --fail-on or a failing case, 2 rules or check failed,
    3 bad input, 130 interrupted.
    """
