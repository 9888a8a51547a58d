"""A bleak backend over a bumble device: the real client on the virtual radio."""

import asyncio
from collections.abc import Awaitable, Callable
from contextlib import suppress
from typing import Any, TypeVar, cast

from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.client import BaseBleakClient
from bleak.backends.descriptor import BleakGATTDescriptor
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner
from bleak.backends.service import BleakGATTService, BleakGATTServiceCollection
from bleak.exc import BleakDeviceNotFoundError, BleakError
from bumble import att, core, hci
from bumble.controller import Controller
from bumble.core import AdvertisingData
from bumble.device import Advertisement, Device, Peer

from firmware_interface.scanning import Backend

MTU = 247
"""What most centrals agree to: one notification in one radio packet."""

_CONNECT_S = 10.0
_DISCONNECT_S = 5.0
_PROPERTIES = ("broadcast", "read", "write-without-response", "write", "notify", "indicate")

T = TypeVar("T")


def bumble_backend(device: Device, controller: Controller) -> Backend:
    """Scanner and client classes for bleak that use this device, and no other, as the radio."""
    shared = {"radio": device, "controller": controller, "connecting": asyncio.Lock()}
    return Backend(
        scanner=type("VirtualScanner", (BumbleScanner,), {"radio": device}),
        client=type("VirtualClient", (BumbleClient,), shared),
    )


class BumbleScanner(BaseBleakScanner):
    """bleak's scanner interface on `radio`."""

    radio: Device

    def __init__(self, detection_callback: Any, service_uuids: Any, scanning_mode: Any, **options: Any) -> None:
        super().__init__(detection_callback, service_uuids)

    async def start(self) -> None:
        """Begin to listen."""
        self.seen_devices = {}
        self.radio.on("advertisement", self._on_advertisement)
        await self.radio.start_scanning(active=False)

    async def stop(self) -> None:
        """Stop listening."""
        self.radio.remove_listener("advertisement", self._on_advertisement)
        await self.radio.stop_scanning()

    def _on_advertisement(self, heard: Advertisement) -> None:
        address = heard.address.to_string(False)
        lists = heard.data.get_all(AdvertisingData.COMPLETE_LIST_OF_128_BIT_SERVICE_CLASS_UUIDS, raw=True)
        uuids = [_dashed(raw[i : i + 16][::-1].hex()) for raw in lists for i in range(0, len(raw), 16)]
        if not self.is_allowed_uuid(uuids):
            return
        name = heard.data.get(AdvertisingData.COMPLETE_LOCAL_NAME, raw=True)
        local_name = None if name is None else name.decode("utf-8", "replace")
        makers = heard.data.get_all(AdvertisingData.MANUFACTURER_SPECIFIC_DATA, raw=True)
        data = AdvertisementData(
            local_name=local_name,
            manufacturer_data={int.from_bytes(raw[:2], "little"): bytes(raw[2:]) for raw in makers},
            service_data={},
            service_uuids=uuids,
            tx_power=None,
            rssi=heard.rssi,
            platform_data=(),
        )
        device = self.create_or_update_device(address, address, local_name, heard.address, data)
        self.call_detection_callbacks(device, data)


