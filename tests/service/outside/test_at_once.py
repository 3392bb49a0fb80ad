"""What is judged in the event loop is short, so that no call holds up the others."""

from __future__ import annotations

from dataclasses import replace

import pytest

from caveat.service.ask import INLINE, STREAMED, _is_short
from service.hooks.calls import call, question

LINE = b'{"id": "a"}\n'


@pytest.mark.parametrize(
    ("kind", "body", "short"),
    [
        ("order-select", b"x" * INLINE, True),
        ("order-select", b"x" * (INLINE + 1), False),
        ("what-if", LINE, False),
        ("stream", LINE * 20_000, True),
        ("stream", LINE * (STREAMED // len(LINE) + 1), False),
        ("stream", LINE + b"x" * (INLINE + 1) + b"\n" + LINE, False),
        ("stream", b"x" * INLINE, True),
    ],
)
def test_one_long_record_is_never_judged_in_the_loop(kind: str, body: bytes, short: bool) -> None:
    asked = replace(question(call("patient-view")), kind=kind, body=body)
    assert _is_short(asked, len(body)) is short
