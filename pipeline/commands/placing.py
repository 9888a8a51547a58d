"""The sensors' places asked for by movement: connect to those in range, let one knee be lifted after the other."""

import time
from collections.abc import Awaitable, Callable, Sequence

from firmware_interface.client import Arrival, Chosen, Client
from firmware_interface.drivers.rates import nearest
from firmware_interface.drivers.registry import driver
from firmware_interface.errors import SensorSilentError
from firmware_interface.scanning import Backend, Found
from pipeline.commands.assigning import Place
from pipeline.commands.lifting import LiftWatch
from pipeline.errors import KneetrackError
from pipeline.records import Segment, Side

Placing = Callable[[Sequence[Found], Sequence[Side], Backend | None], Awaitable[dict[Place, Found]]]
Tell = Callable[[str, str], None]
"""Takes what to do, and what was not clear the last time."""

MOST = 6
"""Sensors that are connected to at once, the strongest first."""
_RATE_HZ = 60.0
_PATIENCE_S = 120.0


def placer(tell: Tell, stop: Callable[[], bool], patience_s: float = _PATIENCE_S) -> Placing:
    """A function that finds the places. tell: to the person; stop: ends it; patience_s: for each leg."""

    async def place(found: Sequence[Found], sides: Sequence[Side], backend: Backend | None) -> dict[Place, Found]:
        return await _place(found[:MOST], sides, backend, _Asking(tell, stop, patience_s))

    return place


class _Asking:
    """What is said to the person, each thing once, and for how long."""

    def __init__(self, tell: Tell, stop: Callable[[], bool], patience_s: float) -> None:
        self._tell = tell
        self.stop = stop
        self.patience_s = patience_s
        self._said = ("", "")

    def say(self, text: str, repeat: str) -> None:
        if (text, repeat) != self._said:
            self._said = (text, repeat)
            self._tell(text, repeat)


async def _place(
    found: Sequence[Found], sides: Sequence[Side], backend: Backend | None, asking: _Asking
) -> dict[Place, Found]:
    anchor_ns = time.perf_counter_ns()
    chosen = [Chosen(i, each, nearest(each.driver.rates_hz(), _RATE_HZ)) for i, each in enumerate(found)]
    placed: dict[Place, Found] = {}
    left = list(range(len(found)))
    async with Client(chosen, anchor_ns=anchor_ns, backend=backend) as client:
        for side in sides:
            thigh, shank = await _lift(client, found, left, side, asking)
            placed[side, Segment.THIGH], placed[side, Segment.SHANK] = found[thigh], found[shank]
            left = [number for number in left if number not in (thigh, shank)]
    return placed


async def _lift(
    client: Client, found: Sequence[Found], left: Sequence[int], side: Side, asking: _Asking
) -> tuple[int, int]:
    """The numbers of thigh and shank of one leg, from among those left. Raises KneetrackError."""
    decoders = {number: driver(found[number].driver.name).decoder() for number in left}
    watch, repeat = LiftWatch(left), ""
    begun = time.monotonic()
    while time.monotonic() - begun < asking.patience_s:
        if asking.stop():
            raise KneetrackError("ended before it was told which sensor sits where")
        if watch.standing:
            asking.say(f"Lift your {side} knee, let the lower leg hang, and hold it for two seconds", repeat)
        else:
            asking.say(f"Stand still on both feet. Then lift your {side} knee", repeat)
        try:
            items = await client.receive(0.1)
        except SensorSilentError as error:
            asking.say("Waiting for the sensors", str(error))
            continue
        for item in items:
            if not isinstance(item, Arrival) or item.sensor not in decoders:
                continue
            samples = decoders[item.sensor].feed(item.characteristic, item.payload)
            watch.add(item.sensor, item.host_time_ns * 1e-9, samples.acc, samples.gyr)
        lifted = watch.found()
        if lifted is not None and not lifted.repeat:
            return lifted.thigh, lifted.shank
        if lifted is not None:
            repeat = lifted.repeat
    raise KneetrackError(
        f"no lifted {side} knee was seen within {asking.patience_s:.0f} s: "
        f"name the sensors, for example --sensor {side}-thigh=ADDRESS"
    )