class BumbleClient(BaseBleakClient):
    """bleak's client interface on `radio`: one connection."""

    radio: Device
    controller: Controller
    connecting: asyncio.Lock

    def __init__(self, address_or_ble_device: BLEDevice | str, **options: Any) -> None:
        super().__init__(
            address_or_ble_device,
            disconnected_callback=options.get("disconnected_callback"),
            timeout=options.get("timeout", _CONNECT_S),
        )
        self._name = address_or_ble_device.name if isinstance(address_or_ble_device, BLEDevice) else None
        self._connection: Any = None
        self._peer: Any = None
        self._gone: asyncio.Future[None] | None = None

    @property
    def name(self) -> str:
        """The advertised name, or the address."""
        return self._name or self.address

    @property
    def mtu_size(self) -> int:
        """The agreed ATT MTU."""
        return cast(int, self._connection.att_mtu) if self._connection else 23

    @property
    def is_connected(self) -> bool:
        """Whether the link is up."""
        return self._gone is not None and not self._gone.done()

    async def connect(self, pair: bool = False, **options: Any) -> None:
        """Connect, agree on the MTU, discover the services."""
        limit_s = min(options.get("timeout", _CONNECT_S), _CONNECT_S)
        # bumble can make only one connection at a time.
        async with self.connecting:
            try:
                async with asyncio.timeout(limit_s):
                    self._connection = await self.radio.connect(
                        hci.Address(self.address, hci.Address.RANDOM_DEVICE_ADDRESS), timeout=None
                    )
            except (TimeoutError, core.BaseBumbleError) as error:
                raise BleakDeviceNotFoundError(self.address, f"{self.address} did not answer") from error
            finally:
                # The virtual controller has no way to call a connection off: it would be made whenever the sensor
                # is next heard.
                self.controller.pending_le_connection = None
        self._gone = asyncio.get_running_loop().create_future()
        self._connection.on("disconnection", self._on_disconnection)
        try:
            self._peer = Peer(self._connection)
            await self._request(self._peer.request_mtu(MTU))
            await self._request(self._peer.discover_services())
            for service in self._peer.services:
                await self._request(service.discover_characteristics())
        except BaseException:
            await self.disconnect()
            raise
        self.services = self._collection()

    async def disconnect(self) -> None:
        """End the connection and wait until it is over."""
        if self.is_connected and self._gone is not None:
            # It may end by itself meanwhile.
            with suppress(BleakError):
                await self._request(self._connection.disconnect())
            # The other end may have been lost in the middle of it.
            with suppress(TimeoutError):
                async with asyncio.timeout(_DISCONNECT_S):
                    await self._gone

    async def pair(self, *args: Any, **options: Any) -> None:
        """Part of what bleak asks of a backend; no sensor here pairs, and one that tried should be told."""
        raise NotImplementedError("the virtual radio does not pair")

    async def unpair(self, *args: Any, **options: Any) -> None:
        """Part of what bleak asks of a backend; no sensor here pairs, and one that tried should be told."""
        raise NotImplementedError("the virtual radio does not pair")

    async def read_gatt_char(self, characteristic: BleakGATTCharacteristic, **options: Any) -> bytearray:
        """Read a characteristic's value."""
        return bytearray(await self._request(characteristic.obj.read_value()))

    async def read_gatt_descriptor(self, descriptor: BleakGATTDescriptor, **options: Any) -> bytearray:
        """Read a descriptor's value."""
        return bytearray(await self._request(descriptor.obj.read_value()))

    async def write_gatt_char(self, characteristic: BleakGATTCharacteristic, data: Any, response: bool) -> None:
        """Write a characteristic's value."""
        await self._request(characteristic.obj.write_value(bytes(data), with_response=response))

    async def write_gatt_descriptor(self, descriptor: BleakGATTDescriptor, data: Any) -> None:
        """Write a descriptor's value."""
        await self._request(descriptor.obj.write_value(bytes(data), with_response=True))

    async def start_notify(
        self, characteristic: BleakGATTCharacteristic, callback: Callable[[bytearray], None], **options: Any
    ) -> None:
        """Subscribe."""
        await self._request(characteristic.obj.subscribe(lambda value: callback(bytearray(value))))

    async def stop_notify(self, characteristic: BleakGATTCharacteristic) -> None:
        """Unsubscribe."""
        await self._request(characteristic.obj.unsubscribe())

    async def _request(self, operation: Awaitable[T]) -> T:
        """An operation that ends with an error when the connection does."""
        if self._gone is None or self._gone.done():
            _discard(operation)
            raise BleakError("not connected")
        task = asyncio.ensure_future(operation)
        either: set[asyncio.Future[Any]] = {task, self._gone}
        try:
            await asyncio.wait(either, return_when=asyncio.FIRST_COMPLETED)
        finally:
            if not task.done():
                task.cancel()
        if not task.done() or task.cancelled():
            raise BleakError("the connection was lost")
        try:
            return task.result()
        except (att.ATT_Error, core.BaseBumbleError, TimeoutError) as error:
            raise BleakError(str(error) or type(error).__name__) from error

    def _on_disconnection(self, reason: int) -> None:
        if self._gone is not None and not self._gone.done():
            self._gone.set_result(None)
            if self._disconnected_callback is not None:
                self._disconnected_callback()

    def _collection(self) -> BleakGATTServiceCollection:
        collection = BleakGATTServiceCollection()
        for service in self._peer.services:
            known = BleakGATTService(service, service.handle, _dashed(service.uuid.to_hex_str()))
            collection.add_service(known)
            for characteristic in service.characteristics:
                bits = int(characteristic.properties)
                names: list[Any] = [name for i, name in enumerate(_PROPERTIES) if bits >> i & 1]
                uuid = _dashed(characteristic.uuid.to_hex_str())
                handle = characteristic.handle
                collection.add_characteristic(
                    BleakGATTCharacteristic(characteristic, handle, uuid, names, lambda: self.mtu_size - 3, known)
                )
        return collection


def _dashed(digits: str) -> str:
    """A 128-bit UUID as bleak writes it, from the digits that bumble gives (4, 8 or 32 of them)."""
    digits = digits.lower().replace("-", "")
    full = digits if len(digits) == 32 else digits.rjust(8, "0") + "00001000800000805f9b34fb"
    return "-".join((full[:8], full[8:12], full[12:16], full[16:20], full[20:]))


def _discard(operation: Awaitable[Any]) -> None:
    """A coroutine that will not be awaited is closed, so that nothing warns of it."""
    close = getattr(operation, "close", None)
    if close is not None:
        close()
