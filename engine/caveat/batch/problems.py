"""What can stop a run, in words."""

from __future__ import annotations

import errno

from caveat.errors import CaveatError


class RunError(CaveatError):
    """A run that cannot go on: the folder, the disk, a process that was killed, sums that do not agree.

    Whatever was finished is kept; the message says how to go on.
    """


def disk_problem(error: OSError, place: object) -> RunError:
    """The RunError for an OSError met while writing to `place`."""
    name = error.filename if isinstance(error.filename, str) else str(place)
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return RunError(
            f"{name}: the disk is full. What was finished is kept: make room, then run the same command "
            "with --resume"
        )
    if error.errno == errno.EFBIG:
        return RunError(
            f"{name}: the system allows no larger file here. What was finished is kept: raise the limit "
            "(ulimit -f), then run the same command with --resume"
        )
    if error.errno in (errno.EACCES, errno.EPERM, errno.EROFS):
        return RunError(
            f"{name}: it may not be written. Give yourself the right to, or name another folder with --out"
        )
    reason = error.strerror or str(error) or type(error).__name__
    return RunError(
        f"{name}: it cannot be written ({reason}). What was finished is kept: mend it, then run the same "
        "command with --resume"
    )
