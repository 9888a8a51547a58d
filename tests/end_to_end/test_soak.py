"""A live session whose radio loses a sensor again and again: what is lost, what is not, and what the files tell."""

import asyncio
import json
from pathlib import Path

import numpy as np
import pandas as pd

from pipeline.files.recording import Recording
from pipeline.records import Event
from tests.benchmarks.soak import DROPPED, LINK, session, told


def test_a_sensor_that_is_lost_again_and_again_costs_only_its_air_time(tmp_path: Path) -> None:
    course = asyncio.run(session(17.0, 5.5, tmp_path))
    assert len(course.faded) >= 3 and course.refused == 0
    fates = told(tmp_path, course.faded)
    lost = fates.pop(DROPPED)
    for fate in fates.values():
        assert (fate.connections, fate.disconnections, fate.lost, fate.rejected) == (1, 0, 0, 0)
        assert fate.samples > 1500
    # All that the dropped sensor took while it could be heard is there: each hole is the time off the air, and what was
    # in flight at its beginning (a batch of 40 ms that was not yet full, a missed event or two).
    assert lost.connections >= 3 and lost.lost == 0  # on a slow machine, the third time is not over at the end
    assert len(lost.holes_s) >= 2
    assert all(hole > LINK.supervision_s for hole in lost.holes_s)
    assert (np.subtract(lost.holes_s, lost.off_air_s[: len(lost.holes_s)]) < 0.5).all()
    assert max(lost.back_s) < 5.0

    with Recording(tmp_path / "recording.knee") as recording:
        events = [r for batch in recording.records() for r in batch if isinstance(r, Event)]
        mine = next(info.id for info in recording.sensors if (info.side, info.segment) == DROPPED)
    kinds = [event.kind for event in events if event.fields.get("sensor") == mine]
    expected = ["connected", "configured", *["disconnected", "connected", "configured"] * 2]
    assert [kind for kind in kinds if kind != "failed"][: len(expected)] == expected
    summary = json.loads((tmp_path / "summary.json").read_text(encoding="utf-8"))
    counted = summary["sensors"][" ".join(DROPPED)]
    assert counted["connections"] == lost.connections and counted["gap_s"] > 2 * LINK.supervision_s - 0.5
    angles = pd.read_parquet(tmp_path / "angles.parquet")
    left = angles[angles["side"] == DROPPED[0].value]
    assert (left["status"] == "single_sensor").sum() > 100 * (2 * LINK.supervision_s - 0.5)
