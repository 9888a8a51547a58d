"""The acquisition before everything else on the computer, the dashboard's server behind it, where the system allows it.

A session must take each packet within some milliseconds of its arrival, while browsers draw on the same processor. On
Windows any program may raise itself a little; elsewhere root may, or whom the limit `nice` of /etc/security/limits.conf
lets. Linux weighs the programs of a terminal against each other, and terminals as a whole ("autogroup"), so both are
set. What is not allowed is left as it is. Python's search for unused objects in cycles, which walks through all that
was imported and takes some tens of milliseconds, is spared what is there when the session begins.
"""

import gc
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

AHEAD = -10
BEHIND = 5
_AUTOGROUP = Path("/proc/self/autogroup")
_NORMAL, _ABOVE, _BELOW = 0x20, 0x8000, 0x4000
"""Windows: NORMAL_, ABOVE_NORMAL_ and BELOW_NORMAL_PRIORITY_CLASS."""


@contextmanager
def ahead() -> Iterator[bool]:
    """While a session runs. Gives whether the system allowed it."""
    before = _niceness()
    gc.collect()
    gc.freeze()
    try:
        yield _set(AHEAD, _ABOVE)
    finally:
        gc.unfreeze()
        _set(before, _NORMAL)


def behind() -> None:
    """For good: this process waits for others, whatever it inherited."""
    _set(max(BEHIND, _niceness()), _BELOW)


def _niceness() -> int:
    return os.getpriority(os.PRIO_PROCESS, 0) if hasattr(os, "getpriority") else 0


def _set(niceness: int, windows_class: int) -> bool:
    if sys.platform == "win32":
        import ctypes

        kernel = ctypes.windll.kernel32
        kernel.GetCurrentProcess.restype = ctypes.c_void_p
        return bool(kernel.SetPriorityClass(ctypes.c_void_p(kernel.GetCurrentProcess()), windows_class))
    try:
        os.setpriority(os.PRIO_PROCESS, 0, niceness)
        if _AUTOGROUP.exists():
            _AUTOGROUP.write_text(str(niceness), encoding="ascii")
    except OSError:
        return False
    return True
