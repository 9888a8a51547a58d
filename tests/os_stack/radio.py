"""Inside the guest: two virtual sensors on a simulated leg, and the controller that the kernel takes for an adapter.

`python -m tests.os_stack.radio SECONDS`: so long after the motion began the thigh's link is cut, as by distance.
"""

import asyncio
import sys
from typing import Any

import numpy as np
from bumble import hci
from bumble.controller import Controller
from bumble.core import PhysicalTransport
from bumble.link import LocalLink
from bumble.transport import open_transport

from firmware_interface.drivers.registry import driver
from firmware_interface.virtual.link import LinkModel
from firmware_interface.virtual.sampling import DeviceClock
from firmware_interface.virtual.sensor import SensorModel, VirtualSensor
from pipeline.records import Segment, Side
from pipeline.simulation.live import LivePerson
from pipeline.simulation.person import draw_person
from pipeline.simulation.script import scripted_session

ADAPTER = "00:1A:7D:DA:71:01"
"""Public: BlueZ takes an adapter without one for not configured."""
SPEAKS = {Segment.THIGH: "open_format", Segment.SHANK: "movella_dot"}
"""Two formats, one with commands that have to be written."""
CUT = Segment.THIGH
"""Whose link is cut."""
_SEED = 1


class Air(LocalLink):
    """bumble's link, for a central with a public address.

    bumble gives the sender's random address as the source of every data packet; a central that connected with its
    public address is then not recognised by the sensor.
    """

    def send_acl_data(
        self, sender_controller: Any, destination_address: Any, transport: PhysicalTransport, data: bytes
    ) -> None:
        """From the address with which the connection was made."""
        connection = sender_controller.le_connections.get(destination_address)
        receiver = self.find_le_controller(destination_address)
        if connection is not None and receiver is not None:
            source = connection.self_address
            asyncio.get_running_loop().call_soon(lambda: receiver.on_link_acl_data(source, transport, data))


class Stage:
    """The motion begins when both sensors were started."""

    def __init__(self) -> None:
        self._started: set[str] = set()
        self._begun_s = 0.0
        self._begun = asyncio.Event()

    async def ready(self, name: str) -> None:
        """Waits until the motion begins."""
        self._started.add(name)
        if len(self._started) == len(SPEAKS) and not self._begun.is_set():
            self._begun_s = asyncio.get_running_loop().time()
            self._begun.set()
        await self._begun.wait()

    async def reached(self, motion_s: float) -> None:
        """Waits until the motion has gone on for so long."""
        await self._begun.wait()
        await asyncio.sleep(motion_s - self.motion_s())

    def motion_s(self) -> float:
        """True time of the motion."""
        return asyncio.get_running_loop().time() - self._begun_s if self._begun.is_set() else 0.0


async def main(cut_s: float) -> None:
    """Until killed."""
    person = LivePerson(draw_person(np.random.default_rng(_SEED)), scripted_session((Side.RIGHT,)), _SEED)
    # Made now: while it streams, an emulated processor has better things to do.
    for segment in Segment:
        person.source(Side.RIGHT, segment).read(0.0, 0.1)
    air, stage = Air(), Stage()
    sensors: dict[Segment, VirtualSensor] = {}
    for number, (segment, speaks) in enumerate(SPEAKS.items(), start=1):
        # The name alone tells the place, and together with a service of 128 bits it fits into 31 octets.
        model = SensorModel(
            driver(speaks),
            person.source(Side.RIGHT, segment),
            segment.value,
            f"D0:00:00:00:00:{number:02X}",
            100.0,
            0.9,
            LinkModel(),
            DeviceClock(),
        )
        sensors[segment] = VirtualSensor(model, air, stage, np.random.default_rng(number))
        await sensors[segment].begin()
    async with await open_transport("vhci") as transport:
        adapter = Controller(
            "adapter", host_source=transport.source, host_sink=transport.sink, link=air, public_address=ADAPTER
        )
        adapter.le_acl_data_packet_length = 251
        for beyond in (hci.LeFeatureMask.LL_PRIVACY, hci.LeFeatureMask.LE_EXTENDED_ADVERTISING):
            adapter.le_features &= ~beyond
        print("the virtual air is there", flush=True)
        await stage.reached(cut_s)
        await sensors[CUT].lose_link()
        print(f"the {CUT} sensor's link was cut {stage.motion_s():.1f} s into the motion", flush=True)
        await transport.source.terminated


if __name__ == "__main__":
    sys.exit(asyncio.run(main(float(sys.argv[1]))))
