"""Runs durable-rules in a process of its own: one JSON line in, one JSON line out.

This file is run by path and imports nothing of caveat, so it starts fast, and a fault of the C
library ends this process alone. Requests, in order:

`{"path": [...]}`, the import path; answered by `{"ready": true}`.
`{"load": name, "rulesets": [...]}`, each ruleset a list of `[atoms, conclusions]`; answered by
`{"loaded": true}` once every ruleset has proved that it draws each of its conclusions.
`{"judge": name, "jobs": [[ruleset, atoms], ...]}`; answered by `{"drawn": [...]}`, for each job a
list of conclusions or a text that says why there is none.
`{"error": text}` answers a request that failed as a whole.
"""

from __future__ import annotations

import json
import os
import sys
from typing import Any, TextIO


class Session:
    """One ruleset of durable-rules; each question is asked in a fresh session that is then deleted."""

    def __init__(
        self, engine: Any, host: Any, name: str, definition: list[tuple[list[str], list[str]]]
    ) -> None:
        self.drawn: list[str] = []
        self.count = 0
        self.conclusions = {text for _, drawn in definition for text in drawn}
        self.first = definition[0][0]
        self.always = set(definition[0][1])
        self.atoms = sorted({atom for atoms, _ in definition for atom in atoms})
        rules = {f"r{i}": self._rule(i, atoms, drawn) for i, (atoms, drawn) in enumerate(definition)}
        self.ruleset = engine.Ruleset(name, host, rules)
        self._prove()

    def _rule(self, index: int, atoms: list[str], drawn: list[str]) -> dict[str, Any]:
        texts = [*drawn, "beat"] if index == 0 else drawn

        def run(c: Any) -> None:
            self.drawn.extend(texts)

        return {"all": [{f"m_{i}": {"a": atom}} for i, atom in enumerate(atoms)], "run": run}

    def ask(self, atoms: list[str]) -> list[str]:
        """The conclusions that follow from the atoms. Raises RuntimeError when the run was not whole."""
        self.count += 1
        sid = f"s{self.count}"
        self.drawn.clear()
        ended: list[Any] = []
        facts = [{"a": atom, "sid": sid, "id": atom} for atom in dict.fromkeys([*self.first, *atoms])]
        try:
            handle = self.ruleset.assert_facts(facts)
            self.ruleset.do_actions(handle, lambda error, state: ended.append(error))
        finally:
            self.ruleset.delete_state(sid)
        if ended and ended[0] is not None:
            raise RuntimeError(str(ended[0]))
        if "beat" not in self.drawn:
            raise RuntimeError("the session ended before its actions had run")
        return sorted(set(self.drawn) - {"beat"})

    def _prove(self) -> None:
        """With every atom each conclusion is drawn, and with none those alone that always hold."""
        if set(self.ask(self.atoms)) != self.conclusions or set(self.ask([])) != self.always:
            raise RuntimeError("the network does not draw the conclusions it was given")


class Worker:
    """Programs by name, each a list of sessions."""

    def __init__(self, path: list[str]) -> None:
        sys.path[:] = path
        from durable import engine

        class Host(engine.Host):  # type: ignore[misc]
            def _run(self) -> None:
                """No timers: actions run when they are asked for, in this thread."""

        self.engine, self.host = engine, Host()
        self.programs: dict[str, list[Session]] = {}

    def answer(self, request: dict[str, Any]) -> dict[str, Any]:
        """The reply to `load` or `judge`."""
        if "load" in request:
            name = request["load"]
            self.programs[name] = [
                Session(self.engine, self.host, f"{name} {i}", definition)
                for i, definition in enumerate(request["rulesets"])
            ]
            return {"loaded": True}
        sessions = self.programs[request["judge"]]
        return {"drawn": [_try(sessions[place], atoms) for place, atoms in request["jobs"]]}


def _try(session: Session, atoms: list[str]) -> list[str] | str:
    try:
        return session.ask(atoms)
    except Exception as error:
        return f"{type(error).__name__}: {error}"[:300]


def serve(source: TextIO, out: TextIO) -> None:
    """Answer lines until the source ends."""
    worker: Worker | None = None
    for line in source:
        try:
            request = json.loads(line)
            if worker is None:
                worker = Worker(request["path"])
                reply: dict[str, Any] = {"ready": True}
            else:
                reply = worker.answer(request)
        except Exception as error:
            reply = {"error": f"{type(error).__name__}: {error}"[:300]}
        out.write(json.dumps(reply) + "\n")
        out.flush()


def main() -> None:
    """Serve on the standard streams; what the C library prints is kept out of the replies."""
    out = os.fdopen(os.dup(1), "w", encoding="utf-8")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    with os.fdopen(os.dup(0), encoding="utf-8") as source:
        serve(source, out)


if __name__ == "__main__":
    main()
