"""NDJSON in, NDJSON out: line by line, in constant memory, as fast as the caller reads."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from typing import Any, Final
from uuid import UUID, uuid5

from caveat.service.ask import ask
from caveat.service.live import Live
from caveat.service.problems import Fault, Refused
from caveat.service.question import Answer, Question
from caveat.service.rest.screening import ERROR, REPORTS, error_line, trailer
from caveat.service.state import State
from caveat.service.store.base import Caller

MOST_LINES: Final = 200
MOST_BYTES: Final = 512 * 1024
MOST_SECONDS: Final = 0.2
AHEAD: Final = 2
"""Chunks that are under way at once: one being kept, one being judged."""
Receive = Callable[[], Awaitable[Any]]


class Gone(Exception):
    """The caller went away before the stream ended."""


@dataclass(frozen=True, slots=True)
class Chunk:
    """Some whole lines of a stream: `first` is the number of the first, `cut` those too long to be kept."""

    body: bytes
    first: int
    cut: tuple[int, ...] = ()


class Cutter:
    """Bytes in, chunks of whole lines out; a line past `longest` bytes is dropped as it comes."""

    def __init__(self, longest: int, most_lines: int = MOST_LINES, most_bytes: int = MOST_BYTES) -> None:
        self._longest, self._most_lines, self._most_bytes = longest, most_lines, most_bytes
        self._parts: list[bytes] = []
        self._size = 0
        self._lines: list[bytes | None] = []
        self._waiting = 0
        self._next = 1

    @property
    def lines(self) -> int:
        """How many whole lines wait."""
        return len(self._lines)

    @property
    def full(self) -> bool:
        """Whether a chunk of the largest size waits."""
        return len(self._lines) >= self._most_lines or self._waiting >= self._most_bytes

    def feed(self, data: bytes) -> None:
        """Further bytes of the stream."""
        *ended, rest = data.split(b"\n")
        for piece in ended:
            self._more(piece)
            self.end_line()
        self._more(rest)

    def _more(self, piece: bytes) -> None:
        self._size += len(piece)
        if self._size > self._longest:
            self._parts.clear()
        elif piece:
            self._parts.append(piece)

    def end_line(self) -> None:
        """The line is whole."""
        line = None if self._size > self._longest else b"".join(self._parts)
        self._lines.append(line)
        self._waiting += len(line or b"")
        self._parts.clear()
        self._size = 0

    def end(self) -> None:
        """The stream is over; a last line may lack its line end."""
        if self._size:
            self.end_line()

    def take(self) -> Chunk:
        """The next chunk of what waits."""
        count = size = 0
        for line in self._lines[: self._most_lines]:
            count, size = count + 1, size + len(line or b"")
            if size >= self._most_bytes:
                break
        taken, self._lines = self._lines[:count], self._lines[count:]
        self._waiting -= size
        first, self._next = self._next, self._next + count
        cut = tuple(first + index for index, line in enumerate(taken) if line is None)
        return Chunk(b"\n".join(line or b"" for line in taken), first, cut)


async def chunks(receive: Receive, cutter: Cutter, seconds: float = MOST_SECONDS) -> AsyncIterator[Chunk]:
    """The chunks of a request's body; what came is not held back longer than `seconds`.

    Nothing is read while a full chunk waits to be taken. Raises Gone when the caller goes away.
    """
    loop = asyncio.get_running_loop()
    reading: asyncio.Future[Any] | None = None
    ended, due = False, 0.0
    try:
        while not ended or cutter.lines:
            if cutter.full or (ended and cutter.lines):
                yield cutter.take()
                due = loop.time() + seconds
                continue
            if reading is None:
                reading = asyncio.ensure_future(receive())
            left = max(0.0, due - loop.time()) if cutter.lines else None
            done, _ = await asyncio.wait((reading,), timeout=left)
            if not done:
                yield cutter.take()
                continue
            message, reading = reading.result(), None
            if message["type"] == "http.disconnect":
                raise Gone
            if not cutter.lines:
                due = loop.time() + seconds
            cutter.feed(message.get("body", b""))
            if not message.get("more_body", False):
                cutter.end()
                ended = True
    finally:
        if reading is not None:
            reading.cancel()


class Answering:
    """The answers of one stream, each chunk kept in the audit trail before it is sent."""

    def __init__(self, state: State, live: Live, caller: Caller, start: Question) -> None:
        self._state, self._live, self._caller, self._start = state, live, caller, start
        self.lines = self.reports = self.rejected = 0

    async def chunk(self, chunk: Chunk) -> bytes:
        """The lines that answer a chunk. Raises Refused where nothing more may be answered."""
        answer = await ask(self._state, self._question(chunk), self._caller, live=self._live)
        body = answer.body if answer.status == 200 else _all_failed(chunk, answer)
        rejected = body.startswith(ERROR) + body.count(b"\n" + ERROR)
        self.lines += body.count(b"\n")
        self.rejected += rejected
        self.reports += int(dict(answer.headers).get(REPORTS, "0"))
        return body

    def _question(self, chunk: Chunk) -> Question:
        start = self._start
        cut = (("cut", " ".join(map(str, chunk.cut))),) if chunk.cut else ()
        return Question(
            id=str(uuid5(UUID(start.id), str(chunk.first))),
            kind="stream",
            body=chunk.body,
            as_of=start.as_of,
            at=self._state.at(),
            site=start.site,
            form=start.form,
            content=start.content,
            parameters=(*start.parameters, ("first_line", str(chunk.first)), ("stream", start.id), *cut),
        )

    async def all(self, received: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
        """Every line of the answer, and the trailer; after a refusal midway its line is the last."""
        begun = False
        try:
            async for body in self._in_order(received):
                begun = True
                yield body
        except Refused as refusal:
            if not begun:
                raise
            yield error_line(0, refusal)
            return
        yield trailer(self.lines, self.reports, self.rejected)

    async def _in_order(self, received: AsyncIterator[Chunk]) -> AsyncIterator[bytes]:
        """The answers to the chunks in their order; while one is being kept, the next is judged."""
        answers: deque[asyncio.Task[bytes]] = deque()
        coming: asyncio.Task[Chunk | None] | None = None
        ended = False
        try:
            while answers or not ended:
                if coming is None and not ended and len(answers) < AHEAD:
                    coming = asyncio.ensure_future(_next(received))
                first = tuple(answers)[:1]
                await asyncio.wait(
                    (*first, *((coming,) if coming else ())), return_when=asyncio.FIRST_COMPLETED
                )
                if coming is not None and coming.done():
                    chunk, coming = coming.result(), None
                    if chunk is None:
                        ended = True
                    else:
                        answers.append(asyncio.ensure_future(self.chunk(chunk)))
                if answers and answers[0].done():
                    yield answers.popleft().result()
        finally:
            for task in (*answers, *((coming,) if coming else ())):
                task.cancel()
            await asyncio.gather(*answers, *((coming,) if coming else ()), return_exceptions=True)


async def _next(received: AsyncIterator[Chunk]) -> Chunk | None:
    return await anext(received, None)


def _all_failed(chunk: Chunk, answer: Answer) -> bytes:
    """A line for each line of a chunk whose check failed as a whole."""
    why = Refused(
        answer.status,
        "the check failed",
        (Fault("check-failed", "interaction check failed, review manually"),),
    )
    return b"".join(
        error_line(number, why)
        for number, line in enumerate(chunk.body.split(b"\n"), chunk.first)
        if number in chunk.cut or line.strip()
    )


async def primed(lines: AsyncIterator[bytes]) -> AsyncIterator[bytes]:
    """The same lines, the first already made: what is refused at once keeps its own status."""
    first = await anext(lines)

    async def rest() -> AsyncIterator[bytes]:
        yield first
        async for line in lines:
            yield line

    return rest()


def response(lines: AsyncIterator[bytes], media: str, headers: dict[str, str]) -> Any:
    """An ASGI response that sends lines as they are made and leaves reading the request to them."""
    from starlette.responses import Response

    class Lines(Response):
        async def __call__(self, scope: Any, receive: Any, send: Any) -> None:
            await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
            try:
                async for line in lines:
                    await send({"type": "http.response.body", "body": line, "more_body": True})
            except Gone:
                return
            await send({"type": "http.response.body", "body": b"", "more_body": False})

    found = Lines(headers=headers, media_type=media)
    del found.headers["content-length"]
    return found
