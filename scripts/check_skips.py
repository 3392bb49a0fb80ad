"""Fails when a test was skipped and tests/allowed_skips.txt does not say why that may be.

Usage: check_skips.py LOG ALLOWED. LOG has a line `test id<TAB>reason` for each skip (tests/conftest.py
writes it where CAVEAT_SKIP_LOG names a file). ALLOWED has a line `pattern :: why` for each skip that may
happen; the pattern is searched in the whole line of the log.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path


def read_allowed(text: str) -> list[tuple[re.Pattern[str], str]]:
    """Patterns and reasons; a line without a reason is a ValueError."""
    allowed = []
    for number, line in enumerate(text.splitlines(), start=1):
        if not line.strip() or line.startswith("#"):
            continue
        pattern, separator, why = line.partition(" :: ")
        if not separator or not why.strip():
            raise ValueError(f"line {number}: write `pattern :: why`, found {line!r}")
        allowed.append((re.compile(pattern.strip()), why.strip()))
    return allowed


def unexplained(log: str, allowed: list[tuple[re.Pattern[str], str]]) -> list[str]:
    """The skips of the log, each once, that no pattern explains."""
    skips = sorted({line for line in log.splitlines() if line.strip()})
    return [skip for skip in skips if not any(pattern.search(skip) for pattern, _ in allowed)]


def main(log: str, allowed: str) -> int:
    skips = unexplained(Path(log).read_text("utf-8"), read_allowed(Path(allowed).read_text("utf-8")))
    for skip in skips:
        print(f"skipped without leave: {skip}", file=sys.stderr)
    if skips:
        print(f"{len(skips)} skipped tests; make them run, or explain them in {allowed}", file=sys.stderr)
    return 1 if skips else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
