"""`caveat screen --spark MASTER --out DIR`: a cohort screened past one machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from caveat.cli.options import SEVERITIES, day_or_today, load_rules, starting

if TYPE_CHECKING:
    from caveat.cli.cohort import Asked


def screen_on_spark(asked: Asked, *, master: str, out: str) -> int:
    """Run the screening on Spark; the exit code. `out` is a path or address that every worker reaches."""
    from caveat.cli.talk import say
    from caveat.errors import CaveatError

    for name, given in (
        ("resume", asked.resume),
        ("jobs", asked.jobs),
        ("evaluator", asked.evaluator not in (None, "columnar")),
        ("second-opinion", asked.second_opinion),
    ):
        if given:
            raise CaveatError(
                f"--{name} is not for --spark: Spark runs the columnar evaluator on its own workers"
            )
    needs_spark()
    with starting():
        from caveat.batch.judge import Settings
        from caveat.batch.spark import run, summary
        from caveat.batch.summary import code

        rules = load_rules(asked.rules, asked.policy)
    settings = Settings(day_or_today(asked.as_of), asked.selection, asked.because)
    outcome = run(asked.paths, rules, settings, master=master, out=out, title=asked.title, say=say)
    say(summary(outcome))
    return code(outcome.manifest, asked.fail_on, SEVERITIES)


def needs_spark() -> None:
    """CaveatError, with what to install, where PySpark or what it needs is missing."""
    import os
    import shutil
    from importlib.util import find_spec

    from caveat.errors import CaveatError

    missing = [
        name for name in ("pyspark", "pandas", "pyarrow", "numpy", "duckdb") if find_spec(name) is None
    ]
    if missing:
        raise CaveatError(
            f"--spark needs {' and '.join(missing)}, not installed here. Install the extras: pip install "
            "'caveat[batch,spark]'"
        )
    if shutil.which("java") is None and not os.environ.get("JAVA_HOME"):
        raise CaveatError("--spark needs Java 17 or later: apt-get install default-jre-headless")
