"""What one call may cost: each attack by its name."""

from __future__ import annotations

import asyncio
import gzip
import tracemalloc
import zlib
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from caveat.service.config import Limits
from caveat.service.limits import middleware
from caveat.service.limits.inflate import body_of
from caveat.service.limits.middleware import Limited
from service.limits.calling import Answer, Client, State, call, called, echo, scope_of

STREAM = "/v1/screen"
NDJSON = ("Content-Type", "application/x-ndjson; charset=utf-8")
GZIP = ("Content-Encoding", "gzip")


def raw_deflate(data: bytes) -> bytes:
    packer = zlib.compressobj(wbits=-15)
    return packer.compress(data) + packer.flush()


Pack = Callable[[bytes], bytes]
PACKERS: dict[str, Pack] = {"gzip": gzip.compress, "deflate": zlib.compress, "raw": raw_deflate}


def test_body_within_the_limit_comes_through_whole() -> None:
    answer = call(Client([b"ab", b"", b"c" * 98]), body_bytes=100)
    assert (answer.status, answer.body) == (200, b"ab" + b"c" * 98)
    assert answer.headers["content-length"] == "100"


def test_announced_oversize_is_refused_before_anything_is_read() -> None:
    client = Client([b"x"])
    answer = call(client, headers=[("Content-Length", "101")], body_bytes=100)
    assert (answer.status, answer.code) == (413, "too-large")
    assert client.given == 0


@pytest.mark.parametrize("length", ["9" * 18, "9" * 5000])
def test_announced_length_of_any_size_is_refused(length: str) -> None:
    assert call(headers=[("Content-Length", length)]).status == 413


@pytest.mark.parametrize("lengths", [["-1"], ["x"], ["1.0"], [""], ["²"], ["1", "2"], ["0x10"]])
def test_length_that_is_none_is_refused(lengths: list[str]) -> None:
    answer = call(headers=[("Content-Length", length) for length in lengths])
    assert (answer.status, answer.code) == (400, "content-length")


def test_chunked_body_without_length_is_counted() -> None:
    client = Client([b"x" * 60] * 1000)
    answer = call(client, headers=[("Transfer-Encoding", "chunked")], body_bytes=100)
    assert (answer.status, answer.code) == (413, "too-large")
    assert client.given == 2, "no more is read than shows it"


def test_body_longer_than_announced_is_counted() -> None:
    answer = call(Client([b"x" * 101]), headers=[("Content-Length", "1")], body_bytes=100)
    assert answer.status == 413


@pytest.mark.parametrize(
    ("coding", "pack"),
    [
        ("gzip", gzip.compress),
        ("x-gzip", gzip.compress),
        ("GZip", gzip.compress),
        ("identity, gzip", gzip.compress),
        ("deflate", zlib.compress),
        ("deflate", raw_deflate),
        ("identity", bytes),
        ("", bytes),
    ],
)
@pytest.mark.parametrize("size", [1, 3, 10_000])
def test_encoded_bodies_are_decoded(coding: str, pack: Any, size: int) -> None:
    data = bytes(range(256)) * 200
    packed = pack(data)
    parts = [packed[i : i + size] for i in range(0, len(packed), size)]
    sent = [("Content-Encoding", coding), ("Content-Length", str(len(packed)))]
    answer = call(Client(parts), headers=sent)
    assert answer.body == data
    assert answer.headers == {"content-length": str(len(data))}, "headers are those of the decoded body"


@given(data=st.binary(max_size=2000), size=st.integers(1, 50), coding=st.sampled_from(sorted(PACKERS)))
def test_any_encoded_body_in_any_parts_is_decoded(data: bytes, size: int, coding: str) -> None:
    packed = PACKERS[coding](data)
    body = body_of(["gzip" if coding == "gzip" else "deflate"])
    found = b"".join(piece for i in range(0, len(packed), size) for piece in body.feed(packed[i : i + size]))
    body.end()
    assert found == data


@pytest.mark.parametrize("pack", [gzip.compress, zlib.compress, raw_deflate])
def test_decompression_bomb_is_refused_without_unpacking_it(pack: Any) -> None:
    bomb = pack(bytes(50_000_000))
    assert len(bomb) < 60_000
    coding = "gzip" if pack is gzip.compress else "deflate"
    tracemalloc.start()
    answer = call(Client([bomb]), headers=[("Content-Encoding", coding)], body_bytes=1_000_000)
    _, most = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    assert (answer.status, answer.code) == (413, "too-large")
    assert most < 10_000_000


def test_bomb_inside_a_bomb_is_refused() -> None:
    packed = gzip.compress(gzip.compress(bytes(1_000_000)))
    answer = call(Client([packed]), headers=[("Content-Encoding", "gzip, gzip")])
    assert (answer.status, answer.code) == (415, "content-encoding")


