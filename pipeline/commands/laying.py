"""`kneetrack calibrate --inertial`: a sensor's own errors, from six positions at rest, and where they are kept.

Live, the sensor is laid on one side after the other and the count goes up; from a recording, all of its sensors that
rested enough are calibrated.
"""

import asyncio
import sys
import time
from collections.abc import Sequence
from datetime import date
from pathlib import Path
from typing import Protocol

import numpy as np

from calibration.errors import CalibrationError
from calibration.inertial import Inertial, Rest, find_rests
from calibration.sensor_store import SensorStore
from calibration.six_positions import SIDES, SixPositions, calibrate_at_rest, sides_seen
from firmware_interface.arrivals import Arrival, LinkEvent
from firmware_interface.drivers.registry import decoder
from pipeline.blocks import GridBlock, join
from pipeline.commands.stopping import Stopping
from pipeline.errors import BadInputError, KneetrackError
from pipeline.files.opening import open_recording
from pipeline.intake import Intake, IntakeParameters
from pipeline.records import Segment, SensorInfo, Side
from pipeline.session import legs_of

_LOOK_S = 0.5
_LONGEST_S = 300.0


class Receiver(Protocol):
    """What is needed of the client (firmware_interface/client.py)."""

    async def receive(self, timeout_s: float) -> list[Arrival | LinkEvent]: ...


def calibrate_recorded(file: Path, side: Side | None, wanted: Sequence[str], store: SensorStore) -> None:
    """Calibrate the sensors of a recording from its rests, and keep what comes out.

    wanted: addresses; none means all. Raises KneetrackError where none could be calibrated.
    """
    recording = open_recording(file, side)
    try:
        legs = legs_of(recording.sensors)
        day = recording.start_utc.date().isoformat() if recording.start_utc else ""
        intakes = {s: Intake(mine, parameters=IntakeParameters(min_rows=500)) for s, mine in legs.items()}
        grids: dict[Side, list[GridBlock]] = {s: [] for s in legs}
        for records in recording.records():
            for record in records:
                for leg, intake in intakes.items():
                    grids[leg].extend(intake.update(record))
        for leg, intake in intakes.items():
            grids[leg].extend(intake.finish())
    finally:
        recording.close()
    known = {s.address.casefold() for s in recording.sensors}
    missing = [address for address in wanted if address.casefold() not in known]
    if missing:
        raise BadInputError(f"{file} holds no sensor {', '.join(missing)}: it holds {', '.join(sorted(known))}")
    found, problems = 0, []
    for leg, mine in legs.items():
        if not grids[leg]:
            continue
        grid = join(grids[leg])
        for sensor in mine:
            if wanted and sensor.address.casefold() not in {a.casefold() for a in wanted}:
                continue
            thigh = sensor.segment is Segment.THIGH
            acc, gyr, ok = (
                (grid.thigh_acc, grid.thigh_gyr, grid.thigh_ok)
                if thigh
                else (grid.shank_acc, grid.shank_gyr, grid.shank_ok)
            )
            try:
                celsius = intakes[leg].counts()[sensor.id].temperature_c
                _keep(calibrate_at_rest(acc, gyr, grid.rate_hz, ok, _address(sensor, file), day, celsius), store)
                found += 1
            except CalibrationError as error:
                problems.append(str(error))
    if not found:
        raise KneetrackError("; ".join(problems) or f"{file} holds no data to calibrate a sensor from")
    for problem in problems:
        print(f"kneetrack: {problem}", file=sys.stderr)


def _address(sensor: SensorInfo, file: Path) -> str:
    if not sensor.address:
        raise BadInputError(f"{file} does not say which device was worn: a sensor is remembered by its address")
    return sensor.address


def calibrate_live(address: str, rate_hz: float, virtual: bool, store: SensorStore) -> None:
    """Guide through six positions and keep the calibration.

    Raises BadInputError where the sensor is not in range, KneetrackError where it was ended before.
    """
    with Stopping() as stop:
        asyncio.run(_live(address, rate_hz, virtual, store, stop))


