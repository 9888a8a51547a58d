"""A virtual sensor: a bumble peripheral that advertises, obeys and streams like a real one of its format."""

import asyncio
from collections.abc import Coroutine
from dataclasses import dataclass
from typing import Any, Protocol

import numpy as np
from bumble import data_types, hci
from bumble.att import Attribute, AttributeValue
from bumble.controller import Controller
from bumble.core import AdvertisingData
from bumble.device import AdvertisingParameters, Device, DeviceConfiguration
from bumble.gatt import Characteristic, Service
from bumble.host import Host
from bumble.link import LocalLink

from firmware_interface.drivers.interface import Driver, Encoder
from firmware_interface.virtual.behaviour import INDICATE, NOTIFY, READ, WRITE, WRITE_BLIND
from firmware_interface.virtual.link import LinkModel, PacedLink
from firmware_interface.virtual.sampling import DeviceClock, Sampler
from firmware_interface.virtual.source import MotionSource
from firmware_interface.virtual.twins import twin

_ADVERTISE_MS = 100.0
_BATCH_S = 0.04
"""How long a sensor collects samples for a notification: four frames of a WitMotion module at 100 Hz, as captured."""
_CATCH_UP_S = 0.06
_WHOLE_PACKET = 251
"""Octets of a data packet with data length extension: without it bumble cuts notifications to pieces of 27."""


@dataclass(frozen=True, slots=True)
class SensorModel:
    """What a virtual sensor is: the format it speaks, the motion it feels, and its imperfections.

    rate_hz: its rate until it is told another. battery: 0 to 1.
    """

    driver: Driver
    source: MotionSource
    name: str
    address: str
    rate_hz: float
    battery: float
    link: LinkModel
    clock: DeviceClock


class Stage(Protocol):
    """What all sensors of a radio share: the time of the motion."""

    async def ready(self, name: str) -> None:
        """Wait until the motion begins, once sensor `name` has been started."""
        ...

    def motion_s(self) -> float:
        """True time of the motion."""
        ...


