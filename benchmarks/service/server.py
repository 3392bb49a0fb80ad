"""A service in processes of its own on loopback, with tokens, an audit trail and a database."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

ISSUER = "https://ehr.example"


@dataclass(frozen=True)
class Served:
    """A running service; `ready_seconds` from its start to the first ready answer."""

    host: str
    port: int
    process: subprocess.Popen[bytes]
    key: Any
    ready_seconds: float
    folder: Path

    @property
    def base(self) -> str:
        """Its public address."""
        return f"http://{self.host}:{self.port}"

    def token(self, path: str, *, alg: str = "ES384") -> str:
        """An Authorization header for one call to that path."""
        from joserfc import jwt

        now = int(time.time())
        claims = {
            "iss": ISSUER,
            "aud": self.base + path,
            "iat": now,
            "exp": now + 290,
            "jti": str(uuid.uuid4()),
            "sub": "load",
        }
        return "Bearer " + jwt.encode({"alg": alg, "kid": "k1"}, claims, self.key, algorithms=[alg])

    def workers(self) -> list[int]:
        """The processes that answer: the workers, or the one process where there is one."""
        family = list(_family(self.process.pid))
        children = [pid for pid in family if b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()]
        return children or [self.process.pid]

    def memory(self) -> list[int]:
        """Resident bytes of each worker (of the one process where there is one)."""
        found = []
        for pid in _family(self.process.pid):
            for line in Path(f"/proc/{pid}/status").read_text().splitlines():
                if line.startswith("VmRSS:"):
                    found.append(int(line.split()[1]) * 1024)
        return found


def _family(pid: int) -> Iterator[int]:
    yield pid
    for file in Path(f"/proc/{pid}/task").glob("*/children"):
        for child in file.read_text().split():
            yield from _family(int(child))


@contextmanager
def served(
    folder: Path, *, workers: int = 1, url: str | None = None, level: str = "warning", extra: str = ""
) -> Iterator[Served]:
    """A service with the bundled rules, in a folder that is made; stopped at the end."""
    from joserfc.jwk import ECKey

    from caveat.compile.ruleset import bundled

    key = ECKey.generate_key("P-384", {"kid": "k1", "use": "sig", "alg": "ES384"}, private=True)
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "jwks.json").write_text(json.dumps({"keys": [key.as_dict(private=False)]}))
    secret = folder / "audit.key"
    secret.write_text(os.urandom(32).hex())
    secret.chmod(0o600)
    port = _free()
    config = folder / "service.yaml"
    config.write_text(
        f"""\
format: 1
production: false
public_url: http://127.0.0.1:{port}
port: {port}
workers: {workers}
state: {folder}/state
rules: {{folder: "{bundled()}"}}
trust:
  issuers:
  - {{iss: "{ISSUER}", jwks: "{folder}/jwks.json"}}
store: {{url: "{url or f"sqlite:///{folder}/caveat.sqlite"}", spool: "{folder}/spool"}}
audit: {{key_file: "{secret}"}}
logging: {{level: {level}}}
{extra}"""
    )
    began = time.perf_counter()
    with (folder / "log").open("wb") as log:
        process = subprocess.Popen(
            [sys.executable, "-m", "caveat", "serve", "--config", str(config)], stdout=log, stderr=log
        )
    try:
        _wait(process, port, folder)
        yield Served("127.0.0.1", port, process, key, time.perf_counter() - began, folder)
    finally:
        process.terminate()
        try:
            process.wait(30)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _free() -> int:
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        port: int = found.getsockname()[1]
        return port


def _wait(process: subprocess.Popen[bytes], port: int, folder: Path) -> None:
    until = time.perf_counter() + 60
    while time.perf_counter() < until:
        if process.poll() is not None:
            break
        try:
            with urllib.request.urlopen(f"http://127.0.0.1:{port}/readyz", timeout=2) as answer:
                if answer.status == 200:
                    return
        except OSError:
            time.sleep(0.02)
    raise RuntimeError(f"the service did not become ready: {(folder / 'log').read_text()[-2000:]}")
