"""The command line: what a person or a script gets from the package, with exit codes that can be relied on.

0 done · 1 findings at or above --fail-on, or a failing case · 2 the rules, the command or the check
itself failed · 3 the input is bad · 130 interrupted · 141 the reader of the output went away.
stdout is data, stderr is talk.
"""

from __future__ import annotations

import contextlib
import gc
import os
import sys
from collections.abc import Sequence
from typing import NoReturn

import click

from caveat.cli.group import PipeClosed, caveat

DONE, FOUND, BROKEN, BAD_INPUT, INTERRUPTED, PIPE_CLOSED = 0, 1, 2, 3, 130, 141
FAILED = "interaction check failed, review manually"

__all__ = ["caveat", "main", "run"]


def main() -> NoReturn:
    """Run the command line and leave with its exit code."""
    if "serve" not in sys.argv[1:2]:
        # rules and cases are many small objects that live on: seen seldom, `check` takes half as long
        gc.set_threshold(100_000, 50, 100)
    code = run(sys.argv[1:])
    try:
        sys.stdout.flush()
    except BrokenPipeError:
        code = _hang_up()
    sys.exit(code)


def run(arguments: Sequence[str]) -> int:
    """The exit code of one call. No error leaves as an exception, unless `--traceback` is given."""
    # Plugins of pydantic are other packages' code and take long to look for.
    os.environ.setdefault("PYDANTIC_DISABLE_PLUGINS", "__all__")
    given = list(arguments)
    end = given.index("--") if "--" in given else len(given)
    traceback = "--traceback" in given[:end]
    given = [a for i, a in enumerate(given) if a != "--traceback" or i >= end]
    try:
        result = caveat.main(given, prog_name="caveat", standalone_mode=False)
        return result if isinstance(result, int) else DONE
    except click.ClickException as error:
        error.show()
        return BROKEN
    except (click.Abort, KeyboardInterrupt):
        click.echo("interrupted", err=True)
        return INTERRUPTED
    except PipeClosed:
        return _hang_up()
    except Exception as error:
        if traceback:
            raise
        return _explain(error, judging="screen" in given[:1] or "explain" in given[:1])


def _hang_up() -> int:
    """Leave quietly when nobody reads the output any more."""
    with contextlib.suppress(OSError, ValueError):
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
    return PIPE_CLOSED


def _explain(error: Exception, *, judging: bool) -> int:
    """Say what went wrong in words; the code says whether rules, input or the check failed."""
    from caveat.cli.talk import print_diagnostics, say
    from caveat.errors import CaveatError, InputError, RulesetError

    if isinstance(error, RulesetError):
        print_diagnostics(error.problems, sys.stderr)
        say("The rules were not loaded and nothing was judged.")
        return BROKEN
    if isinstance(error, CaveatError):
        say(f"Error: {error}")
        return BAD_INPUT if isinstance(error, InputError) else BROKEN
    say(f"Error: {FAILED if judging else 'this command failed'}.")
    say(f"{type(error).__name__}: {str(error)[:300]}")
    say("This is a fault of caveat. The same call with --traceback shows where.")
    return BROKEN
