"""A process that screens parts: started by `pool`, told what to do through pipes, gone when its parent is.

Messages to it: the pickled Job, then numbers of parts, then None. Messages from it:
`("step", part, entered, alerts, open)`, `("done", part, memory)` and `("failed", part, kind, text)`.
"""

from __future__ import annotations

import os
import pickle
import signal
import sys
import threading
from multiprocessing.connection import Connection
from queue import SimpleQueue
from typing import Any


def main() -> None:
    """Work until there is no more to do. The first arguments are its ends of the pipes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    orders = Connection(int(sys.argv[1]), writable=False)
    answers = Connection(int(sys.argv[2]), readable=False)
    # What is waiting stands in a queue, so that the end of the parent is noticed during a part too.
    waiting: SimpleQueue[Any] = SimpleQueue()
    job_bytes = orders.recv_bytes()
    threading.Thread(target=_listen, args=(orders, waiting), daemon=True).start()
    serve(pickle.loads(job_bytes), waiting, answers)


def _listen(orders: Connection, waiting: SimpleQueue[Any]) -> None:
    try:
        while True:
            waiting.put(orders.recv())
    except (EOFError, OSError):
        # The parent is gone, or has no more use for this process: nothing may be written any more.
        os._exit(1)


def serve(job: Any, waiting: SimpleQueue[Any], answers: Connection) -> None:
    """Screen the parts that are asked for, one after another; None ends it."""
    from caveat.batch.edges import peak_memory
    from caveat.batch.part import screen_part

    tools = None
    while (part := waiting.get()) is not None:
        try:
            tools = tools or job.tools()
            screen_part(job, part, tools, lambda *so_far, part=part: answers.send(("step", part, *so_far)))
        except Exception as error:
            answers.send(("failed", part, *described(error, job.folder.path)))
        else:
            answers.send(("done", part, peak_memory()))


def described(error: Exception, place: object) -> tuple[str, str]:
    """What kind of failure it is (`input`, `run` or `fault`), and its words."""
    import traceback

    from caveat.batch.problems import disk_problem
    from caveat.errors import CaveatError, InputError

    if isinstance(error, InputError):
        return "input", str(error)
    if isinstance(error, CaveatError):
        return "run", str(error)
    if isinstance(error, OSError) and error.errno is not None:
        return "run", str(disk_problem(error, place))
    if isinstance(error, MemoryError):
        return "run", "there is not enough memory; run the same command with --resume --jobs 1"
    return "fault", "".join(traceback.format_exception(error))


if __name__ == "__main__":
    main()
