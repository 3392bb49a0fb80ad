"""The threads that keep evaluations: one into the database, one into the spool, one that drains it.

Each takes all that waits and keeps it with one sync, so that many callers share the cost of one. A
caller is told only after that sync.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from threading import Condition, Event, Lock, Thread
from time import monotonic
from typing import TYPE_CHECKING, Any, Final

from caveat.errors import CaveatError
from caveat.service.store import chain
from caveat.service.store.base import AuditRefused, StoreAway
from caveat.service.store.entry import Entry
from caveat.service.store.keys import Keys
from caveat.service.store.spool import Segment, Spool

if TYPE_CHECKING:
    from caveat.service.store.database import Database

MOST: Final = 256
"""Entries of one transaction."""
PROBE: Final = 0.25
"""Seconds between two looks for a database that is away."""
REFUSING: Final = 10.0
"""Seconds for which a refused evaluation counts: a disk that is full answers to all but the next write."""
LEFTOVERS: Final = 30.0
"""Seconds between two looks for spool files of processes that died."""


@dataclass(slots=True)
class Item:
    """One evaluation on its way. `make` gives the entry; it is called once, off the event loop."""

    make: Callable[[], Entry]
    loop: asyncio.AbstractEventLoop
    future: asyncio.Future[str]
    _entry: Entry | None = None
    _lock: Lock = field(default_factory=Lock)

    @property
    def entry(self) -> Entry:
        """The entry, made when it is first needed."""
        with self._lock:
            if self._entry is None:
                self._entry = self.make()
            return self._entry


class Line:
    """Items in the order they came, taken all at once by one thread."""

    def __init__(self) -> None:
        self._items: list[Item] = []
        self._changed = Condition()
        self._closed = False

    def put(self, items: Sequence[Item]) -> None:
        """Add items. Raises AuditRefused once closed."""
        with self._changed:
            if self._closed:
                raise AuditRefused("the store is closed")
            self._items += items
            self._changed.notify()

    def take(self) -> list[Item] | None:
        """Up to MOST items, waiting for the first; None when closed and empty."""
        with self._changed:
            while not self._items:
                if self._closed:
                    return None
                self._changed.wait()
            taken, self._items = self._items[:MOST], self._items[MOST:]
            return taken

    def close(self) -> None:
        """Take no more; what is there is still handed out."""
        with self._changed:
            self._closed = True
            self._changed.notify_all()


class Writer:
    """Keeps entries in the database, or in the spool while it is away."""

    def __init__(self, database: Database, spool: Spool, keys: Keys, log: Any = None) -> None:
        self.database, self.spool, self.keys, self._log = database, spool, keys, log
        self.reason = "not connected yet"
        self._away = Event()
        self._away.set()
        self._wake = Event()
        self._closing = False
        self._prepared = False
        self._identity: tuple[int, int] | None = None
        self._refused_until = 0.0
        self._to_store, self._to_spool = Line(), Line()
        self._threads = [
            Thread(target=run, name=f"caveat-{name}", daemon=True)
            for name, run in (("store", self._storing), ("spool", self._spooling), ("drain", self._draining))
        ]

    def start(self) -> None:
        """Connect once, so that what cannot be served is known at the start, then run the threads.

        Raises CaveatError for a key or a release that does not fit the database; a database that is
        away is waited for.
        """
        try:
            self._prepare()
            if not self.spool.count():
                self._away.clear()
        except StoreAway as error:
            self.away(error)
        for thread in self._threads:
            thread.start()

    @property
    def is_away(self) -> bool:
        """Whether evaluations go to the spool now."""
        return self._away.is_set()

    @property
    def is_reachable(self) -> bool:
        """Whether the database answered when it was last asked, the spool drained or not."""
        return not self.reason

    @property
    def is_refusing(self) -> bool:
        """Whether an evaluation could be kept nowhere, these last seconds, and none was kept since."""
        return monotonic() < self._refused_until

    def put(self, item: Item) -> None:
        """Keep an item; its future says `stored` or `spooled`, or raises AuditRefused."""
        (self._to_spool if self.is_away else self._to_store).put([item])

    def rescue(self, item: Item) -> None:
        """Spool an item that the database holds up; it may end up there as well, which does no harm."""
        self.away(StoreAway("the database does not answer"))
        self._to_spool.put([item])

    def away(self, error: Exception) -> None:
        """From now on to the spool, until the database answers again and the spool is empty."""
        self.reason = str(error) if isinstance(error, (StoreAway, CaveatError)) else type(error).__name__
        if not self._away.is_set():
            self._away.set()
            self._say("warning", "store-away", reason=self.reason)
        self._wake.set()

    def close(self) -> None:
        """Keep what is on its way, then stop."""
        self._closing = True
        self._to_store.close()
        self._threads[0].join(self.database.timeout * 2)
        self._to_spool.close()
        self._wake.set()
        for thread in self._threads[1:]:
            thread.join(self.database.timeout * 2)
        self.spool.close()
        self.database.close()

    def _storing(self) -> None:
        while (items := self._to_store.take()) is not None:
            self._store(_made(items))

    def _store(self, items: list[Item]) -> None:
        if not items:
            return
        if self.is_away:
            self._hand_over(items)
            return
        try:
            self._same_file()
            with self.database.begin() as connection:
                chain.append(connection, self.keys, [item.entry for item in items])
        except StoreAway as error:
            self.away(error)
            self._hand_over(items)
        except Exception as error:
            self._store_singly(items, error)
        else:
            self._refused_until = 0.0
            _tell(items, "stored")

    def _store_singly(self, items: list[Item], error: Exception) -> None:
        """After a row that the database refused: the others are stored, that one is not told as stored."""
        for index, item in enumerate(items):
            try:
                with self.database.begin() as connection:
                    chain.append_new(connection, self.keys, [item.entry])
            except chain.Conflict as conflict:
                _tell([item], conflict)
            except Exception as again:
                self.away(again)
                self._hand_over(items[index:])
                return
            else:
                _tell([item], "stored")

    def _hand_over(self, items: list[Item]) -> None:
        try:
            self._to_spool.put(items)
        except AuditRefused as error:
            _tell(items, error)

    def _spooling(self) -> None:
        while (items := self._to_spool.take()) is not None:
            ready = _made(items)
            try:
                kept = self.spool.append([item.entry for item in ready]) if ready else 0
            except AuditRefused as error:
                self._refused_until = monotonic() + REFUSING
                _tell(ready, error)
                self._say("error", "spool-unwritable")
                continue
            except Exception as error:
                _tell(ready, AuditRefused(f"the spool failed ({type(error).__name__})"))
                self._say("error", "spool-failed", error=type(error).__name__)
                continue
            _tell(ready[:kept], "spooled")
            if not self.is_away:
                self._wake.set()  # the database came back meanwhile, and nothing else would drain these
            if ready[kept:]:
                full = f"the database is away and the spool is full ({self.spool.limit} records)"
                _tell(ready[kept:], AuditRefused(full))
                self._say("error", "spool-full", limit=self.spool.limit)

    def _draining(self) -> None:
        while not self._closing:
            self._wake.clear()
            try:
                self._prepare()
                self._drain()
            except Exception as error:
                self.away(error)
                self._wake.clear()
            self._wake.wait(PROBE if self.is_away else LEFTOVERS)

    def _prepare(self) -> None:
        """The tables made and the key checked, once the database answers; later whether it can be written."""
        from caveat.service.store.migrate import upgrade

        if self._prepared:
            self._same_file()
            with self.database.begin() as connection:
                chain.locked_head(connection)
        else:
            upgrade(self.database)
            with self.database.begin() as connection:
                chain.prepare(connection, self.keys)
            self._identity = self.database.identity()
            self._prepared = True
        self.reason = ""

    def _same_file(self) -> None:
        """Raises StoreAway where SQLite's file was taken away or replaced: what is written to the old one
        is lost. One that was put in its place is opened as at the start."""
        if self.database.identity() != self._identity:
            self._prepared = False
            self.database.close()
            raise StoreAway("the database file was replaced")

    def _drain(self) -> None:
        """Store the spool in order. While it is long, new entries queue behind it."""
        while not self._closing:
            self.spool.rotate()
            segments = self.spool.waiting()
            for segment in segments:
                self._drain_one(segment)
            left = sum(segment.entries for segment in segments)
            if left <= MOST and self._away.is_set():
                self._away.clear()
                self._say("info", "store-back")
                continue  # what came to the spool until now
            if not segments:
                return

    def _drain_one(self, segment: Segment) -> None:
        bad = 0
        batch: list[Entry] = []
        for entry in self.spool.read(segment):
            if entry is None:
                bad += 1
                continue
            batch.append(entry)
            if len(batch) == MOST:
                bad += self._drained(batch)
                batch = []
        bad += self._drained(batch) if batch else 0
        self.spool.done(segment)
        if bad:
            segment.set_aside()
            self._say("error", "spool-set-aside", count=bad)
        else:
            segment.remove()

    def _drained(self, batch: list[Entry]) -> int:
        """Store a batch; returns how many of it the database refuses for what is in them."""
        from sqlalchemy.exc import DataError, IntegrityError

        try:
            with self.database.begin() as connection:
                chain.append_new(connection, self.keys, batch)
        except (DataError, IntegrityError, chain.Conflict):
            if len(batch) == 1:
                return 1
            return sum(self._drained([entry]) for entry in batch)
        return 0

    def _say(self, level: str, event: str, **fields: Any) -> None:
        if self._log is not None:
            getattr(self._log, level)(event, **fields)


def _made(items: list[Item]) -> list[Item]:
    """The items whose entry could be made; the callers of the others are told why not."""
    ready = []
    for item in items:
        try:
            _ = item.entry
        except Exception as error:
            _tell([item], AuditRefused(f"the evaluation cannot be kept ({type(error).__name__})"))
        else:
            ready.append(item)
    return ready


def _tell(items: Sequence[Item], outcome: str | Exception) -> None:
    """Settle the futures, each in its loop; a caller that went away is not told."""
    by_loop: dict[asyncio.AbstractEventLoop, list[Item]] = {}
    for item in items:
        by_loop.setdefault(item.loop, []).append(item)
    for loop, some in by_loop.items():
        try:
            loop.call_soon_threadsafe(_settle, some, outcome)
        except RuntimeError:
            continue  # the loop was closed


def _settle(items: Sequence[Item], outcome: str | Exception) -> None:
    for item in items:
        if item.future.done():
            continue
        if isinstance(outcome, str):
            item.future.set_result(outcome)
        else:
            item.future.set_exception(outcome)
