"""Progress on a terminal: one line that moves."""

from __future__ import annotations

from typing import Any

from caveat.batch.progress import Lines


class Moving(Lines):
    """Draws the bar, the rate and the counts again and again in one place, and leaves nothing behind."""

    def __init__(self) -> None:
        super().__init__(lambda text: None, interval=0.2)
        self._drawn: Any = None
        self._task: Any = None

    def note(self, text: str) -> None:
        """Said as a line of its own, at most every two seconds."""
        now = self._ticks()
        if self._noted is None or now - self._noted >= 2:
            self._noted = now
            from caveat.cli.talk import say

            say(text)

    def begin(self, parts: int, done: int, about: dict[str, Any]) -> None:
        """The bar appears."""
        from rich.console import Console
        from rich.progress import BarColumn, Progress, TextColumn

        super().begin(parts, done, about)
        self._drawn = Progress(
            BarColumn(bar_width=24),
            TextColumn("{task.description}"),
            console=Console(stderr=True),
            transient=True,
        )
        self._drawn.start()
        self._task = self._drawn.add_task("starting", total=1.0)

    def show(self) -> None:
        """The bar moves."""
        if self._drawn is not None:
            self._drawn.update(self._task, completed=self.fraction(), description=self.text())

    def close(self) -> None:
        """The bar goes."""
        super().close()
        if self._drawn is not None:
            self._drawn.stop()
            self._drawn = None
