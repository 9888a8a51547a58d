"""A radio without hardware: virtual sensors and a bleak backend on one bumble link, in this process.

    async with VirtualRadio() as radio:
        await radio.add_sensor(driver("open_format"), source, name="thigh")
        found = await scan(1.0, backend=radio.backend)

The motion begins when every sensor has been started for the first time, but at the latest some seconds after the
first: so all of them are there from its beginning, as when a person waits until all sensors are strapped on.
"""

import asyncio
from types import TracebackType
from typing import Any, Self

import numpy as np
from bumble import hci
from bumble.controller import Controller
from bumble.device import Device, DeviceConfiguration
from bumble.host import Host
from bumble.link import LocalLink

from firmware_interface.drivers.interface import Driver
from firmware_interface.scanning import Backend
from firmware_interface.virtual.backend import bumble_backend
from firmware_interface.virtual.link import LinkModel
from firmware_interface.virtual.sampling import DeviceClock
from firmware_interface.virtual.sensor import SensorModel, VirtualSensor
from firmware_interface.virtual.source import MotionSource

_CENTRAL = "C0:00:00:00:00:01"
_NOT_ON = "the virtual radio is not switched on: use it with `async with`"


class VirtualRadio:
    """Virtual sensors, and the backend with which the client finds them. Used as an async context manager.

    Parameters
    ----------
    seed : of everything that is left to chance.
    gather_s : how long the motion waits, after the first sensor was started, for the others.
    """

    def __init__(self, *, seed: int = 0, gather_s: float = 2.0) -> None:
        self._random = np.random.default_rng(seed)
        self._gather_s = gather_s
        self._sensors: dict[str, VirtualSensor] = {}
        self._started: set[str] = set()
        self._begun_s: float | None = None
        self._begun = asyncio.Event()
        self._timer: asyncio.TimerHandle | None = None
        self._air: Any = None
        self._central: Any = None
        self._backend: Backend | None = None

    @property
    def backend(self) -> Backend:
        """For `scan` and `Client`."""
        if self._backend is None:
            raise RuntimeError(_NOT_ON)
        return self._backend

    async def add_sensor(
        self,
        driver: Driver,
        source: MotionSource,
        *,
        name: str,
        address: str | None = None,
        rate_hz: float = 100.0,
        battery: float = 0.9,
        link: LinkModel | None = None,
        clock: DeviceClock | None = None,
    ) -> str:
        """Switch on a sensor; returns its address.

        Parameters
        ----------
        driver : the format it speaks.
        source : what it measures.
        name : what it advertises; unique in this radio, at most 40 bytes.
        rate_hz : its rate until the client's start write says another.
        link, clock : its connection's quality, its crystal.
        """
        if name in self._sensors or not 0 < len(name.encode()) <= 40:
            raise ValueError(f"a virtual sensor needs a name of its own of 1 to 40 bytes, not {name!r}")
        if self._backend is None:
            raise RuntimeError(_NOT_ON)
        number = len(self._sensors) + 1
        address = address or f"D0:00:00:00:{number // 256:02X}:{number % 256:02X}"
        model = SensorModel(
            driver, source, name, address, rate_hz, battery, link or LinkModel(), clock or DeviceClock()
        )
        sensor = VirtualSensor(model, self._air, self, self._random.spawn(1)[0])
        self._sensors[name] = sensor
        await sensor.begin()
        return address

    async def drop(self, name: str) -> None:
        """Cut a sensor's link, as by distance; it advertises again at once."""
        await self._sensors[name].lose_link()

    def fade(self, name: str, seconds: float) -> None:
        """Nothing of a sensor is heard for so long; beyond its link's supervision time-out the connection is lost."""
        self._sensors[name].fade(asyncio.get_running_loop().time() + seconds)

    async def switch_off(self, name: str) -> None:
        """A sensor's battery is empty."""
        await self._sensors[name].switch(False)

    async def switch_on(self, name: str) -> None:
        """A sensor that was switched off advertises again."""
        await self._sensors[name].switch(True)

    def hang(self, name: str, hangs: bool = True) -> None:
        """A sensor keeps its connection and sends nothing; or goes on."""
        self._sensors[name].hang(hangs)

    def dropped(self, name: str) -> int:
        """Notifications that a sensor's full queue refused."""
        return self._sensors[name].dropped

    def writes(self, name: str) -> list[tuple[str, bytes]]:
        """Everything that was written to a sensor: characteristic and bytes, in order."""
        return list(self._sensors[name].writes)

    def connections(self, name: str) -> int:
        """How often a sensor was connected to."""
        return self._sensors[name].connections

    def motion_s(self) -> float:
        """True time since the motion began; 0 before."""
        return 0.0 if self._begun_s is None else asyncio.get_running_loop().time() - self._begun_s

    async def ready(self, name: str) -> None:
        """Called by a sensor that was started: waits until the motion begins."""
        self._started.add(name)
        if self._started >= self._sensors.keys():
            self._begin()
        elif self._timer is None:
            self._timer = asyncio.get_running_loop().call_later(self._gather_s, self._begin)
        await self._begun.wait()

    def _begin(self) -> None:
        if self._begun_s is None:
            self._begun_s = asyncio.get_running_loop().time()
            self._begun.set()

    async def __aenter__(self) -> Self:
        self._air = LocalLink()
        controller: Any = Controller("controller of the central", link=self._air)
        controller.le_acl_data_packet_length = 251
        address = hci.Address(_CENTRAL, hci.Address.RANDOM_DEVICE_ADDRESS)
        self._central = Device(
            config=DeviceConfiguration(name="central", address=address), host=Host(controller, controller)
        )
        await self._central.power_on()
        self._backend = bumble_backend(self._central, controller)
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._timer is not None:
            self._timer.cancel()
        for sensor in self._sensors.values():
            await sensor.end()
        await self._central.power_off()
        # The link's last packets are delivered in the next turns of the loop.
        for _ in range(5):
            await asyncio.sleep(0)
        self._backend = None
