"""x-IMU3 messages as its manual prints them, and the way over the network: found, streamed, lost and found again."""

import asyncio
import json
import socket
import struct
import time
from contextlib import asynccontextmanager

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from firmware_interface.client import Arrival, Chosen, Client, LinkEvent, LinkParameters, scan
from firmware_interface.drivers.registry import decoder
from firmware_interface.drivers.ximu3 import COMMANDS, STREAM, Ximu3, command, parsed, stuffed, unstuffed
from firmware_interface.errors import RadioError
from firmware_interface.network import network_backend
from firmware_interface.samples import STANDARD_GRAVITY
from firmware_interface.virtual.twins.ximu3 import Ximu3Twin
from tests.firmware_interface.motions import motion

LIMIT_S = 40.0

# Binary messages of the manual (communicationProtocol.tex): letter, time, arguments.
MESSAGES = {
    "c940420f000000000000000000000000000000000000000000000000000000803f0a": ("I", (0, 0, 0, 0, 0, 1)),
    "cd40420f00000000000000803f00000000000000000a": ("M", (1, 0, 0)),
    "d140420f00000000000000803f0000000000000000000000000a": ("Q", (1, 0, 0, 0)),
    "c140420f00000000000000000000000000000000000a": ("A", (0, 0, 0)),
}
STUFFED = {
    "4558414d504c450a": "4558414d504c45",
    "45dbdc414d504c450a": "450a414d504c45",
    "4558dbdd4d504c450a": "4558db4d504c45",
    "4558414d50dbdddbdc0a": "4558414d50db0a",
}


@pytest.mark.parametrize("text", MESSAGES)
def test_messages_of_the_manual(text):
    octets = bytes.fromhex(text)
    letter, arguments = MESSAGES[text]
    assert parsed(octets[:-1]) == (letter, 1_000_000, arguments)
    assert stuffed(unstuffed(octets[:-1])) == octets


@pytest.mark.parametrize("text", STUFFED)
def test_stuffing_of_the_manual(text):
    assert unstuffed(bytes.fromhex(text)[:-1]).hex() == STUFFED[text]
    assert stuffed(bytes.fromhex(STUFFED[text])).hex() == text


@given(st.binary(max_size=60))
def test_what_is_stuffed_comes_back(octets):
    assert b"\n" not in stuffed(octets)[:-1]
    assert unstuffed(stuffed(octets)[:-1]) == octets


def test_units_and_text_mode():
    reader = Ximu3().decoder()
    block = reader.feed(STREAM, b"I,1000000,90.0000,0.0000,-180.0000,0.0000,0.5000,1.0000\r\n")
    np.testing.assert_allclose(block.gyr, [[np.pi / 2, 0, -np.pi]])
    np.testing.assert_allclose(block.acc, [[0, STANDARD_GRAVITY / 2, STANDARD_GRAVITY]])
    assert block.ticks.tolist() == [1_000_000]


def test_other_messages_and_answers_are_passed_over():
    others = b"".join(bytes.fromhex(text) for text in MESSAGES if not text.startswith("c9"))
    battery = stuffed(bytes((0x80 + ord("B"),)) + struct.pack("<Q3f", 5, 64.0, 3.7, 0))
    block = Ximu3().decoder().feed(STREAM, others + command("apply", None) + battery)
    assert (len(block), block.rejected, block.battery) == (0, 0, 0.64)


def test_the_temperature_is_told_and_an_impossible_one_is_not():
    for celsius, told in ((31.5, 31.5), (float("nan"), None), (900.0, None)):
        message = stuffed(bytes((0x80 + ord("T"),)) + struct.pack("<Qf", 5, celsius))
        block = Ximu3().decoder().feed(STREAM, message)
        assert (len(block), block.rejected, block.temperature_c) == (0, 0, told)


def test_settings_are_applied_and_not_saved():
    twin = Ximu3Twin(400.0)
    sent = [write.payload for write in Ximu3().start(100.0)]
    assert command("inertial_message_rate_divisor", 4) in sent
    assert sent[-1] == b'{"apply":null}\n'
    assert not any(b"save" in payload for payload in sent)
    for payload in sent:
        assert twin.written(COMMANDS, payload) == [(STREAM, payload)]
    assert twin.rate_hz == 100.0


