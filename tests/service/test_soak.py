"""A short soak: under constant load a worker answers everything and its memory stays flat.

The long one, 30 minutes, is `python -m benchmarks.service --only soak`.
"""

from __future__ import annotations

from pathlib import Path

from benchmarks.service.__main__ import calls_file, load
from benchmarks.service.calls import order_select
from benchmarks.service.server import served

ROUNDS = 4
SECONDS = 2.0


def test_memory_stays_flat_under_load(tmp_path: Path) -> None:
    bodies = [order_select(seed) for seed in range(50)]
    sizes, calls = [], 0
    with served(tmp_path / "s") as service:
        for _ in range(ROUNDS):
            file = calls_file(service, tmp_path, bodies, 1_500)
            calls += load(service, file, SECONDS, 4)["calls"]  # raises unless every answer is a 200
            sizes.append(sum(service.memory()))
        assert b"Traceback" not in (service.folder / "log").read_bytes()
    assert calls > 50 * ROUNDS
    # the first round fills what is remembered; what grows with every call goes on growing
    assert sizes[-1] - sizes[1] < 10_000_000, (sizes, calls)
