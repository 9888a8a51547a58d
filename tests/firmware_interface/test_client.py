"""The real client, bleak and all, against virtual sensors over a real Bluetooth host stack without a radio.

Waits are for things to happen, with generous limits; nothing depends on how fast the machine is.
"""

import asyncio
import time
from collections.abc import Callable

import numpy as np
import pytest
from bleak.backends.device import BLEDevice
from bleak.exc import BleakError

from firmware_interface.arrivals import ArrivalQueue
from firmware_interface.client import Arrival, Backend, Chosen, Client, Found, LinkEvent, LinkParameters, scan
from firmware_interface.drivers import movella_dot, open_format
from firmware_interface.drivers.interface import Advertisement
from firmware_interface.drivers.open_format import OpenFormat
from firmware_interface.drivers.registry import driver
from firmware_interface.errors import RadioError, SensorSilentError
from firmware_interface.virtual.backend import BumbleScanner
from firmware_interface.virtual.link import LinkModel
from firmware_interface.virtual.radio import VirtualRadio
from firmware_interface.virtual.sampling import DeviceClock
from tests.firmware_interface.motions import Shaken, motion

LIMIT_S = 40.0
QUICK = LinkParameters(retry_s=0.05, retry_longest_s=0.3, search_s=1.0)


class Listener:
    """Receives from a client and decodes, one decoder for each connection, as the pipeline does."""

    def __init__(self, client: Client, chosen: list[Chosen]) -> None:
        self.client = client
        self.drivers = {each.sensor: each.found.driver for each in chosen}
        self.items: list[Arrival | LinkEvent] = []
        self.blocks: dict[int, list[list]] = {each.sensor: [] for each in chosen}
        self.decoders: dict[int, object] = {}

    async def until(self, condition: Callable[[], bool]) -> None:
        end = time.monotonic() + LIMIT_S
        while not condition():
            assert time.monotonic() < end, f"waited {LIMIT_S} s; last: {self.items[-3:]}"
            for item in await self.client.receive(0.1):
                self.items.append(item)
                if isinstance(item, Arrival):
                    block = self.decoders[item.sensor].feed(item.characteristic, item.payload)
                    self.blocks[item.sensor][-1].append(block)
                elif item.kind == "connected":
                    self.decoders[item.sensor] = self.drivers[item.sensor].decoder()
                    self.blocks[item.sensor].append([])

    def samples(self, sensor: int) -> int:
        return sum(len(block) for connection in self.blocks[sensor] for block in connection)

    def events(self, sensor: int) -> list[str]:
        return [item.kind for item in self.items if isinstance(item, LinkEvent) and item.sensor == sensor]


def joined(blocks: list, what: str) -> np.ndarray:
    return np.concatenate([getattr(block, what) for block in blocks])


async def chosen_of(radio: VirtualRadio, count: int, rate_hz: float = 100.0) -> list[Chosen]:
    found = await scan(LIMIT_S, backend=radio.backend, enough=count)
    found.sort(key=lambda each: each.advertisement.name)
    return [Chosen(number, each, rate_hz) for number, each in enumerate(found)]


def client_of(radio: VirtualRadio, chosen: list[Chosen], parameters: LinkParameters = QUICK, **more) -> Client:
    return Client(chosen, anchor_ns=time.perf_counter_ns(), backend=radio.backend, parameters=parameters, **more)


def running_tasks() -> set:
    return {task for task in asyncio.all_tasks() if task is not asyncio.current_task()}


