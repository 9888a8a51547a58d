"""The acquisition before everything else on the computer, the dashboard's server next, where the system allows it.

A session must take each packet within some milliseconds of its arrival, while browsers draw on the same processor; and
a cue must get through to them, so the server, which needs a fiftieth of a processor, does not wait for their drawing.
On Windows any program may raise itself a little; elsewhere root may, or whom the limit `nice` of
/etc/security/limits.conf lets. Linux weighs the programs of a terminal against each other, and terminals as a whole
("autogroup"), so both are set, the latter where it can be (a container may not let it, and Linux takes a change of it
only now and then); and it knows the niceness of threads alone, so each of them is set. What is not allowed is left as
it is, and what already goes before is not put back. Python's search for unused objects in cycles, which walks through
all that was imported and takes some tens of milliseconds, is spared what is there when the session begins.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

AHEAD = -10
NEXT = -5
_AUTOGROUP = Path("/proc/self/autogroup")
_THREADS = Path("/proc/self/task")
_NORMAL, _ABOVE = 0x20, 0x8000
"""Windows: NORMAL_ and ABOVE_NORMAL_PRIORITY_CLASS."""


@contextmanager
def ahead() -> Iterator[bool]:
    """While a session runs. Gives whether the system allowed it."""
    before = _niceness()
    gc.collect()
    gc.freeze()
    try:
        yield _set(min(AHEAD, before), _ABOVE)
    finally:
        gc.unfreeze()
        _set(before, _NORMAL)


def following() -> bool:
    """For good: this process goes before others, the acquisition apart. Gives whether the system allowed it."""
    return _set(min(NEXT, _niceness()), _NORMAL)


def _niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else 0


def _set(niceness: int, windows_class: int) -> bool:
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        return bool(kernel.SetPriorityClass(ctypes.c_void_p(kernel.GetCurrentProcess()), windows_class))
    try:
        for thread in _threads():
            with suppress(ProcessLookupError):  # It has ended meanwhile.
                os.setpriority(os.PRIO_PROCESS, thread, niceness)
    except OSError:
        return False
    with suppress(OSError):
        if _AUTOGROUP.exists():
            _AUTOGROUP.write_text(str(niceness), encoding="ascii")
    return True


def _threads() -> list[int]:
    """Of this process, where the system tells; 0, the process as a whole, elsewhere."""
    return [int(thread.name) for thread in _THREADS.iterdir()] if _THREADS.is_dir() else [0]
