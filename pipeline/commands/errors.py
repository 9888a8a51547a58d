"""What a person is told about an error: one line."""

import errno

from firmware_interface.errors import SensorError
from pipeline.errors import KneetrackError

_TO_DO = {
    errno.ENOSPC: "free space, or choose another folder",
    errno.EACCES: "check its permissions, or choose another folder",
    errno.EPERM: "check its permissions, or choose another folder",
    errno.EROFS: "choose a folder that can be written to",
    errno.ENOENT: "check the name",
    errno.ENOTDIR: "a file stands where a folder should be, choose another name",
    errno.EISDIR: "a folder stands where a file should be, choose another name",
    errno.ENAMETOOLONG: "choose a shorter name",
}
"""What to do about what the system refuses."""


def one_line(error: BaseException) -> str:
    """What a person is told about an error: one line, its kind only where it was not foreseen."""
    text = " ".join(str(error).split())
    if isinstance(error, KneetrackError | SensorError):
        return text
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        to_do = f": {_TO_DO[error.errno]}" if error.errno in _TO_DO else ""
        return where + (error.strerror or text or type(error).__name__) + to_do
    return f"unexpected {type(error).__name__}{': ' + text if text else ''} (--verbose shows where)"