async def test_three_formats_stream_together_and_stop_leaves_nothing_running():
    async with VirtualRadio() as radio:
        await radio.add_sensor(driver("movella_dot"), Shaken(60.0), name="a dot", battery=0.77)
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="b open", clock=DeviceClock(40.0, 5_000_000))
        await radio.add_sensor(driver("witmotion"), Shaken(100.0), name="c wit")
        chosen = await chosen_of(radio, 3)
        assert [each.found.driver.name for each in chosen] == ["movella_dot", "open_format", "witmotion"]
        client = client_of(radio, chosen)
        async with client:
            listener = Listener(client, chosen)
            await listener.until(lambda: all(listener.samples(sensor) >= 100 for sensor in range(3)))
        assert radio.writes("a dot")[-1] == (movella_dot.MEASUREMENT_CONTROL, movella_dot.measure(False))
        assert radio.writes("b open")[-1] == (open_format.CONTROL, b"\0")
    assert running_tasks() == set()

    dot, own, wit = (listener.blocks[sensor][0] for sensor in range(3))
    acc, gyr = motion(joined(dot, "ticks") * 1e-6)
    np.testing.assert_allclose(joined(dot, "acc"), acc, atol=1e-4)
    np.testing.assert_allclose(joined(dot, "gyr"), gyr, atol=1e-4)
    assert {block.battery for block in dot} >= {0.77}

    true_s = (joined(own, "ticks") - 5_000_000) / 1_000_040
    np.testing.assert_allclose(joined(own, "acc"), motion(true_s)[0], atol=0.01)

    acc = joined(wit, "acc")
    possible = motion(np.arange(0, 6000) / 100)[0]
    start = int(np.argmin(np.abs(possible - acc[0]).sum(axis=1)))
    np.testing.assert_allclose(acc, possible[start : start + len(acc)], atol=0.01)
    assert wit[-1].tick_s == 0.01

    assert sum(block.lost + block.rejected for block in [*dot, *own, *wit]) == 0
    for sensor in range(3):
        of_sensor = [item for item in listener.items if item.sensor == sensor]
        assert isinstance(of_sensor[0], LinkEvent)
        assert of_sensor[0].kind == "connected"
        assert "configured" in listener.events(sensor)
        times = [item.host_time_ns for item in of_sensor]
        assert times == sorted(times)
        assert times[0] >= 0
    assert client.counters[1].notifications == sum(
        isinstance(item, Arrival) and item.sensor == 1 for item in listener.items
    )


async def test_the_start_write_sets_the_rate():
    async with VirtualRadio() as radio:
        await radio.add_sensor(driver("open_format"), Shaken(50.0), name="a", rate_hz=100.0)
        await radio.add_sensor(driver("witmotion"), Shaken(50.0), name="b", rate_hz=10.0)
        chosen = await chosen_of(radio, 2, rate_hz=50.0)
        async with client_of(radio, chosen) as client:
            listener = Listener(client, chosen)
            await listener.until(lambda: min(listener.samples(0), listener.samples(1)) >= 50)
    assert set(np.diff(joined(listener.blocks[0][0], "ticks"))) == {20_000}
    assert listener.blocks[1][0][-1].tick_s == 0.02


async def test_a_lost_link_comes_back_and_the_others_do_not_notice():
    async with VirtualRadio() as radio:
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="a")
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="b")
        chosen = await chosen_of(radio, 2)
        async with client_of(radio, chosen) as client:
            listener = Listener(client, chosen)
            await listener.until(lambda: min(listener.samples(0), listener.samples(1)) >= 50)
            await radio.drop("a")
            await listener.until(lambda: listener.events(0).count("connected") == 2)
            before = listener.samples(0)
            await listener.until(lambda: listener.samples(0) >= before + 50)
            counters = client.counters
    assert listener.events(0) == ["connected", "configured", "disconnected", "connected", "configured"]
    assert listener.events(1) == ["connected", "configured"]
    assert (counters[0].connections, counters[0].disconnections, counters[1].connections) == (2, 1, 1)
    first, second = listener.blocks[0]
    ticks = np.concatenate([joined(first, "ticks"), joined(second, "ticks")])
    assert (np.diff(ticks) > 0).all()
    np.testing.assert_allclose(joined(second, "acc"), motion(joined(second, "ticks") * 1e-6)[0], atol=0.01)
    assert set(np.diff(joined(listener.blocks[1][0], "ticks"))) == {10_000}
    kinds = [item.kind if isinstance(item, LinkEvent) else "data" for item in listener.items if item.sensor == 0]
    gap = kinds[kinds.index("disconnected") : kinds.index("connected", 1)]
    assert "data" not in gap


