"""A PostgreSQL server for tests that can be killed and started again."""

from __future__ import annotations

import os
import pwd
import shutil
import signal
import socket
import subprocess
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from uuid import uuid4

from omop.server import OWNER, binaries

PASSWORD = "p'w @:/%\\ secret"


def lacking() -> str:
    """Why no server can be run here and what would change that; empty where it can."""
    if binaries() is None:
        return "needs a PostgreSQL server; install postgresql so that pg_config --bindir has initdb"
    if os.geteuid() == 0 and not any(user.pw_name == OWNER for user in pwd.getpwall()):
        return "needs a user postgres, since PostgreSQL does not run as root; install postgresql"
    return ""


@dataclass
class Server:
    """A server with its data in `home`."""

    home: Path
    port: int
    programs: Path
    databases: list[str] = field(default_factory=list)

    @property
    def password_file(self) -> str:
        return str(self.home / "password")

    def database(self) -> str:
        """The URL, without the password, of a new empty database."""
        name = f"t{uuid4().hex[:12]}"
        subprocess.run(
            [self.programs / "createdb", "-h", "127.0.0.1", "-p", str(self.port), "-U", "keeper", name],
            env={**os.environ, "PGPASSWORD": PASSWORD},
            check=True,
        )
        return f"postgresql://keeper@127.0.0.1:{self.port}/{name}"

    def start(self) -> None:
        settings = (
            f"-p {self.port} -c listen_addresses=127.0.0.1 -c unix_socket_directories='' "
            "-c fsync=off -c max_connections=60"
        )
        try:
            self._ctl("-w", "-l", str(self.home / "log"), "-o", settings, "start")
        except subprocess.CalledProcessError:
            raise AssertionError((self.home / "log").read_text()[-2000:]) from None

    def stop(self) -> None:
        """At once, as if the machine were switched off: connections break, nothing is flushed."""
        self._ctl("-m", "immediate", "-w", "stop")

    def kill(self) -> None:
        """SIGKILL to the main process; its children end by themselves."""
        found = int((self.home / "data" / "postmaster.pid").read_text().splitlines()[0])
        os.kill(found, signal.SIGKILL)
        for _ in range(400):
            if not self._processes():
                break
            time.sleep(0.025)
        (self.home / "data" / "postmaster.pid").unlink(missing_ok=True)

    @contextmanager
    def hanging(self) -> Iterator[None]:
        """Every process of it is stopped, as on a machine that has no memory left; at the end it goes on."""
        stopped = self._processes()
        for one in stopped:
            os.kill(one, signal.SIGSTOP)
        try:
            yield
        finally:
            for one in stopped:
                os.kill(one, signal.SIGCONT)

    def _processes(self) -> list[int]:
        """Processes whose working folder is that of the data, as every one of PostgreSQL's is."""
        found = []
        for link in Path("/proc").glob("[0-9]*/cwd"):
            try:
                if link.readlink() == self.home / "data":
                    found.append(int(link.parent.name))
            except OSError:
                continue
        return found

    def _ctl(self, *arguments: str) -> None:
        _run(self.programs / "pg_ctl", "-D", self.home / "data", *arguments)


@contextmanager
def server() -> Iterator[Server]:
    """A running server, gone when the block ends."""
    programs = binaries()
    assert programs is not None
    home = Path(tempfile.mkdtemp(prefix="caveat-pg-"))
    try:
        kept = home / "password"
        kept.write_text(PASSWORD + "\n", encoding="utf-8")
        if os.geteuid() == 0:
            owner = pwd.getpwnam(OWNER)
            for path in (home, kept):
                os.chown(path, owner.pw_uid, owner.pw_gid)
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        _run(
            programs / "initdb",
            *(
                "-D",
                home / "data",
                "-U",
                "keeper",
                "--auth=scram-sha-256",
                f"--pwfile={kept}",
                "-E",
                "UTF8",
                "-N",
            ),
        )
        running = Server(home, port, programs)
        running.start()
        try:
            yield running
        finally:
            running.stop()
    finally:
        shutil.rmtree(home, ignore_errors=True)


def _run(*command: str | Path) -> None:
    asked = [str(one) for one in command]
    if os.geteuid() == 0:
        asked = ["runuser", "-u", OWNER, "--", *asked]
    subprocess.run(asked, check=True, stdout=subprocess.DEVNULL, cwd="/")
