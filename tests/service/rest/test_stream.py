"""POST /v1/screen with a stream: every line answered in order, kept before it is sent, in constant memory."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import replace
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.render.json import dump
from caveat.service.answers import answer
from caveat.service.question import Question
from caveat.service.rest.schemas import schema
from caveat.service.rest.stream import MOST_LINES, Chunk, Cutter, chunks
from caveat.service.state import State
from service.rest.conftest import AS_OF, application, kept
from service.rest.test_quick import PLAIN
from service.rest.test_screen import codes, two_and_a_stray

NDJSON = {"content-type": "application/x-ndjson"}


def told(response: Any) -> list[dict[str, Any]]:
    """The lines of an answer, each of the published shape."""
    assert response.status_code == 200, response.text
    assert response.headers["content-type"] == "application/x-ndjson"
    assert response.text.endswith("\n")
    lines = [json.loads(line) for line in response.text.splitlines()]
    checker = jsonschema.Draft202012Validator(schema("screen-line"))
    for line in lines:
        checker.validate(line)
    return lines


def test_each_line_is_answered_as_it_would_be_alone(client: Any) -> None:
    documents = [dump(PLAIN), b"{", b"", dump(two_and_a_stray()), b'{"id": 3}', b"  ", dump({"id": "a"})]
    response = client.post("/v1/screen", content=b"\n".join(documents), headers=NDJSON)
    *lines, trailer = told(response)
    assert trailer == {"lines": 5, "reports": 4, "rejected": 2}
    alone = [
        client.post("/v1/screen", content=one, headers={"content-type": "application/json"}).json()
        for one in documents
        if one.strip()
    ]
    for report in (one for each in alone for one in each.get("reports", ())):
        # several patients in one document: said there, where a single patient's overrides are looked up
        assert report.pop("overrides")["considered"] is False
    assert [line.get("error", line) for line in lines] == [
        {"line": number, **one} if "title" in one else one
        for number, one in zip((1, 2, 4, 5, 7), alone, strict=True)
    ]


@pytest.mark.parametrize("content", [b"", b"\n\n \r\n"])
def test_a_stream_without_a_document_has_a_trailer_alone(client: Any, content: bytes) -> None:
    assert told(client.post("/v1/screen", content=content, headers=NDJSON)) == [
        {"lines": 0, "reports": 0, "rejected": 0}
    ]


def test_a_line_that_is_too_long_is_not_kept_and_does_not_end_the_stream(state: State) -> None:
    from starlette.testclient import TestClient

    config = state.config.model_copy(
        update={"limits": state.config.limits.model_copy(update={"body_bytes": 2000})}
    )
    small = replace(state, config=config)
    long = dump({"id": "x" * 3000})
    body = b"\n".join([dump({"id": "a"}), long, long, dump({"id": "b"})])
    response = TestClient(application(small)).post("/v1/screen", content=body, headers=NDJSON)
    first, second, third, fourth, trailer = told(response)
    assert (first["patient"], fourth["patient"]) == ("a", "b")
    assert [(e["error"]["line"], e["error"]["status"]) for e in (second, third)] == [(2, 413), (3, 413)]
    assert trailer == {"lines": 4, "reports": 2, "rejected": 2}
    ((question, _),) = kept(small).records
    assert b"xxx" not in question.body


def test_an_evaluation_covers_at_most_200_lines_and_replays_to_the_same_bytes(
    client: Any, state: State
) -> None:
    record = dump(PLAIN) + b"\n"
    body = (record * 150 + b"{\n" + b"\n" * 3) * 3
    response = client.post("/v1/screen", params={"as_of": AS_OF}, content=body, headers=NDJSON)
    records = kept(state).records
    assert len(records) == 3
    assert all(question.kind == "stream" for question, _ in records)
    assert b"".join(answered.body for _, answered in records) + dump(told(response)[-1]) + b"\n" == (
        response.content
    )
    for question, answered in records:
        assert len(question.body.split(b"\n")) <= MOST_LINES
        assert answer(question, state.holder.live) == answered
        assert dict(question.parameters)["stream"] == response.headers["x-caveat-evaluation"]
    assert len({question.id for question, _ in records}) == 3
    errors = [line["error"]["line"] for line in told(response) if "error" in line]
    assert errors == [151, 305, 459]
    assert sum(len(answered.judged) for _, answered in records) == 450


def test_nothing_is_sent_before_it_is_kept_and_a_cut_stream_has_no_trailer(client: Any, state: State) -> None:
    store = kept(state)
    record = store.record

    async def twice(*args: Any, **named: Any) -> str:
        store.full = len(store.records) == 2
        return await record(*args, **named)

    store.record = twice  # type: ignore[method-assign]
    body = (dump({"id": "a"}) + b"\n") * 900
    lines = told(client.post("/v1/screen", content=body, headers=NDJSON))
    assert len(lines) == 2 * MOST_LINES + 1
    assert lines[-1]["error"]["line"] == 0
    assert lines[-1]["error"]["status"] == 503


def test_a_stream_of_which_nothing_can_be_kept_is_refused(client: Any, state: State) -> None:
    kept(state).full = True
    response = client.post("/v1/screen", content=dump(PLAIN), headers=NDJSON)
    assert codes(response, 503) == [("audit-refused", "")]


def test_a_stream_has_one_form(client: Any) -> None:
    response = client.post("/v1/screen", content=b"", headers={**NDJSON, "accept": "application/json"})
    assert codes(response, 406) == [("accept", "Accept")]


def test_a_check_that_fails_fails_its_own_line(client: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    from caveat.service.rest import screening

    real = screening.judge

    def broken(patient: Any, *rest: Any) -> Any:
        if patient.id == "bad":
            raise RuntimeError("canary-77aa")
        return real(patient, *rest)

    monkeypatch.setattr(screening, "judge", broken)
    body = b"\n".join(dump({"id": name}) for name in ("a", "bad", "b"))
    response = client.post("/v1/screen", content=body, headers=NDJSON)
    _, error, _, trailer = told(response)
    assert (error["error"]["line"], error["error"]["status"]) == (2, 500)
    assert trailer == {"lines": 3, "reports": 2, "rejected": 1}
    assert "canary" not in response.text


@given(
    st.lists(st.binary(max_size=12).map(lambda b: b.replace(b"\n", b" ")), max_size=30),
    st.integers(1, 9),
    st.integers(1, 5),
    st.integers(1, 40),
    st.integers(3, 14),
)
def test_lines_come_out_whole_however_they_come_in(
    lines: list[bytes], piece: int, most_lines: int, most_bytes: int, longest: int
) -> None:
    body = b"\n".join(lines)
    cutter = Cutter(longest, most_lines, most_bytes)
    found: list[Chunk] = []
    for start in range(0, len(body), piece):
        cutter.feed(body[start : start + piece])
        while cutter.full:
            found.append(cutter.take())
    cutter.end()
    while cutter.lines:
        found.append(cutter.take())
    seen: list[bytes] = []
    for chunk in found:
        assert chunk.first == len(seen) + 1
        parts = chunk.body.split(b"\n")
        assert len(parts) <= most_lines
        assert sum(map(len, parts[:-1])) < most_bytes or len(parts) == 1
        seen += parts
    wanted = lines if not lines or lines[-1] else lines[:-1]
    assert seen == [b"" if len(line) > longest else line for line in wanted]
    cut = [number for chunk in found for number in chunk.cut]
    assert cut == [number for number, line in enumerate(wanted, 1) if len(line) > longest]


class Caller:
    """Plays a caller that sends and reads at its own pace, below HTTP."""

    def __init__(self, app: Any) -> None:
        self.app = app
        self.sent: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
        self.asked = 0
        self.got: list[dict[str, Any]] = []
        self.free = asyncio.Event()

    async def receive(self) -> dict[str, Any]:
        self.asked += 1
        return await self.sent.get()

    async def send(self, message: dict[str, Any]) -> None:
        self.got.append(message)
        await self.free.wait()

    async def run(self) -> None:
        scope = {
            "type": "http",
            "asgi": {"version": "3.0", "spec_version": "2.3"},
            "http_version": "1.1",
            "method": "POST",
            "path": "/v1/screen",
            "raw_path": b"/v1/screen",
            "query_string": b"",
            "headers": [(b"content-type", b"application/x-ndjson"), (b"host", b"x")],
            "scheme": "http",
            "server": ("x", 80),
            "client": ("y", 1),
        }
        await self.app(scope, self.receive, self.send)

    def body(self) -> bytes:
        return b"".join(message.get("body", b"") for message in self.got)


def playing(state: State, play: Callable[[Caller], Awaitable[None]]) -> None:
    """Run a caller against the application."""

    async def whole() -> None:
        caller = Caller(application(state))
        running = asyncio.ensure_future(caller.run())
        try:
            await asyncio.wait_for(play(caller), 20)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    asyncio.run(whole())


async def until(holds: Callable[[], bool]) -> None:
    while not holds():
        await asyncio.sleep(0.01)


def part(count: int, more: bool = True) -> dict[str, Any]:
    return {"type": "http.request", "body": (dump({"id": "a"}) + b"\n") * count, "more_body": more}


def test_nothing_more_is_read_while_the_caller_does_not_read(state: State) -> None:
    async def play(caller: Caller) -> None:
        for _ in range(50):
            caller.sent.put_nowait(part(MOST_LINES))
        await until(lambda: len(caller.got) > 0)
        await asyncio.sleep(0.3)
        assert caller.asked <= 4
        assert len(kept(state).records) <= 3
        caller.free.set()
        await until(lambda: caller.body().count(b"\n") >= 50 * MOST_LINES)

    playing(state, play)


def test_a_slow_stream_is_answered_as_it_comes(state: State) -> None:
    async def play(caller: Caller) -> None:
        caller.free.set()
        for count in (1, 2, 3):
            caller.sent.put_nowait(part(1))
            await until(lambda count=count: caller.body().count(b"\n") == count)  # type: ignore[misc]
        caller.sent.put_nowait(part(0, more=False))
        await until(lambda: b'{"lines":3,' in caller.body())
        assert len(kept(state).records) == 3

    playing(state, play)


def test_a_caller_that_goes_away_ends_the_stream_quietly(state: State) -> None:
    async def play(caller: Caller) -> None:
        caller.free.set()
        caller.sent.put_nowait(part(1))
        await until(lambda: caller.body().count(b"\n") == 1)
        caller.sent.put_nowait({"type": "http.disconnect"})
        await asyncio.sleep(0.1)
        assert b'"lines"' not in caller.body()
        assert caller.got[-1]["more_body"] is True

    playing(state, play)
    assert not [event for event, _ in state.log.lines if event == "call-failed"]


def test_no_byte_is_lost_where_reading_is_slower_than_the_deadline() -> None:
    async def run() -> list[Chunk]:
        pieces = [b"a", b"b\nc", b"d\n", b"e", b"\nf"]

        async def receive() -> dict[str, Any]:
            await asyncio.sleep(0.03)
            return {"type": "http.request", "body": pieces.pop(0), "more_body": bool(pieces)}

        found: AsyncIterator[Chunk] = chunks(receive, Cutter(100), seconds=0.01)
        return [chunk async for chunk in found]

    found = asyncio.run(run())
    assert [line for chunk in found for line in chunk.body.split(b"\n")] == [b"ab", b"cd", b"e", b"f"]
    assert [chunk.first for chunk in found] == [1, 2, 3]


def test_first_line_numbers_what_is_wrong(state: State) -> None:
    question = Question(
        "q", "stream", b"{\n\n{", AS_OF, "", state.site, form="application/x-ndjson",
        parameters=(("first_line", "7"), ("cut", "8")),
    )  # fmt: skip
    lines = [json.loads(line)["error"] for line in answer(question, state.holder.live).body.splitlines()]
    assert [(line["line"], line["status"]) for line in lines] == [(7, 400), (8, 413), (9, 400)]
