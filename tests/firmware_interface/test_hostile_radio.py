"""The air is untrusted: floods, names that steer terminals, and devices that nobody chose."""

import io
import logging
import time

import pytest
from bleak.backends.device import BLEDevice
from bleak.backends.scanner import AdvertisementData
from hypothesis import given, settings
from hypothesis import strategies as st
from rich.console import Console

from firmware_interface.arrivals import Arrival, ArrivalQueue, Quota
from firmware_interface.client import Backend, Chosen, Client, LinkEvent, LinkParameters, scan
from firmware_interface.drivers import open_format
from firmware_interface.drivers.interface import Advertisement
from firmware_interface.drivers.movella_dot import COMPANY
from firmware_interface.drivers.registry import driver, drivers, recognise
from firmware_interface.scanning import MOST_FOUND
from firmware_interface.virtual.backend import BumbleClient, BumbleScanner
from firmware_interface.virtual.radio import VirtualRadio
from tests.firmware_interface.motions import Shaken

LIMIT_S = 40.0
HOSTILE = "\x1b]0;owned\x07\x1b[2J\x1b[31mthigh\r\n\x00\u202e[/bold][link=x]" + "A" * 1000
DEVICES = 10_000


class _Crowd(BumbleScanner):
    """A scanner that hears ten thousand devices of the open format, each with a hostile name and a long list."""

    def __init__(self, detection_callback, service_uuids, scanning_mode, **options):
        super().__init__(detection_callback, service_uuids, scanning_mode, **options)
        self.heard = detection_callback

    async def start(self):
        makers = {company: bytes(1000) for company in range(100)}
        uuids = [open_format.SERVICE, *(str(k) for k in range(200))]
        for number in range(DEVICES):
            address = f"C0:00:00:{number >> 16:02X}:{number >> 8 & 255:02X}:{number & 255:02X}"
            data = AdvertisementData(
                local_name=f"{number}{HOSTILE}",
                manufacturer_data=makers,
                service_data={},
                service_uuids=uuids,
                tx_power=None,
                rssi=-100 + (number * 7919) % DEVICES * 60 // DEVICES,
                platform_data=(),
            )
            self.call_detection_callbacks(BLEDevice(address, None, None), data)

    async def stop(self):
        pass


async def test_a_crowd_of_hostile_advertisers_neither_grows_memory_nor_steers_the_terminal():
    found = await scan(0.01, backend=Backend(_Crowd, BumbleClient))
    assert len(found) == MOST_FOUND
    strengths = [each.advertisement.rssi_dbm for each in found]
    assert strengths == sorted(strengths, reverse=True) and strengths[-1] >= -42
    for each in found:
        name = each.advertisement.name
        assert name.isprintable() and len(name) <= 64 and not set(name) & set("[]")
        assert len(each.advertisement.service_uuids) <= 32 and len(each.advertisement.manufacturer) <= 32
    shown = io.StringIO()
    Console(file=shown, force_terminal=False).print(found[0].advertisement.name)
    assert "thigh" in shown.getvalue() and not set(shown.getvalue()) & set("\x1b\x07\x00\r\u202e")


async def test_only_these_addresses_whatever_others_call_themselves():
    async with VirtualRadio() as radio:
        mine = await radio.add_sensor(driver("open_format"), Shaken(100.0), name="mine")
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="right thigh")
        await radio.add_sensor(driver("movella_dot"), Shaken(60.0), name=mine)
        found = await scan(1.0, backend=radio.backend, only=[mine.lower()])
        nobody = await scan(0.3, backend=radio.backend, only=["right thigh"])
        by_name = await scan(LIMIT_S, backend=radio.backend, allow=["MINE"], only=[mine], enough=1)
    assert [each.advertisement.address for each in found] == [mine]
    assert nobody == []
    assert [each.advertisement.name for each in by_name] == ["mine"]


async def test_a_bystander_is_never_connected_to_paired_with_or_written_to(monkeypatch: pytest.MonkeyPatch):
    """Through scan, streaming, a lost link, a search for the lost sensor, and the end. It claims the same name."""
    logging.getLogger("bumble").setLevel(logging.ERROR)
    paired = []
    monkeypatch.setattr(BumbleClient, "pair", lambda self, *a, **k: paired.append(self.address))
    async with VirtualRadio(gather_s=0.0) as radio:
        address = await radio.add_sensor(driver("open_format"), Shaken(100.0), name="thigh")
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="thigh ")
        await radio.add_sensor(driver("witmotion"), Shaken(100.0), name="another")
        bystanders = ("thigh ", "another")
        found = await scan(LIMIT_S, backend=radio.backend, enough=3)
        mine = next(each for each in found if each.advertisement.address == address)
        parameters = LinkParameters(retry_s=0.05, retry_longest_s=0.3, search_s=0.5, connect_s=4.0)
        client = Client([Chosen(0, mine, 100.0)], anchor_ns=0, backend=radio.backend, parameters=parameters)
        kinds: list[str] = []

        async def until(kind: str, times: int) -> None:
            end = time.monotonic() + LIMIT_S
            while kinds.count(kind) < times:
                assert time.monotonic() < end, kinds
                kinds.extend(item.kind for item in await client.receive(0.1) if isinstance(item, LinkEvent))

        async with client:
            await until("configured", 1)
            await radio.drop("thigh")
            await until("configured", 2)
            await radio.switch_off("thigh")
            await until("failed", 2)
            await radio.switch_on("thigh")
            await until("configured", 3)
        assert radio.connections("thigh") == 3 and len(radio.writes("thigh")) >= 4
        for name in bystanders:
            assert radio.connections(name) == 0 and radio.writes(name) == []
        assert paired == []


def test_a_flood_is_cut_to_its_quota_and_a_sensor_is_not():
    flood, sensor = Quota(2000), Quota(2000)
    passed = [flood.allows(now_ns) for now_ns in range(0, 3_000_000_000, 20_000)]  # 50 000 a second
    assert sum(passed) == 3 * 2000
    # 1000 a second, in bursts of a stalled computer
    assert all(sensor.allows(800_000_000 * (k // 800)) for k in range(10_000))


async def test_the_queue_has_room_for_each_sensor():
    queue = ArrivalQueue(10)
    assert sum(queue.put(Arrival(0, k, "c", b"x")) for k in range(100)) == 10
    assert sum(queue.put(Arrival(1, k, "c", b"x")) for k in range(100)) == 10
    assert len(await queue.take(0.0)) == 20
    assert queue.put(Arrival(0, 0, "c", b"x"))


@settings(max_examples=60, deadline=None)
@given(
    name=st.text(max_size=40),
    uuids=st.lists(st.one_of(st.text(max_size=40), st.uuids().map(str)), max_size=5),
    makers=st.dictionaries(st.one_of(st.just(COMPANY), st.integers(0, 65_535)), st.binary(max_size=30), max_size=4),
    rssi=st.one_of(st.none(), st.integers(-127, 127)),
)
def test_no_advertisement_breaks_the_drivers(name, uuids, makers, rssi):
    """Whatever it carries, a maker's own number among it: a driver of ours with a claim, or none."""
    found = recognise(Advertisement("C0:00:00:00:00:01", name, tuple(uuids), makers, rssi))
    assert found is None or (found[0] in drivers() and found[1])
