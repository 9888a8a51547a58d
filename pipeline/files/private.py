"""Files and folders that only their owner can read: what a body sensor recorded is nobody else's business.

On POSIX, folders that are made get the mode 0700 and files 0600, whatever the umask; a folder that was there already is
the owner's to decide on and keeps its mode. Windows has its own rights, inherited from the user's folder: there this
does no harm and nothing.
"""

import os
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
    """Write a text file whole or not at all, readable by its owner only. Raises OSError."""
    part = path.with_name(f".{path.name}.partial")
    try:
        part.unlink(missing_ok=True)
        claim_private(part)
        part.write_text(text, encoding="utf-8", newline="\n")
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
