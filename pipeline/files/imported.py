"""Another program's recording as a session: samples with known times become notifications of the driver `table`.

Every importer ends here, so that the session sees one kind of input. The samples of a sensor are cut into packets of
about 50 ms, as a radio would deliver them, and a packet is stamped with the time of its last sample. Values that are
not finite stay in the packets: the decoder rejects and counts them, per sensor.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import numpy as np

from firmware_interface.drivers import table
from firmware_interface.samples import STANDARD_GRAVITY, Floats, Ints
from pipeline.errors import BadInputError
from pipeline.files.row_order import order_rows, runs_backwards
from pipeline.records import Notification, Record, SensorInfo, Side

MIN_DURATION_S = 2.0
"""Less holds not even one step."""
_MAX_TIME_S = 4e9
_PACKET_S = 0.05
_STEP_S = (2e-4, 0.2)
"""A median time between rows outside of this is not in seconds."""
_LOOKS_LIKE_G = (0.7, 1.4)
_MAX_TYPICAL = 100.0
"""m/s2: nobody moves so all the time; mm/s2, mg or a converter's counts."""
_MAX_RATE = 70.0
"""rad/s: the widest range of any sensor (4000 deg/s)."""


@dataclass(frozen=True, slots=True)
class SensorTable:
    """The samples of one sensor: time_s (n,), acc (n, 3) m/s2, gyr (n, 3) rad/s, mag (n, 3) uT or None.

    `time_s` increases strictly. counts: what was left out or moved to make it so.
    """

    info: SensorInfo
    time_s: Floats
    acc: Floats
    gyr: Floats
    mag: Floats | None
    counts: Mapping[str, int]


def sensor_table(
    info: SensorInfo, time_s: Floats, acc: Floats, gyr: Floats, mag: Floats | None, path: Path, time_name: str
) -> SensorTable:
    """Rows as a file holds them, put in order and checked. path, time_name: where they come from, for the messages.

    Raises BadInputError where time runs backwards as a whole, is not in seconds, or is too short, and where no row is
    complete.
    """
    usable = np.where(np.abs(time_s) < _MAX_TIME_S, time_s, np.nan)
    if not np.isfinite(usable).any():
        raise BadInputError(f"{path}: the column {time_name} holds no usable time: it must be in seconds")
    if runs_backwards(usable):
        raise BadInputError(f"{path}: {time_name} runs backwards: sort the rows by time or export it again")
    order = order_rows(usable)
    time = order.time_s
    duration = float(time[-1] - time[0]) if len(time) else 0.0
    step = float(np.median(np.diff(time))) if len(time) > 1 else 0.0
    if len(time) > 10 and not _STEP_S[0] <= step <= _STEP_S[1]:
        unit = "milliseconds or microseconds" if step > _STEP_S[1] else "minutes or hours"
        raise BadInputError(f"{path}: {time_name} steps by {step:.3g}: it looks like {unit}, seconds are needed")
    if duration < MIN_DURATION_S:
        raise BadInputError(
            f"{path} is too short to analyse ({duration:.2f} s, at least {MIN_DURATION_S:.0f} s are needed): "
            "record a longer one"
        )
    motion = SensorTable(
        info, time, acc[order.rows], gyr[order.rows], None if mag is None else mag[order.rows], order.counts()
    )
    if not (np.isfinite(motion.acc).all(axis=1) & np.isfinite(motion.gyr).all(axis=1)).any():
        raise BadInputError(f"{path}: no row of the {info.segment.value} sensor is complete: export it again")
    return motion


