"""Workers held to a share of a core each: a machine of few cores can so show how work divides among them."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from benchmarks.service.server import Served

ROOT = Path("/sys/fs/cgroup/cpu")
PERIOD = 10_000
"""Microseconds within which a worker has its share."""


def can_hold() -> bool:
    """Whether this machine lets processes be held to a share (control groups of version 1, as root)."""
    try:
        place = ROOT / "caveat-probe"
        place.mkdir()
        held = (place / "cpu.cfs_quota_us").exists()
        place.rmdir()
    except OSError:
        return False
    return held


@contextmanager
def held(service: Served, share: float) -> Iterator[None]:
    """Each worker of the service in a control group of its own with that share of one core."""
    places = []
    try:
        for index, pid in enumerate(service.workers()):
            place = ROOT / f"caveat-worker-{index}"
            place.mkdir(exist_ok=True)
            (place / "cpu.cfs_period_us").write_text(str(PERIOD))
            (place / "cpu.cfs_quota_us").write_text(str(int(PERIOD * share)))
            for task in Path(f"/proc/{pid}/task").iterdir():
                (place / "tasks").write_text(task.name)
            places.append(place)
        yield
    finally:
        for place in places:
            for number in (place / "tasks").read_text().split():
                (ROOT / "tasks").write_text(number)
            place.rmdir()
