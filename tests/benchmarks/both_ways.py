"""One leg's table through everything that `process` and `replay` do: offline, and causal."""

from itertools import chain
from pathlib import Path
from tempfile import TemporaryDirectory

import pandas as pd

from pipeline import offline
from pipeline.errors import BadInputError
from pipeline.files.opening import open_recording
from pipeline.records import Side
from pipeline.session import Session, Settings
from pipeline.update import Update

WAYS = ("causal", "offline")
_ROWS = 500
"""Grid rows handed on at a time, as in `replay`; the results do not depend on it."""


def both_ways(table: pd.DataFrame, side: Side, ways: tuple[str, ...] = WAYS) -> dict[str, Update]:
    """What `replay` (causal) and `process` (offline) make of a generic table; nothing where a leg is too short."""
    with TemporaryDirectory() as folder:
        path = Path(folder) / "leg.parquet"
        table.to_parquet(path)
        return {way: _one(path, side, way) for way in ways}


def _one(path: Path, side: Side, way: str) -> Update:
    recording = open_recording(path, side)
    try:
        if way == "offline":
            try:
                return offline.process(chain.from_iterable(recording.records()), recording.sensors, Settings()).update
            except BadInputError:
                return Update()
        session = Session(recording.sensors, Settings(min_rows=_ROWS))
        updates = [session.feed(batch) for batch in recording.records()]
        updates.append(session.finish())
        whole = Update()
        for update in updates:
            for name in ("legs", "steps", "episodes", "events"):
                getattr(whole, name).extend(getattr(update, name))
        return whole
    finally:
        recording.close()
