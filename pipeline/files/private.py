"""Files and folders that only their owner can read: what a body sensor recorded is nobody else's business.

On POSIX, folders that are made get the mode 0700 and files 0600, whatever the umask; a folder that was there already is
the owner's to decide on and keeps its mode. Windows has its own rights, inherited from the user's folder: there this
does no harm and nothing.
"""

import errno
import os
import re
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

FOLDER_MODE = 0o700
FILE_MODE = 0o600


def make_private_folder(folder: Path) -> None:
    """Make a folder, and those on the way to it that are missing, for the owner alone. Raises OSError."""
    missing = []
    each = folder
    while not each.exists():
        missing.append(each)
        if each.parent == each:
            break
        each = each.parent
    for each in reversed(missing):
        each.mkdir(mode=FOLDER_MODE, exist_ok=True)
    folder.mkdir(exist_ok=True)


def check_folder(folder: Path) -> None:
    """Whether a folder can be written into, or made, as far as that can be told without doing it. Raises OSError.

    For work that takes long: what stands in the way is told before it.
    """
    there = next((each for each in (folder, *folder.absolute().parents) if each.exists()), Path("/"))
    if not there.is_dir():
        raise NotADirectoryError(errno.ENOTDIR, os.strerror(errno.ENOTDIR), str(there))
    if not os.access(there, os.W_OK):
        raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(there))


def claim_private(path: Path) -> None:
    """Make an empty file for the owner alone, or take away what others may do with one that is there.

    Whoever opens it by name afterwards writes into this file. Raises OSError, also where the name is a link.
    """
    handle = os.open(path, os.O_CREAT | os.O_WRONLY | getattr(os, "O_NOFOLLOW", 0), FILE_MODE)
    try:
        if hasattr(os, "fchmod"):
            os.fchmod(handle, FILE_MODE)
    finally:
        os.close(handle)


def write_private(path: Path, text: str) -> None:
    """Write a text file whole or not at all, readable by its owner only. Raises OSError, which names the file."""
    part = path.with_name(f".{path.name}.partial")
    try:
        with naming(path):
            part.unlink(missing_ok=True)
            claim_private(part)
            part.write_text(text, encoding="utf-8", newline="\n")
            part.replace(path)
    finally:
        part.unlink(missing_ok=True)


@contextmanager
def naming(path: Path) -> Iterator[None]:
    """Errors of the disk say which file or folder they are about: a full disk's own do not."""
    try:
        yield
    except OSError as error:
        if error.filename is not None and error.errno is not None:
            raise
        number = _number(error)
        if number is None:
            raise
        raise OSError(number, os.strerror(number), str(path)) from error


def reason(error: Exception) -> str:
    """What the system says was wrong, in one line without the file."""
    number = _number(error)
    text = os.strerror(number) if number is not None else str(error)
    return text.splitlines()[0] if text else type(error).__name__


def _number(error: Exception) -> int | None:
    """The system's number of an error; Arrow tells it in its text only."""
    if isinstance(error, OSError) and error.errno is not None:
        return error.errno
    told = re.search(r"\[errno (\d+)\]", str(error), re.IGNORECASE)
    return int(told[1]) if told else None
