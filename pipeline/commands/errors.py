"""What a person is told about an error: one line."""

from firmware_interface.errors import SensorError
from pipeline.errors import KneetrackError


def one_line(error: BaseException) -> str:
    """What a person is told about an error: one line, its kind only where it was not foreseen."""
    text = " ".join(str(error).split())
    if isinstance(error, KneetrackError | SensorError):
        return text
    if isinstance(error, OSError):
        where = f"{error.filename}: " if error.filename is not None else ""
        return where + (error.strerror or text or type(error).__name__)
    return f"unexpected {type(error).__name__}{': ' + text if text else ''} (--verbose shows where)"
