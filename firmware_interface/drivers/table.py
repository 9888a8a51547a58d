"""Imported tables as notifications: samples whose times, accelerations and rates are known already, in SI units.

Not a sensor: importers pack a table's rows into this format so that every recording is a list of notifications.
Little endian: u8 version (1), u8 flags (bit 0: magnetometer), u16 count, then per sample f64 time_s, 3 x f64 acc m/s2,
3 x f64 gyr rad/s and, with the flag, 3 x f64 mag uT.
"""

import struct

import numpy as np

from firmware_interface.samples import Clock, Floats, ImuSamples

NAME = "table"
CHARACTERISTIC = "table"
VERSION = 1
MAX_SAMPLES = 1000
_HEADER = struct.Struct("<BBH")
_TICK_S = 1e-9


def pack(time_s: Floats, acc: Floats, gyr: Floats, mag: Floats | None = None) -> bytes:
    """One payload of n <= MAX_SAMPLES samples: time_s (n,), acc (n, 3) m/s2, gyr (n, 3) rad/s, mag (n, 3) uT or None.

    Raises ValueError where there are too many samples.
    """
    if len(time_s) > MAX_SAMPLES:
        raise ValueError(f"a table packet holds at most {MAX_SAMPLES} samples, not {len(time_s)}")
    columns = [time_s[:, None], acc, gyr] + ([] if mag is None else [mag])
    rows = np.ascontiguousarray(np.hstack(columns), dtype="<f8")
    return _HEADER.pack(VERSION, 0 if mag is None else 1, len(time_s)) + rows.tobytes()


class TableDecoder:
    """Unpacks what `pack` wrote. Rows that are not finite are rejected and counted."""

    def feed(self, characteristic: str, payload: bytes) -> ImuSamples:
        """The samples of one packet; empty with `rejected` counted where it is not one."""
        if characteristic != CHARACTERISTIC or len(payload) < _HEADER.size:
            return ImuSamples.empty(_TICK_S, Clock.SESSION, rejected=1)
        version, flags, count = _HEADER.unpack_from(payload)
        width = 10 if flags & 1 else 7
        if version != VERSION or flags > 1 or len(payload) != _HEADER.size + 8 * width * count:
            return ImuSamples.empty(_TICK_S, Clock.SESSION, rejected=1)
        rows = np.frombuffer(payload, "<f8", offset=_HEADER.size).reshape(count, width)
        good = np.isfinite(rows).all(axis=1) & (np.abs(rows[:, 0]) < 9e9)
        rows = rows[good].astype(np.float64)
        return ImuSamples(
            ticks=np.rint(rows[:, 0] / _TICK_S).astype(np.int64),
            tick_s=_TICK_S,
            clock=Clock.SESSION,
            acc=rows[:, 1:4],
            gyr=rows[:, 4:7],
            mag=rows[:, 7:10] if flags & 1 else None,
            clipped=np.zeros(len(rows), bool),
            rejected=count - len(rows),
        )
