"""Which sensors are in range: a scan that keeps only devices that a driver recognises."""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass

from bleak import BleakScanner
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

from firmware_interface.drivers.interface import Advertisement, Claim, Driver
from firmware_interface.drivers.registry import recognise
from firmware_interface.errors import RadioError

AdvertisementCallback = Callable[[BLEDevice, AdvertisementData], None]

_NAME_LENGTH = 64


@dataclass(frozen=True, slots=True)
class Backend:
    """A Bluetooth stack for bleak to use instead of the operating system's: the virtual radio's."""

    scanner: type[BaseBleakScanner]
    client: type[BaseBleakClient]


@dataclass(frozen=True, slots=True)
class Found:
    """A sensor in range: what it says of itself, the driver that recognised it and how surely, and bleak's handle."""

    advertisement: Advertisement
    driver: Driver
    device: BLEDevice
    claim: Claim = Claim.SERVICE


async def scan(
    timeout_s: float,
    *,
    backend: Backend | None = None,
    allow: Collection[str] | None = None,
    enough: int | None = None,
    drivers: Sequence[Driver] | None = None,
) -> list[Found]:
    """The recognised sensors in range, strongest first.

    Parameters
    ----------
    timeout_s : how long to listen.
    backend : None for the operating system's Bluetooth.
    allow : addresses or names (upper and lower case alike) to keep; None keeps every recognised sensor.
    enough : stop as soon as this many were found.
    drivers : the formats to look for; None looks for all that are built in.

    Raises
    ------
    RadioError : no adapter, switched off, or not permitted.
    """
    wanted = None if allow is None else {each.casefold() for each in allow}
    found: dict[str, Found] = {}
    complete = asyncio.Event()

    def on_advertisement(device: BLEDevice, data: AdvertisementData) -> None:
        advertisement = _claims(device, data)
        recognised = recognise(advertisement, drivers)
        if recognised is None:
            return
        names = {advertisement.address.casefold(), advertisement.name.casefold()}
        if wanted is not None and not names & wanted:
            return
        found[device.address] = Found(advertisement, recognised[0], device, recognised[1])
        if enough is not None and len(found) >= enough:
            complete.set()

    await listen(on_advertisement, timeout_s, complete, backend)
    return sorted(found.values(), key=lambda each: -(each.advertisement.rssi_dbm or -999))


async def find(address: str, timeout_s: float, *, backend: Backend | None = None) -> BLEDevice | None:
    """A fresh handle of one device, or None where it does not advertise. Raises RadioError."""
    handles: list[BLEDevice] = []
    complete = asyncio.Event()

    def on_advertisement(device: BLEDevice, data: AdvertisementData) -> None:
        if device.address.casefold() == address.casefold():
            handles.append(device)
            complete.set()

    await listen(on_advertisement, timeout_s, complete, backend)
    return handles[-1] if handles else None


async def listen(
    on_advertisement: AdvertisementCallback, timeout_s: float, complete: asyncio.Event, backend: Backend | None
) -> None:
    """Pass on every advertisement until `complete` is set or the time is over. Raises RadioError."""
    try:
        scanner = BleakScanner(on_advertisement, backend=None if backend is None else backend.scanner)
        await scanner.start()
    # Every operating system's stack raises errors of its own family, some of them not derived from BleakError.
    except Exception as error:
        raise radio_error(error) from error
    try:
        async with asyncio.timeout(timeout_s):
            await complete.wait()
    except TimeoutError:
        pass
    finally:
        await scanner.stop()


def radio_error(error: Exception) -> RadioError:
    """The one line for a Bluetooth stack that does not work."""
    if isinstance(error, RadioError):
        return error
    if isinstance(error, OSError):
        reason = "its Bluetooth service is not running"
    else:
        reason = " ".join(str(error).split())[:200] or type(error).__name__
    return RadioError(
        f"Bluetooth does not work on this computer ({reason}): switch the adapter on and allow this programme to use "
        "it, or use the virtual sensors, which need none"
    )


def _claims(device: BLEDevice, data: AdvertisementData) -> Advertisement:
    """The advertisement, with a name that is safe to show."""
    name = data.local_name or device.name or ""
    return Advertisement(
        address=device.address,
        name="".join(each for each in name if each.isprintable())[:_NAME_LENGTH],
        service_uuids=tuple(uuid.lower() for uuid in data.service_uuids),
        manufacturer=dict(data.manufacturer_data),
        rssi_dbm=data.rssi,
    )
