"""Battery levels of sensors in range: connected to for a moment, one after the other, and read; nothing is written."""

import asyncio
from collections.abc import Sequence

from bleak import BleakClient
from bleak_retry_connector import establish_connection

from firmware_interface.scanning import Backend, Found

BATTERY_LEVEL = "00002a19-0000-1000-8000-00805f9b34fb"
"""Bluetooth SIG, Battery Service: one octet, percent."""
_CONNECT_S = 12.0
_READ_S = 5.0


async def battery_levels(found: Sequence[Found], backend: Backend | None) -> dict[str, float]:
    """0 to 1 by address; sensors that cannot be reached or do not say are left out."""
    levels = {}
    for each in found:
        level = await _level(each, backend)
        if level is not None:
            levels[each.device.address] = level
    return levels


async def _level(each: Found, backend: Backend | None) -> float | None:
    name = each.advertisement.name or each.device.address
    kind = None if backend is None else backend.client
    try:
        async with asyncio.timeout(_CONNECT_S):
            client = await establish_connection(BleakClient, each.device, name, max_attempts=1, backend=kind)
        try:
            async with asyncio.timeout(_READ_S):
                return await _standard(client) or await _own(client, each)
        finally:
            async with asyncio.timeout(_READ_S):
                await client.disconnect()
    # Every operating system's stack raises errors of its own family.
    except Exception:
        return None


async def _standard(client: BleakClient) -> float | None:
    """What the Battery Service says."""
    known = client.services.get_characteristic(BATTERY_LEVEL)
    if known is None or "read" not in known.properties:
        return None
    read = await client.read_gatt_char(known)
    return read[0] / 100.0 if len(read) == 1 and read[0] <= 100 else None


async def _own(client: BleakClient, each: Found) -> float | None:
    """What the maker's own characteristics say, as far as they can be read."""
    decoder = each.driver.decoder()
    for uuid in each.driver.notify:
        known = client.services.get_characteristic(uuid)
        if known is not None and "read" in known.properties:
            level = decoder.feed(uuid, bytes(await client.read_gatt_char(known))).battery
            if level is not None:
                return level
    return None
