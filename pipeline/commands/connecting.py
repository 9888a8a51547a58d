"""The sensors of a live command: the computer's Bluetooth, or simulated sensors over a virtual radio."""

import logging
import sys
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from firmware_interface.client import Chosen, Client
from firmware_interface.drivers.interface import Driver
from firmware_interface.drivers.rates import nearest
from firmware_interface.drivers.registry import driver, drivers
from firmware_interface.drivers.sketch import driver_from_file
from firmware_interface.network import network_backend
from firmware_interface.scanning import Backend, Found, scan
from firmware_interface.virtual.radio import VirtualRadio
from pipeline.commands.assigning import Assigned, Place, assign, untold
from pipeline.commands.levels import battery_levels
from pipeline.commands.placing import Placing
from pipeline.commands.remembered import Remembered
from pipeline.errors import BadInputError
from pipeline.records import Segment, SensorInfo, Side
from pipeline.simulation.live import LivePerson
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import Script, scripted_session

_MIXED = ("movella_dot", "witmotion", "open_format")
"""The drivers that the simulated sensors speak, in turn."""
_VIRTUAL_SCAN_S = 3.0


@dataclass(frozen=True, slots=True)
class Connected:
    """A running client and its sensors. anchor_ns: the session's time zero on `time.perf_counter_ns()`."""

    client: Client
    sensors: list[SensorInfo]
    anchor_ns: int


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a live command asks for. named: addresses or names by place. seed: of the simulated person.

    only: addresses of the devices that may be used at all; None: any. driver_file: describes a sensor that is looked
    for as well; simulated sensors speak its format. network: sensors on the network are looked for, instead of
    Bluetooth. script: what the simulated person does, instead of the demonstration.
    """

    sides: Sequence[Side]
    rate_hz: float
    virtual: bool = False
    named: Mapping[Place, str] | None = None
    seed: int = 1
    only: Sequence[str] | None = None
    scan_s: float = 12.0
    driver_file: Path | None = None
    network: bool = False
    script: Script | None = None


@asynccontextmanager
async def connected(
    wanted: Wanted, ask: Callable[[Place, Sequence[Found]], Found] | None, placing: Placing | None = None
) -> AsyncIterator[Connected]:
    """Find, assign and start to connect the sensors. placing: asked for whole legs that nothing tells, before `ask`.

    Raises RadioError (no Bluetooth), BadInputError (no sensor, or no place for one) and DriverFileError.
    """
    named = wanted.named or {}
    described = None if wanted.driver_file is None else driver_from_file(wanted.driver_file)
    async with AsyncExitStack() as stack:
        backend = network_backend() if wanted.network else None
        if wanted.virtual:
            radio = virtual_radio(wanted.sides, wanted.seed, described, wanted.script)
            backend = (await stack.enter_async_context(radio)).backend
        found = await scan(
            _VIRTUAL_SCAN_S if wanted.virtual else wanted.scan_s,
            backend=backend,
            allow=named.values() if len(named) == 2 * len(wanted.sides) else None,
            only=wanted.only,
            enough=2 * len(wanted.sides),
            drivers=_known(described),
        )
        if not wanted.virtual:
            named = {**named, **_as_last_time(found, wanted.sides, named)}
        legs, left = untold(found, wanted.sides, named)
        if placing is not None and legs:
            placed = await placing(left, legs, backend)
            named = {**named, **{place: each.advertisement.address for place, each in placed.items()}}
        assigned = assign(found, wanted.sides, named, ask)
        if not wanted.virtual:
            Remembered().keep(assigned)
        anchor_ns = time.perf_counter_ns()
        chosen = [Chosen(each.info.id, each.found, _rate(each, wanted.rate_hz)) for each in assigned]
        client = await stack.enter_async_context(Client(chosen, anchor_ns=anchor_ns, backend=backend))
        yield Connected(client, [each.info for each in assigned], anchor_ns)


def _as_last_time(found: Sequence[Found], sides: Sequence[Side], named: Mapping[Place, str]) -> dict[Place, str]:
    """Remembered places, and a line that says so."""
    places = Remembered().legs(found, sides, named)
    if places:
        told = ", ".join(f"{side} {segment} {address}" for (side, segment), address in places.items())
        print(f"worn as last time: {told} (--sensor says otherwise)", file=sys.stderr)
    return places


async def sensors_in_range(
    seconds: float,
    virtual: bool,
    driver_file: Path | None = None,
    network: bool = False,
    levels: dict[str, float] | None = None,
) -> list[Found]:
    """What a scan finds, strongest first. levels: filled with battery levels by address, where it is given, for which
    every sensor is connected to. Raises RadioError and DriverFileError."""
    described = None if driver_file is None else driver_from_file(driver_file)
    async with AsyncExitStack() as stack:
        backend: Backend | None = network_backend() if network else None
        if virtual:
            backend = (await stack.enter_async_context(virtual_radio((Side.RIGHT, Side.LEFT), 1, described))).backend
        found = await scan(seconds, backend=backend, drivers=_known(described))
        if levels is not None:
            levels.update(await battery_levels(found, backend))
        return found


@asynccontextmanager
async def virtual_radio(
    sides: Sequence[Side], seed: int, speaks: Driver | None = None, script: Script | None = None
) -> AsyncIterator[VirtualRadio]:
    """A radio on which a simulated person wears a thigh and a shank sensor on each of these legs.

    speaks: the format of all sensors; None mixes several. script: None is the demonstration.
    """
    # Packets in flight when a link is cut are no news to the person at the screen.
    logging.getLogger("bumble").setLevel(logging.ERROR)
    person = LivePerson(draw_person(np.random.default_rng(seed)), script or scripted_session(sides), seed)
    async with VirtualRadio(seed=seed) as radio:
        for number, (side, segment) in enumerate((side, segment) for side in sides for segment in Segment):
            known = speaks or driver(_MIXED[number % len(_MIXED)])
            await radio.add_sensor(known, person.source(side, segment), name=f"virtual {side} {segment}")
        yield radio


def _known(described: Driver | None) -> list[Driver] | None:
    return None if described is None else [*drivers(), described]


def _rate(each: Assigned, wanted_hz: float) -> float:
    offered = each.found.driver.rates_hz()
    if not offered:
        raise BadInputError(f"the driver {each.found.driver.name} offers no rate: it cannot be used live")
    return nearest(offered, wanted_hz)
