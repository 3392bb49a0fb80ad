"""A refusal as a whole answer, for what stands before the application."""

from __future__ import annotations

from typing import Any

from caveat.service.problems import PROBLEM, Refused


async def send_refusal(send: Any, refused: Refused) -> None:
    """Answer with problem+json."""
    import msgspec

    body = msgspec.json.encode(refused.problem())
    headers = [(b"content-type", PROBLEM.encode()), (b"content-length", str(len(body)).encode())]
    headers += [(name.lower().encode("latin-1"), value.encode("latin-1")) for name, value in refused.headers]
    await send({"type": "http.response.start", "status": refused.status, "headers": headers})
    await send({"type": "http.response.body", "body": body})
