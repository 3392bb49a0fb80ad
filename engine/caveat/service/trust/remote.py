"""Fetching a key set over https."""

from __future__ import annotations

import asyncio
from typing import Final

from caveat.service.trust.keys import MOST_BYTES

SECONDS: Final = 3.0


async def https_get(address: str) -> bytes:
    """The body at a configured address: no redirect followed, no proxy used, 3 s and 256 KiB at most.

    Raises OSError, TimeoutError or an httpx error; which one makes no difference to the caller.
    """
    import httpx

    found = bytearray()
    async with (
        asyncio.timeout(SECONDS),
        httpx.AsyncClient(follow_redirects=False, trust_env=False, timeout=SECONDS) as client,
        client.stream("GET", address, headers={"Accept": "application/json"}) as response,
    ):
        if response.status_code != 200:
            raise OSError(f"answered {response.status_code}")
        async for chunk in response.aiter_bytes():
            found += chunk
            if len(found) > MOST_BYTES:
                raise OSError("the key set is too large")
    return bytes(found)
