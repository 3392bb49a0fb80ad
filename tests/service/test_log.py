"""Log lines: whole, of several processes and threads too, and never in the way of a call."""

from __future__ import annotations

import io
import json
import os
import subprocess
import sys
from pathlib import Path
from threading import Thread

import pytest

from caveat.service.log import logger

MANY = 300
PROGRAM = f"""
import threading
from caveat.service.log import logger
log = logger()
def write():
    for number in range({MANY}):
        log.info("call", route="/cds-services/{{service}}", status=200, bytes=number, reason="x" * 150)
threads = [threading.Thread(target=write) for _ in range(2)]
[thread.start() for thread in threads]
[thread.join() for thread in threads]
"""


def test_lines_of_several_workers_and_threads_do_not_mix(tmp_path: Path) -> None:
    file = tmp_path / "log"
    with file.open("wb") as stream:
        started = [subprocess.Popen([sys.executable, "-c", PROGRAM], stderr=stream) for _ in range(3)]
        assert [process.wait(60) for process in started] == [0, 0, 0]
    lines = [json.loads(line) for line in file.read_text("utf-8").splitlines()]
    assert len(lines) == 3 * 2 * MANY
    assert {line["event"] for line in lines} == {"call"}


def test_threads_of_one_stream_do_not_mix() -> None:
    stream = io.StringIO()
    log = logger(stream=stream)
    threads = [Thread(target=lambda: [log.info("call") for _ in range(MANY)]) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len([json.loads(line) for line in stream.getvalue().splitlines()]) == 4 * MANY


def test_a_log_that_nobody_reads_any_more_stops_no_call() -> None:
    reading, writing = os.pipe()
    stream = os.fdopen(writing, "w")
    log = logger(stream=stream)
    os.close(reading)
    for _ in range(200):
        log.error("check-failed", kind="screen")
    with pytest.raises(BrokenPipeError):
        stream.close()  # so it was no working stream that was written to


def test_a_closed_log_stops_no_call() -> None:
    stream = io.StringIO()
    log = logger(stream=stream)
    stream.close()
    log.warning("token-refused", reason="aud")
