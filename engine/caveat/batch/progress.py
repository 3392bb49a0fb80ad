"""How far a run is: one line that moves on a terminal, a line every few seconds elsewhere."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Final, Protocol

from caveat.batch import edges

INTERVAL: Final = 10.0


class Progress(Protocol):
    """Is told how far the parts are; `tick` says how many seconds to wait at most until the next."""

    def note(self, text: str) -> None: ...

    def begin(self, parts: int, done: int, about: dict[str, Any]) -> None: ...

    def step(self, part: int, entered: int, alerts: int, left_open: int) -> None: ...

    def done(self, part: int) -> None: ...

    def tick(self) -> float: ...

    def close(self) -> None: ...


class Quiet:
    """Says nothing."""

    def note(self, text: str) -> None:
        """Nothing."""

    def begin(self, parts: int, done: int, about: dict[str, Any]) -> None:
        """Nothing."""

    def step(self, part: int, entered: int, alerts: int, left_open: int) -> None:
        """Nothing."""

    def done(self, part: int) -> None:
        """Nothing."""

    def tick(self) -> float:
        """An hour."""
        return 3600.0

    def close(self) -> None:
        """Nothing."""


class Lines:
    """A line every `interval` seconds, given to `say`."""

    def __init__(
        self,
        say: Callable[[str], None],
        *,
        interval: float = INTERVAL,
        ticks: Callable[[], float] = edges.ticks,
    ) -> None:
        self._say, self._interval, self._ticks = say, interval, ticks
        self._begun = self._last = ticks()
        self._parts = self._before = self._done = 0
        self._total: int | None = None
        self._so_far: dict[int, tuple[int, int, int]] = {}
        self._sums = (0, 0, 0)
        self._open = False
        self._noted: float | None = None

    def note(self, text: str) -> None:
        """What the source is busy with while it prepares: the first, then one every `interval` at most."""
        now = self._ticks()
        if self._noted is None or now - self._noted >= self._interval:
            self._noted = now
            self._say(text)

    def begin(self, parts: int, done: int, about: dict[str, Any]) -> None:
        """The clock of the rate starts here."""
        self._parts, self._before, self._done = parts, done, done
        stated = stated_patients(about)
        self._total = None if done else stated
        self._begun = self._last = self._ticks()
        self._open = True

    def step(self, part: int, entered: int, alerts: int, left_open: int) -> None:
        """What a part came to so far."""
        self._so_far[part] = (entered, alerts, left_open)

    def done(self, part: int) -> None:
        """A part is finished."""
        self._done += 1
        a, b = self._sums, self._so_far.pop(part, (0, 0, 0))
        self._sums = (a[0] + b[0], a[1] + b[1], a[2] + b[2])

    def sums(self) -> tuple[int, int, int]:
        """Patients, alerts and patients with something left open, since this call began."""
        at = [self._sums, *self._so_far.values()]
        return sum(a for a, _, _ in at), sum(b for _, b, _ in at), sum(c for _, _, c in at)

    def text(self) -> str:
        """The line: patients, rate, alerts, share left open, parts, time left."""
        patients, alerts, left_open = self.sums()
        passed = max(self._ticks() - self._begun, 1e-9)
        share = f"{100 * left_open / patients:.1f} % not fully assessed" if patients else "nothing judged yet"
        line = (
            f"{patients:,} patients · {patients / passed:,.0f}/s · {alerts:,} alerts · {share} · "
            f"{self._done} of {self._parts} parts"
        )
        left = self.left(passed)
        return line if left is None else f"{line} · about {duration(left)} left"

    def fraction(self) -> float:
        """The share of this call's work that is done."""
        if self._total:
            return min(self.sums()[0] / self._total, 1.0)
        todo = self._parts - self._before
        return (self._done - self._before) / todo if todo else 1.0

    def left(self, passed: float) -> float | None:
        """Seconds left; None while nothing can be said."""
        fraction = self.fraction()
        return passed * (1 - fraction) / fraction if fraction > 0.01 else None

    def tick(self) -> float:
        """Says the line when it is time."""
        if not self._open:
            return self._interval
        now = self._ticks()
        if now - self._last >= self._interval:
            self._last = now
            self.show()
        return max(self._interval - (now - self._last), 0.01)

    def show(self) -> None:
        """Say where things stand."""
        self._say(self.text())

    def close(self) -> None:
        """No more lines."""
        self._open = False


def stated_patients(about: dict[str, Any]) -> int | None:
    """How many patient records a source says it holds, those it set aside too; None where it does not say."""
    stated = about.get("patients", about.get("rows"))
    refused = about.get("patient_records_rejected", 0)
    return stated + refused if isinstance(stated, int) else None


def duration(seconds: float) -> str:
    """`45 s`, `3 min`, `2 h 10 min`."""
    if seconds < 90:
        return f"{max(round(seconds), 1)} s"
    minutes = round(seconds / 60)
    return f"{minutes} min" if minutes < 90 else f"{minutes // 60} h {minutes % 60} min"