async def test_a_sensor_that_is_switched_off_is_looked_for_and_found_again():
    async with VirtualRadio() as radio:
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="a")
        chosen = await chosen_of(radio, 1)
        async with client_of(radio, chosen) as client:
            listener = Listener(client, chosen)
            await listener.until(lambda: listener.samples(0) >= 20)
            await radio.switch_off("a")
            await listener.until(lambda: "failed" in listener.events(0))
            await radio.switch_on("a")
            await listener.until(lambda: listener.events(0).count("configured") == 2)
            before = listener.samples(0)
            await listener.until(lambda: listener.samples(0) > before)
    assert client.counters[0].failures >= 1


async def test_silence_ends_the_connection_and_a_new_one_is_made():
    async with VirtualRadio() as radio:
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="a")
        chosen = await chosen_of(radio, 1)
        parameters = LinkParameters(retry_s=0.05, retry_longest_s=0.3, search_s=1.0, silence_s=1.0)
        async with client_of(radio, chosen, parameters) as client:
            listener = Listener(client, chosen)
            await listener.until(lambda: listener.samples(0) >= 20)
            radio.hang("a")
            await listener.until(lambda: listener.events(0)[-1] == "disconnected")
            radio.hang("a", False)
            before = listener.samples(0)
            await listener.until(lambda: listener.samples(0) >= before + 20)
    assert listener.events(0)[:4] == ["connected", "configured", "silent", "disconnected"]
    assert client.counters[0].silences >= 1


async def test_a_sensor_that_never_answers_is_named_and_the_others_go_on():
    async with VirtualRadio(gather_s=0.1) as radio:
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="a")
        address = await radio.add_sensor(driver("movella_dot"), Shaken(60.0), name="dead")
        radio.hang("dead")
        chosen = await chosen_of(radio, 2)
        parameters = LinkParameters(retry_s=0.05, retry_longest_s=0.3, search_s=1.0, silence_s=0.5, first_data_s=3.0)
        async with client_of(radio, chosen, parameters) as client:
            listener = Listener(client, chosen)
            error = None
            # On a slow machine the other one may be late as well, and is named first.
            while error is None or address not in str(error):
                with pytest.raises(SensorSilentError) as caught:
                    await listener.until(lambda: False)
                error = caught.value
            before = listener.samples(0)
            await listener.until(lambda: listener.samples(0) >= before + 20)
    assert "\n" not in str(error)
    assert listener.samples(1) == 0


async def test_scan_keeps_only_recognised_and_allowed_sensors():
    async with VirtualRadio() as radio:
        first = await radio.add_sensor(driver("open_format"), Shaken(100.0), name="left thigh")
        await radio.add_sensor(driver("movella_dot"), Shaken(60.0), name="Movella DOT")
        everyone = await scan(LIMIT_S, backend=radio.backend, enough=2)
        by_name = await scan(LIMIT_S, backend=radio.backend, allow=["movella dot"], enough=1)
        by_address = await scan(LIMIT_S, backend=radio.backend, allow=[first.lower()], enough=1)
        nobody = await scan(0.5, backend=radio.backend, allow=["someone else"])
    assert {each.driver.name for each in everyone} == {"open_format", "movella_dot"}
    assert [each.driver.name for each in by_name] == ["movella_dot"]
    assert [each.advertisement.address for each in by_address] == [first]
    assert by_address[0].advertisement.rssi_dbm is not None
    assert nobody == []


async def test_nothing_is_written_to_a_sensor_that_was_not_chosen():
    async with VirtualRadio(gather_s=0.0) as radio:
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="a")
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="b")
        chosen = (await chosen_of(radio, 2))[:1]
        async with client_of(radio, chosen) as client:
            listener = Listener(client, chosen)
            await listener.until(lambda: listener.samples(0) >= 20)
        assert radio.writes("a") == [(open_format.CONTROL, b"\x01\x64\x00"), (open_format.CONTROL, b"\x00")]
        assert radio.writes("b") == []


async def test_an_unread_queue_is_bounded_and_what_was_refused_is_counted():
    async with VirtualRadio() as radio:
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="a")
        chosen = await chosen_of(radio, 1)
        async with client_of(radio, chosen, queue_limit=5) as client:
            end = time.monotonic() + LIMIT_S
            while client.counters[0].overflowed < 3:
                assert time.monotonic() < end
                await asyncio.sleep(0.05)
            await radio.drop("a")
            items = await client.receive(1.0)
    assert sum(isinstance(item, Arrival) for item in items) <= 5
    assert [item.kind for item in items if isinstance(item, LinkEvent)][:3] == [
        "connected",
        "configured",
        "disconnected",
    ]