@pytest.mark.parametrize("coding", ["br", "zstd", "compress", "gzip, br", "x", "gzip;q=1"])
def test_unknown_encodings_are_refused(coding: str) -> None:
    answer = call(Client([b"x"]), headers=[("Content-Encoding", coding)])
    assert (answer.status, answer.code) == (415, "content-encoding")
    assert answer.headers["accept-encoding"] == "gzip, deflate"


@pytest.mark.parametrize(
    ("coding", "data"),
    [
        ("gzip", b"{}"),
        ("gzip", b""),
        ("gzip", gzip.compress(b"x" * 1000, mtime=0)[:-1]),
        ("gzip", gzip.compress(b"x" * 1000, mtime=0)[:20]),
        ("gzip", gzip.compress(b"x", mtime=0)[:-8] + bytes(8)),
        ("gzip", gzip.compress(b"{}", mtime=0) + b"{}"),
        ("gzip", gzip.compress(b"{}", mtime=0) + gzip.compress(b"{}", mtime=0)),
        ("gzip", zlib.compress(b"{}")),
        ("deflate", b"\xff\xff"),
        ("deflate", zlib.compress(b"x" * 100)[:-1]),
        ("deflate", raw_deflate(b"x" * 1000)[:-1]),
        ("deflate", zlib.compress(b"{}") + b"x"),
    ],
)
def test_broken_encodings_are_refused(coding: str, data: bytes) -> None:
    """Also what follows a member: it would be left out without a word."""
    for size in (1, 1000):
        parts = [data[i : i + size] for i in range(0, len(data), size)] or [b""]
        answer = call(Client(parts), headers=[("Content-Encoding", coding)])
        assert (answer.status, answer.code) == (400, "content-encoding")


def test_many_empty_members_cost_no_time() -> None:
    """They are refused at the second one."""
    answer = call(Client([gzip.compress(b"", mtime=0) * 200_000]), headers=[GZIP], body_bytes=10_000_000)
    assert answer.status == 400


def test_slow_body_is_given_up() -> None:
    """A byte now and then, as slowloris sends it."""
    answer = call(Client([b"x"] * 1000, pause=0.02), seconds=0.1)
    assert (answer.status, answer.code) == (408, "too-slow")
    assert answer.headers["connection"] == "close"


def test_body_that_never_comes_is_given_up() -> None:
    assert call(Client([b"x"], pause=30), seconds=0.05).code == "too-slow"


def test_client_that_goes_away_is_not_answered() -> None:
    reached = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        reached.append(scope)

    assert call(Client([b"x"], leaves=True), app=app).messages == []
    assert reached == []


async def _slow(scope: Any, receive: Any, send: Any) -> None:
    await asyncio.sleep(30)


def test_answer_that_takes_too_long_is_a_problem() -> None:
    state = State()
    answer = call(app=_slow, seconds=0.05, state=state)
    assert (answer.status, answer.code) == (503, "out-of-time")
    assert answer.headers["retry-after"] == "1"
    assert state.codes == ["out-of-time"]
    assert state.lines == [("limit", {"reason": "out-of-time", "status": 503})]


def test_answer_that_has_begun_is_not_cut_off() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        await asyncio.sleep(0.15)
        await send({"type": "http.response.body", "body": b"whole"})

    answer = call(app=app, seconds=0.05)
    assert (answer.status, answer.body) == (200, b"whole")


def test_the_applications_own_timeout_is_not_ours() -> None:
    async def app(scope: Any, receive: Any, send: Any) -> None:
        raise TimeoutError("its own")

    with pytest.raises(TimeoutError, match="its own"):
        call(app=app)


def test_calls_past_the_limit_are_sent_away_and_places_come_back() -> None:
    async def scene() -> None:
        free = asyncio.Event()

        async def app(scope: Any, receive: Any, send: Any) -> None:
            if scope["path"] == "/fails":
                raise RuntimeError
            await free.wait()
            await echo(scope, receive, send)

        limited = Limited(app, Limits(concurrency=3, seconds=5), State())
        under_way = [asyncio.create_task(called(limited)) for _ in range(3)]
        await asyncio.sleep(0.01)
        client = Client([b"never read"])
        for _ in range(3):
            answer = await called(limited, client)
            assert (answer.status, answer.code) == (429, "too-many-calls")
            assert answer.headers["retry-after"] == "1"
        assert client.given == 0
        for path in ("/healthz", "/readyz", "/metrics"):
            waiting = asyncio.create_task(called(limited, path=path))
            await asyncio.sleep(0)
            free.set()
            assert (await waiting).status == 200, path
            free.clear()
            free.set()
        assert [(await task).status for task in under_way] == [200] * 3
        for _ in range(10):
            with pytest.raises(RuntimeError):
                await called(limited, path="/fails")
        for _ in range(10):
            assert (await called(limited, headers=[("Content-Length", "x")])).status == 400
        assert (await asyncio.gather(*(called(limited) for _ in range(3))))[2].status == 200

    asyncio.run(scene())


