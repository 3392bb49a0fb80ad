"""A small ruleset, and runs over made-up cohorts."""

from __future__ import annotations

import datetime as dt
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from caveat.batch.judge import Settings
from caveat.batch.run import Outcome, run
from caveat.compile.ruleset import Ruleset, load
from cli.small import AS_OF, write_rules

DAY = dt.date.fromisoformat(AS_OF).toordinal()
Runner = Callable[..., Outcome]


@pytest.fixture(scope="session")
def rules(tmp_path_factory: pytest.TempPathFactory) -> Ruleset:
    """The small ruleset."""
    return load(write_rules(tmp_path_factory.mktemp("rules")), cache=False)


@pytest.fixture
def runner(rules: Ruleset) -> Runner:
    """Run a cohort into a folder; settings and arguments of `run` by name."""

    def call(cohort: Any, out: Path, *, settings: Settings | None = None, **given: Any) -> Outcome:
        given = {"jobs": 1, "report": False} | given
        return run(cohort, given.pop("rules", rules), settings or Settings(DAY), out=out, **given)

    return call


def contents(out: Path) -> dict[str, Any]:
    """What two equal runs share: the bytes of the tables, and the manifest without its timings."""
    import json

    manifest = json.loads((out / "run.json").read_bytes())
    manifest.pop("timings")
    found: dict[str, Any] = {
        name: (out / f"{name}.parquet").read_bytes() for name in ("findings", "patients", "rejects")
    }
    return found | {"run.json": manifest}
