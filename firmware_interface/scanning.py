"""Which sensors are in range: a scan that keeps only devices that a driver recognises.

Anybody can advertise anything. So names are cut and cleaned of all that could steer a terminal, the numbers of entries
and of devices are bounded, and an address is the only claim by which a device can be required: `only`.
"""

import asyncio
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from itertools import islice

from bleak import BleakScanner
from bleak.backends.client import BaseBleakClient
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData, BaseBleakScanner

from firmware_interface.drivers.interface import Advertisement, Claim, Driver
from firmware_interface.drivers.registry import recognise
from firmware_interface.errors import RadioError

AdvertisementCallback = Callable[[BLEDevice, AdvertisementData], None]

_NAME_LENGTH = 64
_LISTED = 32
"""Service UUIDs, and manufacturers, of one advertisement that are looked at."""
_DATA_LENGTH = 255
MOST_FOUND = 256
"""Recognised devices that one scan keeps: the strongest."""


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
    only: Collection[str] | None = None,
    enough: int | None = None,
    drivers: Sequence[Driver] | None = None,
) -> list[Found]:
    """The recognised sensors in range, strongest first, at most `MOST_FOUND`.

    Parameters
    ----------
    timeout_s : how long to listen.
    backend : None for the operating system's Bluetooth.
    allow : addresses or names (upper and lower case alike) to keep; None keeps every recognised sensor.
    only : the addresses that may be kept at all, whatever their devices call themselves; None: any.
    enough : stop as soon as this many were found.
    drivers : the formats to look for; None looks for all that are built in.

    Raises
    ------
    RadioError : no adapter, switched off, or not permitted.
    """
    wanted = None if allow is None else {each.casefold() for each in allow}
    addresses = None if only is None else {each.casefold() for each in only}
    found: dict[str, Found] = {}
    complete = asyncio.Event()

    def on_advertisement(device: BLEDevice, data: AdvertisementData) -> None:
        if addresses is not None and device.address.casefold() not in addresses:
            return
        advertisement = _claims(device, data)
        recognised = recognise(advertisement, drivers)
        if recognised is None:
            return
        names = {advertisement.address.casefold(), advertisement.name.casefold()}
        if wanted is not None and not names & wanted:
            return
        mine = Found(advertisement, recognised[0], device, recognised[1])
        if len(found) >= MOST_FOUND and device.address not in found:
            weakest = min(found.values(), key=_strength)
            if _strength(weakest) >= _strength(mine):
                return
            del found[weakest.device.address]
        found[device.address] = mine
        if enough is not None and len(found) >= enough:
            complete.set()

    await listen(on_advertisement, timeout_s, complete, backend)
    return sorted(found.values(), key=_strength, reverse=True)


async def find(address: str, timeout_s: float, *, backend: Backend | None = None) -> BLEDevice | None:
    """A fresh handle of one device, or None where it does not advertise. Raises RadioError."""
    handles: list[BLEDevice] = []
    complete = asyncio.Event()

    def on_advertisement(device: BLEDevice, data: AdvertisementData) -> None:
        if device.address.casefold() == address.casefold():
            handles[:] = [device]
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
        reason = printable(" ".join(str(error).split())[:200]) or type(error).__name__
    return RadioError(
        f"Bluetooth does not work on this computer ({reason}): switch the adapter on and allow this programme to use "
        "it, or use the virtual sensors, which need none"
    )


def printable(text: str) -> str:
    """What of a text is safe to show: no control characters, no directions, and round brackets for square ones, which
    some screens take as markup."""
    return "".join(each for each in text if each.isprintable()).replace("[", "(").replace("]", ")")


def _strength(found: Found) -> int:
    """dBm; devices that do not say come last."""
    rssi = found.advertisement.rssi_dbm
    return -999 if rssi is None else rssi


def _claims(device: BLEDevice, data: AdvertisementData) -> Advertisement:
    """The advertisement, bounded, with a name that is safe to show."""
    name = data.local_name or device.name or ""
    makers = islice(data.manufacturer_data.items(), _LISTED)
    return Advertisement(
        address=device.address,
        name=printable(name[: 4 * _NAME_LENGTH])[:_NAME_LENGTH].strip(),
        service_uuids=tuple(uuid.lower() for uuid in data.service_uuids[:_LISTED]),
        manufacturer={company: bytes(said[:_DATA_LENGTH]) for company, said in makers},
        rssi_dbm=data.rssi,
    )
