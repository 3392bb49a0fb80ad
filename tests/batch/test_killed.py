"""A run survives kill -9 at any moment: taken up, it gives the same bytes as one that was left alone."""

from __future__ import annotations

import os
import random
import subprocess
import sys
import time
from pathlib import Path

import pytest

from batch.conftest import contents

# Nearly each step where a change is judged; a few of them, others each time, while one works.
JUDGING = os.environ.get("CAVEAT_HYPOTHESIS_PROFILE") == "ci"
EACH = 2 if JUDGING else 9
ENOUGH_STEPS = 150 // EACH
STAGES = (
    ".run/start.json",
    ".run/source/step-0.json",
    ".run/parts/part-00000.findings.parquet",
    ".run/parts/part-*.json",
    ".run/parts/part-00002.json",
    ".run/doubled",
    ".run/parts/part-00000.again.json",
    "findings.parquet*",
    "run.json*",
)
"""What shows how far a run is."""


def start(root: Path, *arguments: object) -> subprocess.Popen[str]:
    """The module `batch.killed` in a process of its own."""
    path = os.pathsep.join((str(root / "tests"), str(root / "engine")))
    return subprocess.Popen(
        [sys.executable, "-m", "batch.killed", *(str(argument) for argument in arguments)],
        env={**os.environ, "PYTHONPATH": path},
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def test_killed_at_each_step_on_the_disk(root: Path, tmp_path: Path) -> None:
    process = start(root, "steps", tmp_path, random.SystemRandom().randrange(EACH) + 1, EACH)
    out, said = process.communicate()
    assert process.returncode == 0, said
    assert int(out) >= ENOUGH_STEPS, out


@pytest.mark.parametrize("seed", range(4 if JUDGING else 1))
def test_killed_at_any_moment_with_its_processes_at_work(root: Path, tmp_path: Path, seed: int) -> None:
    dice = random.Random(seed)
    whole = start(root, "run", tmp_path / "whole")
    assert whole.wait() == 0, whole.stderr and whole.stderr.read()
    out = tmp_path / "out"
    kills = 0
    for attempt in range(5):
        process = start(root, "run", out, *(["--resume"] if attempt else []))
        stage = dice.choice(STAGES[2 * attempt : 2 * attempt + 2] or STAGES)
        while process.poll() is None and not any(out.glob(stage)):
            time.sleep(0.001)
        time.sleep(dice.uniform(0, 0.05))
        kills += process.poll() is None
        process.kill()
        process.wait()
    last = start(root, "run", out, "--resume")
    assert last.wait() == 0, last.stderr and last.stderr.read()
    assert kills
    assert contents(out) == contents(tmp_path / "whole")
