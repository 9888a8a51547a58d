"""Every format end to end: a virtual twin on the virtual radio, the real client, and the decoder on what was recorded.

The decoder gets what a recording holds and nothing else, from `connected` on.
"""

import asyncio
import time

import numpy as np
import pytest

from firmware_interface.client import Arrival, Chosen, Client, LinkEvent, LinkParameters, scan
from firmware_interface.drivers import openearable, polar, thingy52
from firmware_interface.drivers.interface import Claim
from firmware_interface.drivers.registry import decoder
from firmware_interface.samples import Clock
from firmware_interface.virtual import twins
from firmware_interface.virtual.link import LinkModel
from firmware_interface.virtual.radio import VirtualRadio
from firmware_interface.virtual.sampling import DeviceClock
from firmware_interface.virtual.twins.openearable import OpenEarableTwin
from tests.firmware_interface.conversations import BATCHES, EVERY
from tests.firmware_interface.motions import Shaken, motion
from tests.firmware_interface.test_drivers import STEPS

LIMIT_S = 40.0
WANTED = 50
"""Samples."""
ADVERTISED_NAMES = {"polar_verity_sense": "Polar Sense 12345678", "bluest": "SensorTile"}
BATTERY = {"movella_dot", "witmotion", "open_format", "metamotion", "thingy52", "openearable", "polar_verity_sense"}
GENTLE = 0.15
"""So that a format of 2 g holds it: the motion reaches 13 m/s2."""


class Gentle(Shaken):
    """The motion of `Shaken`, scaled down."""

    def read(self, start_s, end_s):
        time_s, acc, gyr = super().read(start_s, end_s)
        return time_s, GENTLE * acc, gyr


async def streamed(known, name, *, drops: bool = False, samples: int = WANTED, rate_hz: float = 100.0, link=None):
    """Everything that one connected sensor gave, by connection, and how it was recognised and configured."""
    clock = DeviceClock(skew_ppm=25.0, start_us=7_000_000)
    wanted = 1 + drops
    async with VirtualRadio() as radio:
        # The source runs at the rate that the sensor will be asked for, so that samples are its own, not interpolated.
        asked = min(known.rates_hz(), key=lambda each: abs(each - rate_hz))
        await radio.add_sensor(
            known, Gentle(asked), name=name, rate_hz=asked, battery=0.77, clock=clock, link=link or LinkModel()
        )
        drivers = [known] if known.name == "sketch" else None
        (found,) = await scan(LIMIT_S, backend=radio.backend, enough=1, drivers=drivers)
        quick = LinkParameters(retry_s=0.05, retry_longest_s=0.3, search_s=1.0)
        client = Client(
            [Chosen(0, found, rate_hz)], anchor_ns=time.perf_counter_ns(), backend=radio.backend, parameters=quick
        )
        connections, events, reader = [], [], None

        def enough() -> bool:
            return sum(map(len, connections[-1])) >= samples

        end = time.monotonic() + LIMIT_S
        async with client:
            while [each.kind for each in events].count("configured") < wanted or not enough():
                assert time.monotonic() < end, events
                for item in await client.receive(0.1):
                    if isinstance(item, LinkEvent):
                        events.append(item)
                        if item.kind == "connected":
                            reader = decoder(known.name)
                            connections.append([])
                    elif isinstance(item, Arrival):
                        connections[-1].append(reader.feed(item.characteristic, item.payload))
                if drops and len(connections) == 1 and sum(map(len, connections[0])) >= samples:
                    await radio.drop(name)
                    drops = False
        return found, connections, events, radio.writes(name)


def joined(blocks, what):
    return np.concatenate([getattr(block, what) for block in blocks])


def first_sample(acc, gyr, rate_hz):
    """Which sample of the motion the first one is: ticks of some formats do not say."""
    true_acc, true_gyr = motion(np.arange(0, 40 * rate_hz) / rate_hz)
    errors = [
        np.abs(GENTLE * true_acc[k : k + 40] - acc[:40]).max() + np.abs(true_gyr[k : k + 40] - gyr[:40]).max()
        for k in range(len(true_acc) - 40)
    ]
    return int(np.argmin(errors))


@pytest.mark.parametrize("kind", list(EVERY))
async def test_the_simulated_signal_comes_back_within_quantisation(kind):
    known = EVERY[kind]
    found, (blocks,), events, _ = await streamed(known, ADVERTISED_NAMES.get(kind, "a sensor"))
    assert found.driver.name == known.name
    assert found.claim is {"movella_dot": Claim.MAKER}.get(
        kind, Claim.NAME if kind in ADVERTISED_NAMES else Claim.SERVICE
    )
    assert [event.kind for event in events[:2]] == ["connected", "configured"]
    rate_hz = events[1].fields["rate_hz"]

    acc, gyr = joined(blocks, "acc"), joined(blocks, "gyr")
    start = first_sample(acc, gyr, rate_hz)
    true_acc, true_gyr = motion((start + np.arange(len(acc))) / rate_hz)
    acc_step, gyr_step, tick_us = STEPS[kind]
    np.testing.assert_allclose(acc, GENTLE * true_acc, atol=1.001 * acc_step)
    np.testing.assert_allclose(gyr, true_gyr, atol=1.001 * gyr_step)
    assert sum(block.lost + block.rejected + block.restarts for block in blocks) == 0
    assert not joined(blocks, "clipped").any()

    ticks = joined(blocks, "ticks")
    if blocks[-1].clock is Clock.DEVICE_TIME:
        true_us = 7_000_000 + (start + np.arange(len(acc))) / rate_hz * 1_000_025
        np.testing.assert_allclose(ticks, true_us, rtol=0, atol=tick_us + 15)
        assert blocks[-1].tick_s == 1e-6
    else:
        assert np.diff(ticks).tolist() == [1] * (len(ticks) - 1)
        assert blocks[-1].tick_s == pytest.approx(1 / rate_hz)
    if kind in BATTERY:
        levels = {block.battery for block in blocks} - {None}
        # Two formats tell a level of the module's own.
        assert levels == {{"witmotion": 0.75, "metamotion": 0.88}.get(kind, 0.77)}


