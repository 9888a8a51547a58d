"""Much work on this computer's cores: processes that take one piece after another, and are replaced when they die.

Each is a fresh interpreter that reads what it is given from a pipe. A pool of the standard library gives everything up
when one of its processes is killed (by the system for want of memory, say); here its piece alone is tried again, after
all the others, and given up when it has killed several. The processes leave Ctrl-C to the one that began them and end
with it, however that ends.
"""

import os
import signal
import sys
import threading
from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing import get_context, parent_process
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any, TypeVar

R = TypeVar("R")

TRIES = 3
"""How many processes a piece of work may take with it."""
RENEWED = 200
"""Pieces after which a process is replaced: what libraries keep of each (0.1 MB were measured) does not add up."""
_SINGLE = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS", "VECLIB_MAXIMUM_THREADS")


@dataclass(frozen=True, slots=True)
class Died:
    """A piece of work whose processes ended before it was done. why: in words."""

    why: str


@dataclass(slots=True)
class _Hand:
    """One process, the piece that it is at with the number of the try, and how many it has done."""

    process: SpawnProcess
    pipe: Connection
    piece: tuple[int, int] | None = None
    done: int = 0


def cores() -> int:
    """How many processors this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return max(1, len(os.sched_getaffinity(0)))
    return os.cpu_count() or 1


def work_through(
    work: Callable[..., R], pieces: Sequence[tuple[Any, ...]], jobs: int
) -> Generator[tuple[int, R | Died], None, None]:
    """Call `work(*piece)` for each piece, `jobs` at a time; gives each piece's number as it is done, and its result.

    work, pieces, results: what can be pickled. What `work` raises is not expected, and counts as a death. Leaving the
    iteration early (closing it) ends the processes at once.
    """
    waiting = deque((number, 1) for number in range(len(pieces)))
    hands: list[_Hand] = []
    try:
        while waiting or any(hand.piece for hand in hands):
            while waiting and (hand := _free(hands, jobs, work)):
                _give(hand, waiting.popleft(), pieces)
            for pipe in wait([hand.pipe for hand in hands if hand.piece]):
                hand = next(hand for hand in hands if hand.pipe is pipe)
                number, tried = hand.piece or (0, 0)
                hand.piece = None
                try:
                    result = hand.pipe.recv()
                except (EOFError, OSError):
                    hands.remove(hand)
                    why = _why(hand)
                    if tried < TRIES:
                        waiting.append((number, tried + 1))
                    else:
                        yield number, Died(f"{why}, {tried} times")
                    continue
                hand.done += 1
                if hand.done >= RENEWED:
                    hand.pipe.close()
                    hands.remove(hand)
                yield number, result
    finally:
        _dismiss(hands)


def _free(hands: list[_Hand], most: int, work: Callable[..., Any]) -> _Hand | None:
    """A process without work, a new one where there may be one more; None where all are at work."""
    free = next((hand for hand in hands if hand.piece is None), None)
    if free is None and len(hands) < most:
        free = _hire(work)
        hands.append(free)
    return free


def _hire(work: Callable[..., Any]) -> _Hand:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_serve, args=(theirs, work), daemon=True, name="kneetrack-batch")
    kept = {name: os.environ.get(name) for name in _SINGLE}
    # One thread of linear algebra in each: the processes themselves are as many as the processors.
    os.environ.update({name: "1" for name, value in kept.items() if value is None})
    try:
        with _deaf():
            process.start()
    finally:
        for name, value in kept.items():
            if value is None:
                os.environ.pop(name, None)
    theirs.close()
    return _Hand(process, ours)


@contextmanager
def _deaf() -> Iterator[None]:
    """What is started meanwhile does not hear Ctrl-C, not even while it imports; this process hears it afterwards."""
    if not hasattr(signal, "pthread_sigmask"):
        yield
        return
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _give(hand: _Hand, piece: tuple[int, int], pieces: Sequence[tuple[Any, ...]]) -> None:
    hand.piece = piece
    try:
        hand.pipe.send(pieces[piece[0]])
    except OSError:
        return  # It has died: the next look at its pipe will tell.


def _why(hand: _Hand) -> str:
    hand.pipe.close()
    hand.process.join(5.0)
    code = hand.process.exitcode
    if code is not None and code < 0 and sys.platform != "win32":
        name = signal.Signals(-code).name if -code in set(signal.Signals) else f"signal {-code}"
        return f"its process was ended by {name}"
    return f"its process ended with code {code}"


def _dismiss(hands: Sequence[_Hand]) -> None:
    for hand in hands:
        hand.pipe.close()
        if hand.piece:
            hand.process.terminate()
    for hand in hands:
        hand.process.join(5.0)
        if hand.process.is_alive():
            hand.process.kill()
            hand.process.join(5.0)


def _serve(pipe: Connection, work: Callable[..., Any]) -> None:
    """In the process: piece after piece until the pipe is closed."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    signal.signal(signal.SIGTERM, _leave)
    threading.Thread(target=_end_with_parent, daemon=True).start()
    while True:
        try:
            piece = pipe.recv()
            pipe.send(work(*piece))
        except (EOFError, OSError):
            return


def _leave(*_: object) -> None:
    """Asked to end: half-written files are removed on the way out."""
    sys.exit(128 + signal.SIGTERM)


def _end_with_parent() -> None:
    parent = parent_process()
    if parent is not None:
        parent.join()
        os._exit(1)
