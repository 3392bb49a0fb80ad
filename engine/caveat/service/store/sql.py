"""The store in SQLite or PostgreSQL, with a spool on disk for while it is away."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, TypeVar

from caveat.service.config import Config
from caveat.service.question import Answer, Override, Question
from caveat.service.store import feedback as feedback_of
from caveat.service.store import overriding
from caveat.service.store.base import Caller, Said, StoreAway, Wanted
from caveat.service.store.database import open_database
from caveat.service.store.entry import Entry, entry_of
from caveat.service.store.glance import Glance
from caveat.service.store.keys import Keys
from caveat.service.store.spool import Spool
from caveat.service.store.writer import Item, Writer

if TYPE_CHECKING:
    from sqlalchemy import Connection

T = TypeVar("T")
THREADS: Final = 4
"""Threads that ask the database for overrides and the like."""


class SqlStore:
    """What `base.Store` asks. Starts threads; `close` ends them.

    Raises CaveatError for a URL, a key or a database that does not fit. A database that is away is
    waited for, and evaluations go to the spool until it is there.
    """

    def __init__(self, config: Config, key: bytes, log: Any = None) -> None:
        storing = config.store
        self._keys = Keys(key)
        self._sealed = config.audit.inputs == "sealed"
        self._timeout = storing.timeout_seconds
        self._limit = storing.spool_records
        self._database = open_database(storing)
        self._glance = Glance(self._database.file)
        self._spool = Spool(Path(storing.spool), storing.spool_records, self._keys, storing.timeout_seconds)
        self._writer = Writer(self._database, self._spool, self._keys, log)
        self._pool = ThreadPoolExecutor(THREADS, thread_name_prefix="caveat-ask")
        self._writer.start()

    async def record(
        self,
        question: Question,
        answer: Answer,
        caller: Caller,
        *,
        ruleset: str,
        microseconds: int,
        policy: str = "",
    ) -> str:
        """Keep an evaluation durably; `stored`, or `spooled` while the database is away.

        Raises AuditRefused where neither can be done, and chain.Conflict for an id that was used for
        another evaluation.
        """

        def make() -> Entry:
            return entry_of(
                question,
                answer,
                caller,
                self._keys,
                ruleset=ruleset,
                policy=policy,
                microseconds=microseconds,
                sealed=self._sealed,
            )

        loop = asyncio.get_running_loop()
        item = Item(make, loop, loop.create_future())
        self._writer.put(item)
        done, _ = await asyncio.wait((item.future,), timeout=self._timeout * 1.5)
        if not done:
            self._writer.rescue(item)
        return await item.future

    async def overrides(self, patient: str, at: str, tenant: str = "") -> tuple[Override, ...]:
        """Overrides of a patient that hold at `at`; nobody's where there is no id. Raises StoreAway."""
        hashed = self._keys.patient(patient, tenant)
        if not hashed or (self._writer.is_reachable and self._glance.has_none(hashed)):
            return ()
        return await self._ask(
            lambda connection: overriding.active(connection, self._keys, hashed, at), writes=False
        )

    async def feedback(self, said: tuple[Said, ...], caller: Caller, service: str, at: str) -> int:
        """Keep feedback, each item once; how many were new. Raises StoreAway."""
        return await self._ask(
            lambda connection: feedback_of.keep_feedback(connection, self._keys, said, caller, service, at)
        )

    async def override(self, wanted: Wanted, caller: Caller, at: str) -> Override:
        """Keep an override. Raises LookupError where the finding was never shown for that patient.

        While evaluations wait in the spool it may have been shown: then StoreAway is raised.
        """
        try:
            return await self._ask(
                lambda connection: overriding.keep(connection, self._keys, wanted, caller, at)
            )
        except LookupError:
            if await asyncio.get_running_loop().run_in_executor(self._pool, self._spool.count):
                raise StoreAway("evaluations still wait in the spool; try again") from None
            raise

    async def promised(self, patient: str, at: str, tenant: str = "") -> tuple[Override, ...]:
        """Overrides of a patient with a follow-up, not withdrawn, expired or not. Raises StoreAway."""
        hashed = self._keys.patient(patient, tenant)
        if not hashed:
            return ()
        return await self._ask(
            lambda connection: overriding.promised(connection, self._keys, hashed, at), writes=False
        )

    async def withdraw(self, override: str, caller: Caller, at: str) -> bool:
        """End an override; False where there is none of that id. Raises StoreAway."""
        return await self._ask(
            lambda connection: overriding.withdraw(connection, self._keys, override, caller, at)
        )

    async def ready(self) -> dict[str, Any]:
        """Whether evaluations go to the database now, and how much waits in the spool.

        `away` has a `reason`, also while the database is back and the spool is still being stored;
        `refusing` stands where neither could be written a moment ago.
        """
        loop = asyncio.get_running_loop()
        try:
            spooled, aside = await asyncio.wait_for(
                loop.run_in_executor(None, lambda: (self._spool.count(), self._spool.set_aside())),
                self._timeout,
            )
        except (OSError, TimeoutError):
            spooled, aside = -1, -1
        refusing = self._writer.is_refusing
        away = self._writer.is_away or refusing
        found: dict[str, Any] = {
            "database": "away" if away else "ok",
            "spooled": spooled,
            "spool_limit": self._limit,
        }
        if away:
            found["reason"] = self._writer.reason or "the spool is being stored"
        if refusing:
            found["refusing"] = True
            found["reason"] = "neither the database nor the spool can be written"
        if aside:
            found["spool_files_set_aside"] = aside
        return found

    async def close(self) -> None:
        """Finish what is being written."""
        self._glance.close()
        await asyncio.to_thread(self._writer.close)
        self._pool.shutdown(wait=False, cancel_futures=True)

    async def _ask(self, work: Callable[[Connection], T], *, writes: bool = True) -> T:
        """What `work` finds, in a thread and a transaction of its own. Raises StoreAway, soon."""
        if not self._writer.is_reachable:
            raise StoreAway(self._writer.reason)

        def run() -> T:
            with self._database.begin() if writes else self._database.read() as connection:
                return work(connection)

        asked = asyncio.get_running_loop().run_in_executor(self._pool, run)
        try:
            return await asyncio.wait_for(asked, self._timeout * 1.5)
        except StoreAway as error:
            self._writer.away(error)
            raise
        except TimeoutError:
            away = StoreAway("the database does not answer")
            self._writer.away(away)
            raise away from None
