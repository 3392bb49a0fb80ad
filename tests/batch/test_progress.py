"""What is said while a run goes on."""

from __future__ import annotations

import pytest

from caveat.batch.progress import Lines, duration


class Clock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


def test_a_line_every_ten_seconds_with_rate_and_time_left(clock: Clock) -> None:
    said: list[str] = []
    lines = Lines(said.append, ticks=clock)
    lines.begin(10, 2, {})
    lines.step(2, 5_000, 700, 500)
    clock.now += 9
    assert lines.tick() == pytest.approx(1)
    assert not said
    clock.now += 1
    lines.tick()
    assert said == ["5,000 patients · 500/s · 700 alerts · 10.0 % not fully assessed · 2 of 10 parts"]
    lines.step(2, 20_000, 3_000, 5_000)
    lines.done(2)
    lines.step(3, 20_000, 1_000, 5_000)
    clock.now += 10
    lines.tick()
    assert said[1:] == [
        "40,000 patients · 2,000/s · 4,000 alerts · 25.0 % not fully assessed · 3 of 10 parts · about "
        "2 min left"
    ]
    lines.close()
    clock.now += 100
    lines.tick()
    assert len(said) == 2


def test_a_source_that_knows_its_size_tells_the_time_left_sooner(clock: Clock) -> None:
    lines = Lines(lambda text: None, ticks=clock)
    lines.begin(1, 0, {"patients": 1_000})
    lines.step(0, 250, 0, 0)
    clock.now += 5
    assert lines.text().endswith("0 of 1 parts · about 15 s left")


def test_nothing_is_divided_by_nothing(clock: Clock) -> None:
    lines = Lines(lambda text: None, ticks=clock)
    lines.begin(0, 0, {})
    assert lines.text() == "0 patients · 0/s · 0 alerts · nothing judged yet · 0 of 0 parts · about 1 s left"


def test_notes_of_the_source_do_not_flood(clock: Clock) -> None:
    said: list[str] = []
    lines = Lines(said.append, ticks=clock)
    for number in range(100):
        lines.note(f"file {number}")
        clock.now += 0.5
    assert said == ["file 0", "file 20", "file 40", "file 60", "file 80"]


@pytest.mark.parametrize(
    ("seconds", "words"),
    [
        (0.2, "1 s"),
        (89, "89 s"),
        (120, "2 min"),
        (5340, "89 min"),
        (5400, "1 h 30 min"),
        (7800, "2 h 10 min"),
    ],
)
def test_durations(seconds: float, words: str) -> None:
    assert duration(seconds) == words
