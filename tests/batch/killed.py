"""Runs that are killed: in a process of their own, at each step that touches the disk, or from outside.

`python -m batch.killed steps FOLDER FIRST EACH` kills a run at the steps FIRST, FIRST + EACH, ... and takes
each up again; `python -m batch.killed run OUT [--resume]` is a slow run for others to kill.
"""

from __future__ import annotations

import os
import random
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

from batch.conftest import DAY, contents
from batch.fake import FakeCohort
from caveat.batch.judge import Settings
from caveat.batch.run import run
from caveat.compile.ruleset import Ruleset, load
from cli.small import write_rules

STEPS = ("fsync", "replace", "unlink", "rmdir", "mkdir", "open")


def cohort(*, pause: float = 0.0) -> FakeCohort:
    """Three parts, one of them with ids that occur elsewhere too."""
    return FakeCohort(
        (6, 5, 4), reject_each=5, prepare_steps=2, pause=pause, doubled={2: "p9", 12: "p9", 11: "p8"}
    )


def rules_at(folder: Path) -> Ruleset:
    """The small ruleset, written where the runs are."""
    place = folder / "rules"
    return load(place if place.exists() else write_rules(place), cache=False)


def kill_at(step: int) -> None:
    """Let this process be killed just before its step number `step` on the disk."""
    done = 0

    def watched(real: Callable[..., Any]) -> Callable[..., Any]:
        def call(*arguments: Any, **named: Any) -> Any:
            nonlocal done
            done += 1
            if done == step:
                os.kill(os.getpid(), signal.SIGKILL)
            return real(*arguments, **named)

        return call

    for name in STEPS:
        setattr(os, name, watched(getattr(os, name)))


def in_child(work: Callable[[], object]) -> int:
    """The exit status of a forked process that does the work: 0, or minus the signal that ended it."""
    child = os.fork()
    if not child:
        try:
            work()
        except BaseException:
            import traceback

            traceback.print_exc()
            os._exit(1)
        os._exit(0)
    return os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])


def steps(folder: Path, first: int, each: int) -> None:
    """Kill at every `each`th step, take up (killed once more on the way), compare; prints how many."""
    rules, settings = rules_at(folder), Settings(DAY)
    dice = random.Random(first)

    def go(out: Path, *, resume: bool, step: int = 0) -> Callable[[], object]:
        def work() -> None:
            if step:
                kill_at(step)
            run(cohort(), rules, settings, out=out, resume=resume, jobs=1, report=False)

        return work

    assert in_child(go(folder / f"whole-{first}", resume=False)) == 0
    whole = contents(folder / f"whole-{first}")
    killed = 0
    for step in range(first, 10_000, each):
        out = folder / f"step-{step}"
        code = in_child(go(out, resume=False, step=step))
        if code == 0:
            break
        assert code == -signal.SIGKILL, (step, code)
        killed += 1
        if dice.random() < 0.5:
            assert in_child(go(out, resume=True, step=dice.randrange(1, 60))) in (0, -signal.SIGKILL), step
        assert in_child(go(out, resume=True)) == 0, step
        assert contents(out) == whole, step
        left = sorted(path.name for path in out.iterdir())
        assert left == ["findings.parquet", "patients.parquet", "rejects.parquet", "run.json"], (step, left)
    sys.stdout.write(f"{killed}\n")


if __name__ == "__main__":
    if sys.argv[1] == "steps":
        steps(Path(sys.argv[2]), int(sys.argv[3]), int(sys.argv[4]))
    else:
        place = Path(sys.argv[2])
        resumed = "--resume" in sys.argv
        run(
            cohort(pause=0.03),
            rules_at(place.parent),
            Settings(DAY),
            out=place,
            resume=resumed,
            jobs=2,
            report=False,
        )
