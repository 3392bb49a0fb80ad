"""A small closed-loop client: each connection sends the next call when the last is answered.

Run as a process of its own, so that the server's time is not the client's:
`python -m benchmarks.service.client HOST PORT PATH SECONDS CONNECTIONS FILE`. FILE holds the calls, one
a line: an Authorization header (or `-`), a tab, the body. One line of JSON comes out.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from pathlib import Path


async def _connection(
    host: str,
    port: int,
    path: str,
    until: float,
    calls: asyncio.Queue[tuple[bytes, bytes]],
    found: list[float],
) -> dict[int, int]:
    reader, writer = await asyncio.open_connection(host, port)
    statuses: dict[int, int] = {}
    head = f"POST {path} HTTP/1.1\r\nHost: {host}:{port}\r\nContent-Type: application/json\r\n".encode()
    try:
        while time.perf_counter() < until:
            try:
                authorization, body = calls.get_nowait()
            except asyncio.QueueEmpty:
                break
            token = b"" if authorization == b"-" else b"Authorization: " + authorization + b"\r\n"
            began = time.perf_counter()
            writer.write(head + token + b"Content-Length: %d\r\n\r\n" % len(body) + body)
            status = await _answer(reader)
            found.append(time.perf_counter() - began)
            statuses[status] = statuses.get(status, 0) + 1
    finally:
        writer.close()
    return statuses


async def _answer(reader: asyncio.StreamReader) -> int:
    """The status; the body is read and let go."""
    head = await reader.readuntil(b"\r\n\r\n")
    status = int(head[9:12])
    for line in head.split(b"\r\n")[1:]:
        name, _, value = line.partition(b":")
        if name.lower() == b"content-length":
            await reader.readexactly(int(value))
            break
    return status


async def load(
    host: str, port: int, path: str, seconds: float, connections: int, file: Path
) -> dict[str, object]:
    """Calls a second, latencies in milliseconds, and how often each status came."""
    calls: asyncio.Queue[tuple[bytes, bytes]] = asyncio.Queue()
    for line in file.read_bytes().splitlines():
        authorization, _, body = line.partition(b"\t")
        calls.put_nowait((authorization, body))
    found: list[float] = []
    began = time.perf_counter()
    results = await asyncio.gather(
        *(_connection(host, port, path, began + seconds, calls, found) for _ in range(connections))
    )
    took = time.perf_counter() - began
    found.sort()
    statuses: dict[int, int] = {}
    for one in results:
        for status, count in one.items():
            statuses[status] = statuses.get(status, 0) + count

    def at(share: float) -> float:
        return round(found[min(len(found) - 1, int(len(found) * share))] * 1e3, 3) if found else 0.0

    return {
        "calls": len(found),
        "seconds": took,
        "rate": len(found) / took,
        "p50": at(0.5),
        "p95": at(0.95),
        "p99": at(0.99),
        "most": at(1),
        "statuses": statuses,
        "ran_out": calls.empty(),
    }


if __name__ == "__main__":
    host, port, path, seconds, connections, file = sys.argv[1:]
    print(json.dumps(asyncio.run(load(host, int(port), path, float(seconds), int(connections), Path(file)))))
