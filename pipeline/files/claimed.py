"""One run at a time writes into a folder: two at once would mix their files.

A hidden file in the folder is locked for as long as the run lasts. The lock is the system's (flock; on Windows a locked
byte), so it ends with the process, however that ends: a file that was left behind by a killed run stops nobody.
"""

import os
import sys
from pathlib import Path
from types import TracebackType
from typing import Self

from pipeline.errors import BadInputError
from pipeline.files.private import FILE_MODE

CLAIM = ".kneetrack-writes"
"""The name of the locked file."""


class Claim:
    """A folder that this run alone writes into, until `release`. Use as a context manager, or release it.

    Raises BadInputError where another run holds the folder, OSError where the folder cannot be written to. A file
    system without locks (some network shares) refuses none.
    """

    def __init__(self, folder: Path) -> None:
        self.path = folder / CLAIM
        self._handle: int | None = None
        while self._handle is None:
            handle = os.open(self.path, os.O_CREAT | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
            try:
                held = _lock(handle)
                current = held and _is_at(handle, self.path)
            except BaseException:
                os.close(handle)
                raise
            if current:
                self._handle = handle
                continue
            os.close(handle)
            if not held:
                raise BadInputError(
                    f"{folder} is being written to by another kneetrack: wait for it, or name another folder"
                )

    def release(self) -> None:
        """Let others write there. A second time it does nothing."""
        handle, self._handle = self._handle, None
        if handle is None:
            return
        if sys.platform == "win32":  # There an open file cannot be removed; whoever opened it meanwhile keeps it.
            os.close(handle)
            _remove(self.path)
        else:
            _remove(self.path)
            os.close(handle)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, value: object, trace: TracebackType | None) -> None:
        self.release()


def _remove(path: Path) -> None:
    try:
        path.unlink(missing_ok=True)
    except OSError:
        return


def _is_at(handle: int, path: Path) -> bool:
    """Whether the locked file is still the one of that name: the run before may have removed it meanwhile."""
    if sys.platform == "win32":
        return True
    try:
        return os.path.samestat(os.fstat(handle), path.lstat())
    except FileNotFoundError:
        return False


def _lock(handle: int) -> bool:
    if sys.platform == "win32":
        import msvcrt

        try:
            msvcrt.locking(handle, msvcrt.LK_NBLCK, 1)
        except OSError:
            return False
        return True
    import fcntl

    try:
        fcntl.flock(handle, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    except OSError:
        return True  # This file system has no locks.
    return True