class VirtualSensor:
    """One peripheral on a bumble link. `begin` before use, `end` afterwards."""

    def __init__(self, model: SensorModel, air: LocalLink, stage: Stage, random: np.random.Generator) -> None:
        self.model = model
        self.dropped = 0
        """Notifications that the sensor's full queue refused."""
        self.writes: list[tuple[str, bytes]] = []
        """Everything that was written to the sensor: characteristic and bytes."""
        self.connections = 0
        """How often anybody connected to it."""
        self._air: Any = air
        self._stage = stage
        self._random = random
        self._behaviour = twin(model.driver, model.rate_hz)
        self._sampler = Sampler(model.source, model.clock)
        self._encoder: tuple[float, Encoder] | None = None
        self._connection: Any = None
        self._subscribed = False
        self._hangs = False
        self._faded_to_s = 0.0
        self._off = False
        self._stream: asyncio.Task[None] | None = None
        self._tasks: set[asyncio.Task[None]] = set()
        self._characteristics: dict[str, Any] = {}
        self.controller: Any = Controller(f"controller of {model.name}", link=air)
        self.controller.le_acl_data_packet_length = _WHOLE_PACKET
        address = hci.Address(model.address, hci.Address.RANDOM_DEVICE_ADDRESS)
        self._device: Any = Device(
            config=DeviceConfiguration(name=model.name, address=address),
            host=Host(self.controller, self.controller),
        )
        self._advertising: Any = None

    async def begin(self) -> None:
        """Switch on and advertise."""
        for service, characteristics in self._behaviour.services.items():
            made = [self._characteristic(uuid, properties) for uuid, properties in characteristics.items()]
            self._device.add_service(Service(service, made))
        self._device.on("connection", self._on_connection)
        await self._device.power_on()
        self._advertising = await self._device.create_advertising_set(
            advertising_parameters=AdvertisingParameters(
                primary_advertising_interval_min=_ADVERTISE_MS, primary_advertising_interval_max=_ADVERTISE_MS
            ),
            random_address=self._device.random_address,
            advertising_data=bytes(self._advertisement()),
        )

    async def end(self) -> None:
        """Switch off."""
        await self.switch(False)
        for task in list(self._tasks):
            task.cancel()
        await asyncio.gather(*self._tasks, return_exceptions=True)
        await self._device.power_off()

    async def switch(self, on: bool) -> None:
        """Off: the link is lost and nothing is advertised. On: it advertises; its clock has run on."""
        self._off = not on
        if on:
            await self._advertise()
        else:
            await self.lose_link()
            if self._advertising is not None and self._advertising.enabled:
                await self._advertising.stop()

    def hang(self, hangs: bool) -> None:
        """A sensor that hangs keeps its connection and sends nothing."""
        self._hangs = hangs

    def fade(self, until_s: float) -> None:
        """Nothing is heard of the sensor until then (time of the loop): its connection may outlast that, or not."""
        self._faded_to_s = until_s

    async def lose_link(self) -> None:
        """Cut the connection as by distance: what the sensor still holds is lost, and both ends notice a time-out.

        What has left the sensor is let through first: bumble would deliver it after the next connection began.
        """
        stream, self._stream = self._stream, None
        if stream is not None:
            stream.cancel()
            await asyncio.gather(stream, return_exceptions=True)
        await _turns()
        own = self._device.random_address
        for controller in list(self._air.controllers):
            if controller is self.controller:
                ended = list(controller.le_connections.values())
            else:
                ended = [link for peer, link in controller.le_connections.items() if peer == own]
            for link in ended:
                controller.on_le_disconnected(link, hci.HCI_ErrorCode.CONNECTION_TIMEOUT_ERROR)
        await _turns()

    def _advertisement(self) -> Any:
        announcement = self._behaviour.announcement
        parts: list[Any] = [
            data_types.Flags(AdvertisingData.Flags(0x06)),
            data_types.CompleteLocalName(self.model.name),
        ]
        if announcement.services:
            uuids = [Characteristic(uuid, 0, 0).uuid for uuid in announcement.services]
            parts.append(data_types.CompleteListOf128BitServiceUUIDs(uuids))
        parts += [data_types.ManufacturerSpecificData(*each) for each in announcement.manufacturer.items()]
        return AdvertisingData(parts)

    def _characteristic(self, uuid: str, properties: tuple[str, ...]) -> Any:
        names = {
            READ: Characteristic.Properties.READ,
            WRITE: Characteristic.Properties.WRITE,
            WRITE_BLIND: Characteristic.Properties.WRITE_WITHOUT_RESPONSE,
            NOTIFY: Characteristic.Properties.NOTIFY,
            INDICATE: Characteristic.Properties.INDICATE,
        }
        bits = Characteristic.Properties(sum(names[each] for each in properties))
        value = AttributeValue(
            read=lambda _: self._behaviour.value(uuid, self.model.battery),
            write=lambda _, payload: self._on_write(uuid, bytes(payload)),
        )
        permissions = Attribute.Permissions.READABLE | Attribute.Permissions.WRITEABLE
        made = Characteristic(uuid, bits, permissions, value)
        if {NOTIFY, INDICATE} & set(properties):
            made.on("subscription", lambda _, notify, indicate: self._on_subscription(uuid, notify))
        self._characteristics[uuid] = made
        return made

    def _on_connection(self, connection: Any) -> None:
        self._connection = connection
        self.connections += 1
        connection.on("disconnection", lambda _: self._on_disconnection())

    def _on_disconnection(self) -> None:
        self._connection = None
        self._subscribed = False
        self._behaviour.disconnected()
        self._update_stream()
        if not self._off:
            self._spawn(self._advertise())

    def _on_subscription(self, uuid: str, notify: bool) -> None:
        if uuid == self.model.driver.notify[0]:
            self._subscribed = notify
            self._update_stream()

    def _on_write(self, uuid: str, payload: bytes) -> None:
        self.writes.append((uuid, payload))
        rate_hz = self._behaviour.rate_hz
        for characteristic, answer in self._behaviour.written(uuid, payload):
            if not self._hangs:
                self._spawn(self._notify(characteristic, answer))
        if self._behaviour.rate_hz != rate_hz and self._stream is not None:
            self._stream.cancel()
            self._stream = None
        self._update_stream()

    def _update_stream(self) -> None:
        """Stream exactly while connected, subscribed and started."""
        wanted = self._connection is not None and self._subscribed and self._behaviour.streaming
        if wanted and self._stream is None:
            self._stream = self._spawn(self._run_stream())
        elif not wanted and self._stream is not None:
            self._stream.cancel()
            self._stream = None

    async def _run_stream(self) -> None:
        """Sample, encode, queue and deliver, once every connection event."""
        rate_hz = self._behaviour.rate_hz
        await self._stage.ready(self.model.name)
        loop = asyncio.get_running_loop()
        link = PacedLink(self.model.link, self._random, loop.time())
        encoder = self._encoder_for(rate_hz)
        batch = max(round(rate_hz * _BATCH_S), 1)
        self._sampler.start(self._stage.motion_s(), rate_hz)
        while True:
            await asyncio.sleep(max(link.next_s - loop.time(), 0.0))
            link.fade(self._faded_to_s)
            # After a stall of the computer all sensors catch up side by side, in turns of the loop: none ahead of the
            # others, and none whose queue overflows because it could not be emptied meanwhile.
            now_s = min(loop.time(), link.next_s + _CATCH_UP_S)
            if self._hangs:
                link.deliver(now_s)
                continue
            room = self._connection.att_mtu - 3
            ticks, acc, gyr = self._sampler.take(self._stage.motion_s() - (loop.time() - now_s), batch)
            for i in range(0, len(ticks), batch):
                part = slice(i, i + batch)
                for packet in encoder.encode(ticks[part], acc[part], gyr[part], self.model.battery, room):
                    dropped = link.dropped
                    link.offer(*packet)
                    self.dropped += link.dropped - dropped
            for packet in link.deliver(now_s):
                await self._notify(*packet)
            if link.lost:
                self._spawn(self.lose_link())
                return

    def _encoder_for(self, rate_hz: float) -> Encoder:
        """The same encoder as long as the rate stays: a sample counter runs on through connections."""
        if self._encoder is None or self._encoder[0] != rate_hz:
            self._encoder = rate_hz, self.model.driver.encoder(rate_hz)
        return self._encoder[1]

    async def _notify(self, characteristic: str, payload: bytes) -> None:
        if self._connection is not None:
            known = self._characteristics[characteristic]
            if known.properties & Characteristic.Properties.INDICATE:
                await self._device.indicate_subscriber(self._connection, known, payload)
            else:
                await self._device.notify_subscriber(self._connection, known, payload)

    async def _advertise(self) -> None:
        if self._advertising is not None and not self._advertising.enabled and self._connection is None:
            await self._advertising.start()

    def _spawn(self, work: Coroutine[Any, Any, None]) -> asyncio.Task[None]:
        task = asyncio.create_task(work)
        self._tasks.add(task)
        task.add_done_callback(self._on_done)
        return task

    def _on_done(self, task: asyncio.Task[None]) -> None:
        self._tasks.discard(task)
        if not task.cancelled() and (error := task.exception()) is not None:
            message = f"the virtual sensor {self.model.name} failed"
            task.get_loop().call_exception_handler({"message": message, "exception": error, "task": task})


async def _turns() -> None:
    """Let the loop deliver what bumble has put off to its next turns."""
    for _ in range(5):
        await asyncio.sleep(0)
