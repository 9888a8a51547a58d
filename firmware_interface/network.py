"""Sensors on the network instead of Bluetooth: x-IMU3 over TCP, found by the announcements they broadcast.

Each sensor says once a second, as one JSON object over UDP port 10000, its name, address and TCP port; over TCP it then
sends its stream and takes commands. To the client this looks like a Bluetooth stack: a scanner and a client class for
bleak, so that reconnection, time-outs, recording and everything after are the same. Announcements are untrusted: the
address that is connected to is the one that the announcement came from, and what is not of the expected form is passed
over.

Source: xioTechnologies/x-IMU3-User-Manual, networkAnnouncementMessage.tex.
"""

import asyncio
import json
import socket
from collections.abc import Callable
from contextlib import suppress
from typing import Any

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakError

from firmware_interface.drivers import ximu3
from firmware_interface.errors import RadioError
from firmware_interface.scanning import Backend

ANNOUNCEMENTS = 10_000
"""The UDP port of the announcements."""

_PIECE = 512
"""Longest piece of the stream that is passed on at once: the longest notification there is."""
_LARGEST_ANNOUNCEMENT = 2048
_CONNECT_S = 5.0


def network_backend(port: int = ANNOUNCEMENTS) -> Backend:
    """Scanner and client classes for bleak that find and reach sensors on the network. port: of the announcements."""
    return Backend(scanner=type("NetworkScanner", (_Scanner,), {"port": port}), client=_Client)


class _Scanner(BaseBleakScanner):
    """Listens to announcements."""

    port: int

    def __init__(self, detection_callback: Any, service_uuids: Any, scanning_mode: Any, **options: Any) -> None:
        super().__init__(detection_callback, service_uuids)
        self._transport: asyncio.DatagramTransport | None = None

    async def start(self) -> None:
        """Begin to listen."""
        self.seen_devices = {}
        # Other programmes on this computer may listen too.
        listening = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        try:
            listening.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
            listening.setblocking(False)
            listening.bind(("", self.port))
        except OSError as error:
            listening.close()
            raise RadioError(
                f"the network cannot be listened to on UDP port {self.port} ({error.strerror or error}): close other "
                "programmes that do, or allow this one to"
            ) from error
        loop = asyncio.get_running_loop()
        self._transport, _ = await loop.create_datagram_endpoint(lambda: _Listener(self._heard), sock=listening)

    async def stop(self) -> None:
        """Stop listening."""
        if self._transport is not None:
            self._transport.close()
            self._transport = None

    def _heard(self, octets: bytes, host: str) -> None:
        said = _announcement(octets)
        if said is None or not self.is_allowed_uuid([ximu3.SERVICE]):
            return
        name, port = said
        address = f"{host}:{port}"
        data = AdvertisementData(name, {}, {}, [ximu3.SERVICE], None, 0, ())
        device = self.create_or_update_device(address, address, name, (host, port), data)
        self.call_detection_callbacks(device, data)


class _Listener(asyncio.DatagramProtocol):
    def __init__(self, heard: Callable[[bytes, str], None]) -> None:
        self._heard = heard

    def datagram_received(self, data: bytes, addr: tuple[Any, ...]) -> None:
        self._heard(data, str(addr[0]))


def _announcement(octets: bytes) -> tuple[str, int] | None:
    """Name and TCP port; None where these bytes are no announcement."""
    if len(octets) > _LARGEST_ANNOUNCEMENT:
        return None
    try:
        said = json.loads(octets)
    except (ValueError, RecursionError):
        return None
    if not isinstance(said, dict):
        return None
    name, port = said.get("name"), said.get("port")
    if not isinstance(name, str) or not isinstance(port, int) or not 0 < port < 65536:
        return None
    return name, port


class _Client(BaseBleakClient):
    """One TCP connection."""

    def __init__(self, address_or_ble_device: BLEDevice | str, **options: Any) -> None:
        super().__init__(
            address_or_ble_device,
            disconnected_callback=options.get("disconnected_callback"),
            timeout=options.get("timeout", _CONNECT_S),
        )
        self._reader: asyncio.StreamReader | None = None
        self._writer: asyncio.StreamWriter | None = None
        self._reading: asyncio.Task[None] | None = None

    @property
    def mtu_size(self) -> int:
        """As large as a piece of the stream."""
        return _PIECE + 3

    @property
    def is_connected(self) -> bool:
        """Whether the stream is open."""
        return self._writer is not None

    async def connect(self, pair: bool = False, **options: Any) -> None:
        """Open the stream."""
        host, _, port = self.address.rpartition(":")
        try:
            async with asyncio.timeout(_CONNECT_S):
                self._reader, self._writer = await asyncio.open_connection(host, int(port))
        except (OSError, TimeoutError, ValueError) as error:
            raise BleakError(f"{self.address} did not answer ({error or type(error).__name__})") from error
        self.services = self._collection()

    async def disconnect(self) -> None:
        """Close the stream."""
        reading, self._reading = self._reading, None
        if reading is not None:
            reading.cancel()
            await asyncio.gather(reading, return_exceptions=True)
        self._close()

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: Callable[[bytearray], None], **options: Any
    ) -> None:
        """Pass on the stream as it comes."""
        if self._reading is None:
            self._reading = asyncio.create_task(self._read(callback))

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """The stream cannot be stopped; it ends with the connection."""

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: Any, response: bool) -> None:
        """Send a command."""
        if self._writer is None:
            raise BleakError("not connected")
        try:
            self._writer.write(bytes(data))
            await self._writer.drain()
        except OSError as error:
            raise BleakError(str(error) or type(error).__name__) from error

    async def read_gatt_char(self, characteristic: BleakGATTCharacteristic, **options: Any) -> bytearray:
        """Nothing can be read by itself."""
        raise BleakError("a sensor on the network has nothing to read")

    async def read_gatt_descriptor(self, descriptor: BleakGATTDescriptor, **options: Any) -> bytearray:
        """There are none."""
        raise BleakError("a sensor on the network has no descriptors")

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: Any) -> None:
        """There are none."""
        raise BleakError("a sensor on the network has no descriptors")

    async def pair(self, *args: Any, **options: Any) -> None:
        """Nothing is paired."""

    async def unpair(self, *args: Any, **options: Any) -> None:
        """Nothing is paired."""

    async def _read(self, callback: Callable[[bytearray], None]) -> None:
        assert self._reader is not None
        with suppress(OSError):
            while octets := await self._reader.read(_PIECE):
                callback(bytearray(octets))
        self._reading = None
        self._close()

    def _close(self) -> None:
        writer, self._writer = self._writer, None
        if writer is None:
            return
        writer.close()
        if self._disconnected_callback is not None:
            self._disconnected_callback()

    def _collection(self) -> BleakGATTServiceCollection:
        collection = BleakGATTServiceCollection()
        service = BleakGATTService(None, 1, ximu3.SERVICE)
        collection.add_service(service)
        directions: tuple[tuple[int, str, Any], ...] = (2, ximu3.STREAM, ["notify"]), (3, ximu3.COMMANDS, ["write"])
        for handle, uuid, names in directions:
            collection.add_characteristic(
                BleakGATTCharacteristic(None, handle, uuid, names, lambda: self.mtu_size - 3, service)
            )
        return collection