class ImportedRecording:
    """An import in memory; looks like a `Recording`.

    Parameters
    ----------
    tables : one for each sensor, on one common session time.
    start_utc : the wall clock at session time 0, or None.
    source : the kind of input ("table", "movella_csv", ...). files : their names.

    Attributes
    ----------
    sensors, meta, start_utc, profiles, duration_s : see `Recorded`. meta["import"] is a JSON object with the kind, the
        file names and per sensor the rows taken and what was counted.
    """

    def __init__(self, tables: Sequence[SensorTable], start_utc: datetime | None, source: str, files: Sequence[str]):
        self._tables = list(tables)
        self.sensors = tuple(each.info for each in tables)
        self.start_utc = start_utc
        self.profiles: dict[Side, dict[str, Any]] = {}
        self.duration_s = float(max(t.time_s[-1] for t in tables) - min(t.time_s[0] for t in tables))
        self.counts = {each.info.id: {"rows": len(each.time_s), **each.counts} for each in tables}
        told = {"kind": source, "files": list(files), "sensors": {str(k): v for k, v in self.counts.items()}}
        self.meta = {
            "start_utc": start_utc.isoformat() if start_utc else "",
            "host_clock_anchor_ns": "",
            "import": json.dumps(told),
        }

    def records(self, batch: int = 2000) -> Iterator[list[Record]]:
        """All packets in order of time (of equal times the lower sensor id first), at most `batch` at a time."""
        cuts = [_cuts(each.time_s) for each in self._tables]
        ends = np.concatenate([_nanoseconds(t.time_s[c[1:] - 1]) for t, c in zip(self._tables, cuts, strict=True)])
        which = np.concatenate([np.full(len(c) - 1, index) for index, c in enumerate(cuts)])
        number = np.concatenate([np.arange(len(c) - 1) for c in cuts])
        order = np.lexsort((which, ends))
        for begin in range(0, len(order), batch):
            chunk: list[Record] = []
            for seq, at in enumerate(order[begin : begin + batch], start=begin + 1):
                part, first = self._tables[which[at]], cuts[which[at]][number[at]]
                rows = slice(int(first), int(cuts[which[at]][number[at] + 1]))
                mag = None if part.mag is None else part.mag[rows]
                payload = table.pack(part.time_s[rows], part.acc[rows], part.gyr[rows], mag)
                chunk.append(Notification(seq, int(ends[at]), part.info.id, table.CHARACTERISTIC, payload))
            yield chunk

    def close(self) -> None:
        """Nothing is open."""


def check_overlap(tables: Sequence[SensorTable], files: str) -> None:
    """Refuse sensors of one session that were hardly recorded at the same time."""
    begin, end = max(t.time_s[0] for t in tables), min(t.time_s[-1] for t in tables)
    if end - begin < MIN_DURATION_S:
        raise BadInputError(
            f"{files} overlap by {max(0.0, float(end - begin)):.1f} s only: "
            "they are not of one recording, or the sensors were not synchronised"
        )


def check_units(motion: SensorTable, path: Path) -> None:
    """Refuse g, mm/s2 and deg/s where they show: a worn sensor measures about 9.8 m/s2 most of the time."""
    segment = motion.info.segment.value
    norm, turning = (np.linalg.norm(np.clip(values, -1e9, 1e9), axis=1) for values in (motion.acc, motion.gyr))
    typical = float(np.median(norm[np.isfinite(norm)]))
    fast = float(np.quantile(turning[np.isfinite(turning)], 0.99))
    if _LOOKS_LIKE_G[0] < typical < _LOOKS_LIKE_G[1]:
        raise BadInputError(
            f"{path}: the {segment}'s accelerations look like g (typically {typical:.2f}): "
            f"multiply them by {STANDARD_GRAVITY}"
        )
    if typical > _MAX_TYPICAL:
        raise BadInputError(
            f"{path}: the {segment}'s accelerations are typically {typical:.4g}: m/s2 are needed, about 9.8 at rest"
        )
    if fast > _MAX_RATE:
        raise BadInputError(
            f"{path}: the {segment}'s angular rates look like deg/s (up to {fast:.4g}): "
            "rad/s are needed, multiply them by pi/180"
        )


def _cuts(time_s: Floats) -> Ints:
    """(packets + 1,) row indices where packets begin, and the end."""
    group = np.floor((time_s - time_s[0]) / _PACKET_S + 1e-6)
    changes = np.flatnonzero(np.diff(group) > 0) + 1
    full = np.arange(0, len(time_s), table.MAX_SAMPLES)
    return np.unique(np.concatenate([full, changes, [len(time_s)]]))


def _nanoseconds(time_s: Floats) -> Ints:
    return np.rint(time_s * 1e9).astype(np.int64)