class Sensor:
    """An x-IMU3 on this computer's network: announces itself and serves one connection at a time."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.twin = Ximu3Twin(400.0)
        self.writers: set[asyncio.StreamWriter] = set()
        self.tick = 0

    async def serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.writers.add(writer)
        encoder = Ximu3().encoder(100.0)
        listening = asyncio.create_task(self.obey(reader))
        try:
            while not writer.is_closing():
                ticks = 2_000_000 + 10_000 * (self.tick + np.arange(5))
                self.tick += 5
                acc, gyr = motion(ticks * 1e-6)
                for _, piece in encoder.encode(ticks.tolist(), acc, gyr, 0.7, 37):
                    writer.write(piece)
                await writer.drain()
                await asyncio.sleep(0.02)
        except ConnectionError:
            pass
        finally:
            listening.cancel()
            self.writers.discard(writer)
            writer.close()

    async def obey(self, reader: asyncio.StreamReader) -> None:
        while line := await reader.readline():
            self.twin.written(COMMANDS, line)


@asynccontextmanager
async def on_the_network(*sensors: Sensor):
    """Yields the backend, on a free port for announcements."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    servers = [await asyncio.start_server(sensor.serve, "127.0.0.1", 0) for sensor in sensors]
    said = [
        json.dumps({"sync": 0, "name": sensor.name, "port": server.sockets[0].getsockname()[1]}).encode()
        for sensor, server in zip(sensors, servers, strict=True)
    ]

    async def announce() -> None:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as out:
            while True:
                for each in [*said, b"{", b"[1]", b'{"name":1,"port":2}', b'{"name":"x","port":70000}', bytes(3000)]:
                    out.sendto(each, ("127.0.0.1", port))
                await asyncio.sleep(0.05)

    announcing = asyncio.create_task(announce())
    try:
        yield network_backend(port)
    finally:
        announcing.cancel()
        for server in servers:
            server.close()
        for sensor in sensors:
            for writer in list(sensor.writers):
                writer.close()
        await asyncio.sleep(0.05)


async def test_two_sensors_stream_over_the_network_and_come_back():
    sensors = [Sensor("left"), Sensor("right")]
    async with on_the_network(*sensors) as backend:
        found = await scan(LIMIT_S, backend=backend, enough=2)
        assert sorted(each.advertisement.name for each in found) == ["left", "right"]
        assert {each.driver.name for each in found} == {"ximu3"}
        quick = LinkParameters(retry_s=0.05, retry_longest_s=0.3, search_s=1.0)
        chosen = [Chosen(number, each, 100.0) for number, each in enumerate(found)]
        blocks, readers, events = {0: [], 1: []}, {}, []
        end = time.monotonic() + LIMIT_S
        cut = False
        async with Client(chosen, anchor_ns=time.perf_counter_ns(), backend=backend, parameters=quick) as client:
            while (
                not cut or [e.kind for e in events].count("configured") < 3 or min(map(samples, blocks.values())) < 200
            ):
                assert time.monotonic() < end, events
                for item in await client.receive(0.1):
                    if isinstance(item, LinkEvent):
                        events.append(item)
                        if item.kind == "connected":
                            readers[item.sensor] = decoder("ximu3")
                    elif isinstance(item, Arrival):
                        blocks[item.sensor].append(readers[item.sensor].feed(item.characteristic, item.payload))
                if not cut and min(map(samples, blocks.values())) >= 60:
                    cut = True
                    for writer in list(sensors[0].writers):
                        writer.close()
    for received in blocks.values():
        ticks = np.concatenate([block.ticks for block in received])
        acc = np.concatenate([block.acc for block in received])
        np.testing.assert_allclose(acc, motion(ticks * 1e-6)[0], atol=1e-4)
        assert 0.7 in {block.battery for block in received}
    assert [each.twin.rate_hz for each in sensors] == [100.0, 100.0]
    assert (
        len({event.sensor for event in events if event.kind == "disconnected" and "lost" in event.fields["reason"]})
        == 1
    )


def samples(blocks):
    return sum(map(len, blocks))


async def test_nobody_there_is_an_empty_list():
    async with on_the_network() as backend:
        assert await scan(0.3, backend=backend) == []


async def test_a_port_that_is_taken_is_one_clear_line():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as taken:
        taken.bind(("", 0))
        with pytest.raises(RadioError, match="cannot be listened to on UDP port") as caught:
            await scan(0.3, backend=network_backend(taken.getsockname()[1]))
    assert "\n" not in str(caught.value)