def test_cancelled_call_gives_its_place_back() -> None:
    async def scene() -> None:
        limited = Limited(_slow, Limits(concurrency=1))
        task = asyncio.create_task(called(limited))
        await asyncio.sleep(0.01)
        assert (await called(limited)).status == 429
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        limited._app = echo
        assert (await called(limited)).status == 200

    asyncio.run(scene())


def test_streams_leave_half_of_the_places_to_others() -> None:
    async def scene() -> None:
        limited = Limited(_slow, Limits(concurrency=4, seconds=0.05))
        tasks = [asyncio.create_task(called(limited, path=STREAM, headers=[NDJSON])) for _ in range(2)]
        await asyncio.sleep(0.01)
        assert (await called(limited, path=STREAM, headers=[NDJSON])).status == 429
        assert (await called(limited)).status == 503, "it had a place, and its own limit of time"
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)

    asyncio.run(scene())


def test_stream_is_passed_on_as_it_comes() -> None:
    async def scene() -> list[Any]:
        seen: list[Any] = []

        async def app(scope: Any, receive: Any, send: Any) -> None:
            while True:
                message = await receive()
                seen.append((message["body"], client.given))
                if not message["more_body"]:
                    break
            await send({"type": "http.response.start", "status": 200, "headers": []})

        client = Client([b"a\n", b"b\n", b"c\n"])
        await called(Limited(app, Limits(body_bytes=3)), client, path=STREAM, headers=[NDJSON])
        return seen

    assert asyncio.run(scene()) == [(b"a\n", 1), (b"b\n", 2), (b"c\n", 3), (b"", 3)]


def test_only_the_stream_endpoint_streams() -> None:
    for path, kind in (("/cds-services/x", NDJSON), (STREAM, ("Content-Type", "application/json"))):
        assert call(Client([b"x" * 60] * 2), path=path, headers=[kind], body_bytes=100).status == 413


def test_stream_past_its_bytes_is_refused() -> None:
    client = Client([b"x" * 60] * 1000)
    answer = call(client, path=STREAM, headers=[NDJSON], body_bytes=10, stream_bytes=100)
    assert (answer.status, answer.code) == (413, "too-large")
    assert client.given == 2


def test_bomb_in_a_stream_is_refused() -> None:
    bomb = gzip.compress(bytes(50_000_000))
    answer = call(Client([bomb]), path=STREAM, headers=[NDJSON, GZIP], stream_bytes=1_000_000)
    assert (answer.status, answer.code) == (413, "too-large")


def test_encoded_stream_is_decoded_and_checked_to_its_end() -> None:
    packed = gzip.compress(b"line\n" * 1000, mtime=0)
    parts = [packed[i : i + 7] for i in range(0, len(packed), 7)]
    assert call(Client(parts), path=STREAM, headers=[NDJSON, GZIP]).body == b"line\n" * 1000
    cut = call(Client(parts[:-1]), path=STREAM, headers=[NDJSON, GZIP])
    assert (cut.status, cut.code) == (400, "content-encoding")


def test_stream_that_stops_coming_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(middleware, "IDLE_SECONDS", 0.05)
    answer = call(Client([b"x"] * 3, pause=0.2), path=STREAM, headers=[NDJSON])
    assert (answer.status, answer.code) == (408, "too-slow")


def test_stream_has_its_own_time() -> None:
    assert call(app=_slow, path=STREAM, headers=[NDJSON], seconds=30, stream_seconds=0.05).status == 503


def test_refusal_inside_an_answer_that_has_begun_breaks_it_off() -> None:
    """An answer must not look whole when the rest of the stream was not read."""

    async def app(scope: Any, receive: Any, send: Any) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": []})
        while (await receive())["more_body"]:
            await send({"type": "http.response.body", "body": b"judged", "more_body": True})

    async def scene() -> Answer:
        answer = Answer()
        limited = Limited(app, Limits(stream_bytes=100))
        with pytest.raises(middleware.Refused):
            await limited(scope_of(STREAM, [NDJSON]), Client([b"x" * 60] * 3).receive, answer.send)
        return answer

    messages = asyncio.run(scene()).messages
    assert messages[-1]["more_body"], "no end was sent"


def test_stream_whose_client_leaves_is_told_so() -> None:
    assert call(Client([b"x"], leaves=True), path=STREAM, headers=[NDJSON]).messages == []


def test_disconnect_after_the_body_is_handed_on() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.extend([(await receive())["type"], (await receive())["type"]])

    class Leaving(Client):
        async def receive(self) -> Any:
            return {"type": "http.disconnect"} if self.given else await super().receive()

    call(Leaving([b"x"]), app=app)
    assert seen == ["http.request", "http.disconnect"]


def test_what_is_no_call_passes() -> None:
    seen = []

    async def app(scope: Any, receive: Any, send: Any) -> None:
        seen.append(scope["type"])

    asyncio.run(Limited(app, Limits())({"type": "lifespan"}, None, None))
    assert seen == ["lifespan"]
