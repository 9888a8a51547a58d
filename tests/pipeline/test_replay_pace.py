"""A replay keeps pace with the clock, and catches up in larger pieces on a computer that could not follow."""

import math
from collections.abc import Iterator
from types import SimpleNamespace
from typing import Any

import pytest

from pipeline.commands import replay
from pipeline.commands.replay import _CATCHING_UP, _PIECE, _pieces
from pipeline.records import Notification

_EVERY_NS = 2_500_000


def _recording(count: int) -> Any:
    records = [Notification(k, k * _EVERY_NS, 1, "c", b"") for k in range(count)]

    def batches() -> Iterator[list[Notification]]:
        yield records[: count // 2]
        yield records[count // 2 :]

    return SimpleNamespace(records=batches, duration_s=count * _EVERY_NS * 1e-9)


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> list[float]:
    """Goes on only while the replay sleeps, or where a test moves it."""
    now = [100.0]
    monkeypatch.setattr(replay.time, "monotonic", lambda: now[0])
    monkeypatch.setattr(replay.time, "sleep", lambda seconds: now.__setitem__(0, now[0] + seconds + 1e-4))
    return now


def _played(factor: float, clock: list[float], work_s: float) -> list[list[Any]]:
    pieces = []
    for piece in _pieces(_recording(2000), factor, SimpleNamespace(asked=False), None):  # type: ignore[arg-type]
        pieces.append(piece)
        clock[0] += work_s
    return pieces


@pytest.mark.parametrize("work_s", [0.0, 0.1, 5.0])
@pytest.mark.parametrize("factor", [1.0, 3.0, math.inf])
def test_every_record_once_and_in_order(factor: float, work_s: float, clock: list[float]) -> None:
    pieces = _played(factor, clock, work_s)
    assert [record.seq for piece in pieces for record in piece] == list(range(2000))


def test_small_pieces_in_time_and_larger_ones_behind_it(clock: list[float]) -> None:
    begun = clock[0]
    pieces = _played(1.0, clock, 0.0)
    assert {len(piece) for piece in pieces} == {_PIECE}
    assert clock[0] - begun == pytest.approx(1999 * _EVERY_NS * 1e-9, abs=0.2)
    behind = _played(1.0, clock, 0.1)
    assert max(map(len, behind)) <= _CATCHING_UP
    assert sorted(map(len, behind))[len(behind) // 2] == pytest.approx(0.1 / (_EVERY_NS * 1e-9), abs=2)