@pytest.mark.parametrize("kind", ["metamotion", "polar_verity_sense", "sketch, batches"])
async def test_a_sensor_is_started_anew_after_a_lost_link(kind):
    """The whole conversation is held again, and the new connection decodes by itself."""
    name = ADVERTISED_NAMES.get(kind, "a sensor")
    _, connections, events, _ = await streamed(EVERY[kind], name, drops=True, samples=40)
    assert [event.kind for event in events].count("configured") == 2
    first, second = connections
    assert sum(map(len, first)) >= 40
    assert sum(map(len, second)) >= 40
    assert sum(block.rejected for block in [*first, *second]) == 0


async def test_the_thingys_rate_is_part_of_the_recording():
    _, (blocks,), _, writes = await streamed(EVERY["thingy52"], "Thingy", rate_hz=50.0, samples=30)
    assert writes == [(thingy52.CONFIG, thingy52.motion_config(50))]
    assert {block.tick_s for block in blocks[1:]} == {1 / 50}


async def test_what_is_written_to_a_polar_sensor():
    """One command at a time, each answered before the next."""
    _, _, _, writes = await streamed(EVERY["polar_verity_sense"], "Polar Sense 1", samples=10)
    payloads = [payload.hex() for characteristic, payload in writes if characteristic == polar.CONTROL]
    assert payloads[:7] == [
        "0302",
        "0305",
        "0209",
        "0102",
        "0202" + "00016800" + "01011000" + "02011000" + "040103",
        "0105",
        "0205" + "00016800" + "01011000" + "0201d007" + "040103",
    ]
    assert payloads[7:] == ["0302", "0305"]


class _Deaf(type(EVERY["metamotion"])):
    """A driver that asks what no board answers."""

    def start(self, rate_hz):
        write = next(super().start(rate_hz))
        yield type(write)(write.characteristic, b"\x77\x80", answer=write.answer)


async def test_a_sensor_that_does_not_answer_is_not_configured_and_says_why():
    async with VirtualRadio() as radio:
        await radio.add_sensor(_Deaf(), Shaken(100.0), name="a")
        (found,) = await scan(LIMIT_S, backend=radio.backend, enough=1, drivers=[_Deaf()])
        parameters = LinkParameters(retry_s=0.05, search_s=1.0, operation_s=0.3)
        client = Client(
            [Chosen(0, found, 100.0)], anchor_ns=time.perf_counter_ns(), backend=radio.backend, parameters=parameters
        )
        events = []
        async with client, asyncio.timeout(LIMIT_S):
            while not any(event.kind == "disconnected" for event in events):
                events += [item for item in await client.receive(0.1) if isinstance(item, LinkEvent)]
    assert [event.kind for event in events[:2]] == ["connected", "disconnected"]
    assert events[1].fields["reason"] == "the sensor did not answer 77 80"


async def test_a_described_sensor_is_not_found_without_its_description():
    async with VirtualRadio() as radio:
        await radio.add_sensor(BATCHES, Shaken(100.0), name="a")
        assert await scan(0.5, backend=radio.backend) == []


async def test_a_bad_link_costs_samples_that_are_seen():
    """A full queue in the sensor: what it could not send is counted from the format's own clock."""
    bad = LinkModel(interval_s=0.2, missed=0.3, packets_per_event=12, queue_packets=16)
    _, (blocks,), _, _ = await streamed(EVERY["metamotion"], "a sensor", samples=120, link=bad)
    ticks = joined(blocks, "ticks")
    lost = sum(block.lost for block in blocks)
    assert lost > 0
    assert len(ticks) + lost == pytest.approx((ticks[-1] - ticks[0]) / 10_000 + 1, abs=2)


class _OldFirmware(OpenEarableTwin):
    """One that tells no scheme."""

    services = {uuid: each for uuid, each in OpenEarableTwin.services.items() if uuid != openearable.INFO}  # noqa: RUF012


async def test_what_is_optional_may_be_missing(monkeypatch):
    monkeypatch.setitem(twins._TWINS, "openearable", _OldFirmware)
    _, (blocks,), events, writes = await streamed(EVERY["openearable"], "OpenEarable", samples=20)
    assert [event.kind for event in events] == ["connected", "configured"]
    assert writes[0] == (openearable.CONFIG, openearable.config(2))
    assert sum(block.rejected for block in blocks) == 0