async def _live(address: str, rate_hz: float, virtual: bool, store: SensorStore, stop: Stopping) -> None:
    from contextlib import AsyncExitStack

    from firmware_interface.client import Chosen, Client
    from firmware_interface.drivers.rates import nearest
    from firmware_interface.scanning import scan
    from pipeline.commands.connecting import virtual_radio

    async with AsyncExitStack() as stack:
        backend = None
        if virtual:
            backend = (await stack.enter_async_context(virtual_radio((Side.RIGHT,), 1))).backend
        found = await scan(3.0 if virtual else 12.0, backend=backend, allow=None if virtual else [address], enough=1)
        names = {name.casefold(): f for f in found for name in (f.advertisement.address, f.advertisement.name)}
        chosen = names.get(address.casefold())
        if chosen is None:
            raise BadInputError(f"the sensor {address} is not in range: see `kneetrack scan`")
        rate = nearest(chosen.driver.rates_hz(), rate_hz)
        anchor_ns = time.perf_counter_ns()
        client = await stack.enter_async_context(
            Client([Chosen(0, chosen, rate)], anchor_ns=anchor_ns, backend=backend)
        )
        turns = Laying(chosen.advertisement.address, chosen.driver.name, rate)
        _keep(await guided(client, turns, lambda: stop.asked), store)


async def guided(client: Receiver, laying: "Laying", stop: "Stop", longest_s: float = _LONGEST_S) -> SixPositions:
    """Until all sides were seen and the calibration holds."""
    print(f"Lay the sensor still for 3 s on each of its {SIDES} sides, and turn it without haste in between.")
    told = 0
    begun = time.monotonic()
    while not stop():
        for item in await client.receive(_LOOK_S):
            if isinstance(item, Arrival):
                laying.take(item.characteristic, item.payload)
        sides = laying.sides()
        if sides > told:
            told = sides
            print(f"side {sides} of {SIDES}" + ("" if sides >= SIDES else ": now another one"))
        if sides >= SIDES and laying.resting:
            return laying.calibration(date.today().isoformat())
        if time.monotonic() - begun > longest_s:
            break
    raise KneetrackError(f"ended after {told} of {SIDES} sides: lay the sensor still for 3 s on each, then turn it on")


class Stop(Protocol):
    """Whether the person wants to stop."""

    def __call__(self) -> bool: ...


class Laying:
    """One sensor's samples while it is laid from side to side."""

    def __init__(self, address: str, driver: str, rate_hz: float) -> None:
        self._address, self._rate = address, rate_hz
        self._decoder = decoder(driver)
        self._acc: list[np.ndarray[tuple[int, int], np.dtype[np.float64]]] = []
        self._gyr: list[np.ndarray[tuple[int, int], np.dtype[np.float64]]] = []
        self._rests: list[Rest] = []
        self._temperature_c: float | None = None

    def take(self, characteristic: str, payload: bytes) -> None:
        """One notification."""
        samples = self._decoder.feed(characteristic, payload)
        if samples.temperature_c is not None:
            self._temperature_c = samples.temperature_c
        if len(samples.ticks):
            self._acc.append(samples.acc)
            self._gyr.append(samples.gyr)

    def sides(self) -> int:
        """How many sides have been seen at rest, for 2 s or more."""
        if not self._acc:
            return 0
        self._acc, self._gyr = [np.concatenate(self._acc)], [np.concatenate(self._gyr)]
        self._rests = find_rests(self._acc[0], self._gyr[0], self._rate)
        return sides_seen([rest for rest in self._rests if rest.duration_s >= 2.0])

    @property
    def resting(self) -> bool:
        """Whether it has lain long enough on its present side."""
        return bool(self._rests) and self._rests[-1].duration_s >= 2.5

    def calibration(self, day: str) -> SixPositions:
        """Raises CalibrationError where it does not hold."""
        return calibrate_at_rest(
            self._acc[0],
            self._gyr[0],
            self._rate,
            address=self._address,
            day=day,
            temperature_c=self._temperature_c,
        )


def _keep(found: SixPositions, store: SensorStore) -> None:
    i: Inertial = found.inertial
    path = store.save(i)
    turned = "" if found.gyroscope is None else f", turns wrong by {np.rad2deg(found.gyroscope.before):.1f} deg"
    left = "" if found.gyroscope is None else f" and {np.rad2deg(found.gyroscope.after):.1f} deg"
    print(
        f"{i.address}: {found.sides} sides; gravity was off by {100 * found.norm_before:.2f} %{turned}; now "
        f"{100 * found.norm_after:.2f} %{left}; kept in {path}"
    )