class _EmptyEncoder:
    def encode(self, ticks_us, acc, gyr, battery, max_payload):
        return [(open_format.DATA, b"")]


class _EmptySender(OpenFormat):
    def encoder(self, rate_hz):
        return _EmptyEncoder()


async def test_empty_notifications_are_refused_and_counted():
    async with VirtualRadio() as radio:
        await radio.add_sensor(_EmptySender(), Shaken(100.0), name="a")
        chosen = await chosen_of(radio, 1)
        async with client_of(radio, chosen) as client:
            listener = Listener(client, chosen)
            await listener.until(lambda: client.counters[0].refused >= 3)
    assert client.counters[0].notifications == 0


async def test_a_sensor_drops_what_a_bad_link_cannot_carry_and_the_loss_is_seen():
    async with VirtualRadio() as radio:
        bad = LinkModel(interval_s=0.2, missed=0.3, packets_per_event=2, queue_packets=3)
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="a", link=bad)
        chosen = await chosen_of(radio, 1)
        async with client_of(radio, chosen) as client:
            listener = Listener(client, chosen)
            await listener.until(lambda: radio.dropped("a") > 5 and listener.samples(0) > 100)
    blocks = listener.blocks[0][0]
    ticks = joined(blocks, "ticks")
    lost = sum(block.lost for block in blocks)
    assert lost > 0
    assert len(ticks) + lost == (ticks[-1] - ticks[0]) / 10_000 + 1


class _BrokenScanner(BumbleScanner):
    def __init__(self, detection_callback, service_uuids, scanning_mode, **options):
        super().__init__(detection_callback, service_uuids, scanning_mode, **options)

    async def start(self):
        raise BleakError("No powered Bluetooth adapters found.")


async def test_a_missing_adapter_is_one_clear_line():
    async with VirtualRadio() as radio:
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="a")
        chosen = await chosen_of(radio, 1)
        broken = Backend(_BrokenScanner, radio.backend.client)
        with pytest.raises(RadioError, match="No powered Bluetooth adapters found") as caught:
            await scan(1.0, backend=broken)
        assert "\n" not in str(caught.value)
        await radio.switch_off("a")
        parameters = LinkParameters(connect_s=1.0, retry_s=0.05, search_s=0.5)
        client = Client(chosen, anchor_ns=time.perf_counter_ns(), backend=broken, parameters=parameters)
        async with client:
            with pytest.raises(RadioError):
                await Listener(client, chosen).until(lambda: False)
    assert running_tasks() == set()


async def test_stop_while_still_connecting_leaves_nothing_running():
    async with VirtualRadio() as radio:
        await radio.add_sensor(driver("open_format"), Shaken(100.0), name="a")
        chosen = await chosen_of(radio, 1)
        await radio.switch_off("a")
        async with client_of(radio, chosen):
            await asyncio.sleep(0.3)
        await radio.switch_on("a")
        # The radio is free again: the abandoned attempt does not take the sensor when it comes back.
        async with client_of(radio, chosen) as client:
            listener = Listener(client, chosen)
            await listener.until(lambda: listener.samples(0) >= 10)
    assert running_tasks() == set()


async def test_an_error_stands_in_its_place_among_what_came():
    queue = ArrivalQueue(10)
    before, after = (LinkEvent(sensor, sensor, "connected") for sensor in (1, 2))
    queue.tell(before)
    queue.fail(SensorSilentError("here"))
    queue.tell(after)
    assert await queue.take(0.0) == [before]
    with pytest.raises(SensorSilentError, match="here"):
        await queue.take(0.0)
    assert await queue.take(0.0) == [after]
    assert await queue.take(0.0) == []


def test_a_sensor_is_chosen_once():
    with pytest.raises(ValueError, match="once"):
        found = _found("D0:00:00:00:00:01")
        Client([Chosen(0, found, 100.0), Chosen(1, found, 100.0)], anchor_ns=0)


def _found(address: str):
    return Found(Advertisement(address), OpenFormat(), BLEDevice(address, None, None))
