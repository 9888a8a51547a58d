"""One sensor's connection, kept alive: connect, subscribe, configure, stream, and again when it is lost.

Addresses and handles come from a scan. Connecting needs the radio for itself (BlueZ refuses a second scan or
connection meanwhile), so all connections of a client share one lock. A lost connection is tried again after a time
that doubles with each failure, with some chance in it so that two sensors do not stay in step. Silence can outlast the
operating system's news of a lost link, so a watchdog ends a connection that has delivered nothing for a while.
"""

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from typing import TypeVar

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.backends.device import BLEDevice
from bleak.exc import BleakError
from bleak_retry_connector import establish_connection

from firmware_interface.arrivals import Arrival, ArrivalQueue, LinkEvent, Quota
from firmware_interface.conversation import Talk
from firmware_interface.drivers.interface import DESCRIPTION, Driver, Write
from firmware_interface.drivers.rates import nearest
from firmware_interface.errors import RadioError, SensorSilentError
from firmware_interface.scanning import Backend, Found, find, printable

T = TypeVar("T")

LARGEST_PAYLOAD = 512
"""Bytes: the longest attribute value that Bluetooth allows."""


@dataclass(frozen=True, slots=True)
class Chosen:
    """A sensor to connect to. Nothing is ever written to any other.

    sensor: the number under which its notifications arrive. rate_hz: the rate to ask it for; it gets the
    nearest that its format has.
    """

    sensor: int
    found: Found
    rate_hz: float


@dataclass(frozen=True, slots=True)
class LinkParameters:
    """How patient the client is.

    silence_s: a connection that delivered nothing for so long is ended (sensors send at least every 0.1 s, and the
    longest supervision time-outs that centrals choose are 4 to 6 s).
    first_data_s: a sensor that never delivered anything after so long is reported as silent.
    connect_s: time for one attempt to connect, during which no other sensor can.
    operation_s: time for one subscription or one write.
    search_s: how long to look for a sensor that could not be connected, before the next attempt.
    most_per_s: notifications of one sensor in a second that are passed on: more is no sensor but a flood (the fastest
    known sends 1000 samples a second, one in each).
    retry_s, retry_longest_s: wait after the first failure, doubled up to the longest; jitter: part left to chance.
    """

    silence_s: float = 3.0
    first_data_s: float = 30.0
    connect_s: float = 12.0
    operation_s: float = 5.0
    search_s: float = 4.0
    most_per_s: int = 2000
    retry_s: float = 0.3
    retry_longest_s: float = 8.0
    jitter: float = 0.3


@dataclass(slots=True)
class LinkCounters:
    """What one sensor's connection has gone through.

    notifications, octets: received and passed on. refused: empty or longer than Bluetooth allows. overflowed: refused
    by the full queue. flooded: beyond `most_per_s`. connections, disconnections, silences, failures: how often.
    """

    notifications: int = 0
    octets: int = 0
    refused: int = 0
    overflowed: int = 0
    flooded: int = 0
    connections: int = 0
    disconnections: int = 0
    silences: int = 0
    failures: int = 0


@dataclass(slots=True)
class _Stream:
    """One connection: `ended` is set when it is over, for the reason given."""

    last_ns: int
    ended: asyncio.Event = field(default_factory=asyncio.Event)
    reason: str = ""
    talk: Talk | None = None

    def end(self, reason: str) -> None:
        self.reason = self.reason or reason
        self.ended.set()


class Connection:
    """Keeps one chosen sensor streaming until `run` is cancelled.

    Parameters
    ----------
    chosen : the sensor.
    queue : where notifications and events go.
    radio : the lock over scan and connect.
    now_ns : host time since the anchor.
    backend : None for the operating system's Bluetooth.
    """

    def __init__(
        self,
        chosen: Chosen,
        queue: ArrivalQueue,
        radio: asyncio.Lock,
        now_ns: Callable[[], int],
        parameters: LinkParameters,
        backend: Backend | None,
    ) -> None:
        self.chosen = chosen
        self.counters = LinkCounters()
        self._driver: Driver = chosen.found.driver
        self._device: BLEDevice = chosen.found.device
        self._queue = queue
        self._radio = radio
        self._now_ns = now_ns
        self._parameters = parameters
        self._backend = backend
        self._random = random.Random(chosen.found.device.address)
        self._data = 0
        self._radio_told = False

    async def run(self) -> None:
        """Connect and stream, again and again; ends only by cancellation, and then leaves the sensor stopped."""
        watch = asyncio.create_task(self._report_if_never_heard())
        try:
            failures = 0
            while True:
                heard = self._data
                reason = await self._attempt(failures)
                failures = 1 if self._data > heard else failures + 1
                wait_s = self._wait_s(failures)
                if reason:
                    self.counters.failures += 1
                    self._tell("failed", reason=reason, attempt=failures, retry_s=round(wait_s, 2))
                await asyncio.sleep(wait_s)
        finally:
            watch.cancel()

    async def _attempt(self, failures: int) -> str:
        """One connection from beginning to end; the reason where none came about, else an empty text."""
        stream = _Stream(self._now_ns())
        try:
            # Connecting to a sensor that is not there would keep the radio from the others for long, so it is looked
            # for first. Now and then it is tried all the same: one that is still held does not advertise.
            if failures and not await self._search() and failures % 3:
                return "not in range"
            client = await self._connect(stream)
        except RadioError as error:
            if not self.counters.connections and not self._radio_told:
                self._radio_told = True
                self._queue.fail(error)
            return str(error)
        except asyncio.CancelledError:
            # Some stacks cancel their own work when a link dies while it is being made.
            if _being_cancelled():
                raise
            return "the system gave up the connection"
        # Every operating system's stack raises errors of its own family; a session must outlive all of them.
        except Exception as error:
            return _line(error)
        self.counters.connections += 1
        advertisement = self.chosen.found.advertisement
        self._tell(
            "connected",
            address=advertisement.address,
            driver=self._driver.name,
            name=advertisement.name,
            rssi_dbm=advertisement.rssi_dbm,
        )
        if self._driver.description:
            told = Arrival(self.chosen.sensor, self._now_ns(), DESCRIPTION, self._driver.description)
            if not self._queue.put(told):
                stream.end("nobody fetches what comes")
        try:
            await self._configure(client, stream)
            await self._watch(stream)
        except Exception as error:  # As above: whatever the stack raises ends this connection, not the session.
            stream.end(_line(error))
        except asyncio.CancelledError:
            stream.end("stopped" if _being_cancelled() else "the system gave up the connection")
            if _being_cancelled():
                raise
        finally:
            await self._leave(client, stream)
        return ""

    async def _connect(self, stream: _Stream) -> BleakClient:
        async with self._radio, asyncio.timeout(self._parameters.connect_s):
            return await establish_connection(
                BleakClient,
                self._device,
                self.chosen.found.advertisement.name or self._device.address,
                disconnected_callback=lambda _: stream.end("connection lost"),
                max_attempts=1,
                backend=None if self._backend is None else self._backend.client,
            )

    async def _configure(self, client: BleakClient, stream: _Stream) -> None:
        """Subscribe, then talk: so the first notification cannot be missed."""
        talk = stream.talk = Talk(
            client, self._write, lambda c, value: self._receiver(c.uuid, stream)(c, value), self._parameters.operation_s
        )
        first, *others = self._driver.notify
        await self._within(client.start_notify(first, self._receiver(first, stream)))
        for characteristic in others:
            await self._subscribe_extra(client, characteristic, stream)
        writes = await talk.hold(self._driver.start(self.chosen.rate_hz))
        stream.last_ns = self._now_ns()
        rate_hz = nearest(self._driver.rates_hz(), self.chosen.rate_hz)
        self._tell("configured", rate_hz=rate_hz, writes=writes)

    async def _subscribe_extra(self, client: BleakClient, characteristic: str, stream: _Stream) -> None:
        """Battery and the like: of use, but not every firmware has them. The present value counts as a notification."""
        known = client.services.get_characteristic(characteristic)
        if known is None:
            return
        receive = self._receiver(characteristic, stream)
        if "read" in known.properties:
            receive(known, await self._within(client.read_gatt_char(known)))
        if {"notify", "indicate"} & set(known.properties):
            await self._within(client.start_notify(known, receive))

    async def _write(self, client: BleakClient, write: Write) -> None:
        known = client.services.get_characteristic(write.characteristic)
        if known is None:
            raise BleakError(f"the sensor has no characteristic {write.characteristic}")
        response = write.response if "write" in known.properties else False
        response = response or "write-without-response" not in known.properties
        await self._within(client.write_gatt_char(known, write.payload, response=response))
        await asyncio.sleep(write.pause_s)

    def _receiver(self, characteristic: str, stream: _Stream) -> Callable[[BleakGATTCharacteristic, bytearray], None]:
        sensor, counters, queue = self.chosen.sensor, self.counters, self._queue
        is_data = characteristic == self._driver.notify[0]
        quota = Quota(self._parameters.most_per_s)

        # A plain function: bleak would run a coroutine as a task of its own for every packet.
        def receive(_: BleakGATTCharacteristic, data: bytearray) -> None:
            now_ns = self._now_ns()
            if stream.ended.is_set():
                return
            if is_data:
                # A battery level is no sign of a stream.
                stream.last_ns = now_ns
            if stream.talk is not None:
                stream.talk.heard(characteristic, bytes(data))
            if not 0 < len(data) <= LARGEST_PAYLOAD:
                counters.refused += 1
            elif not quota.allows(now_ns):
                counters.flooded += 1
            elif queue.put(Arrival(sensor, now_ns, characteristic, bytes(data))):
                counters.notifications += 1
                counters.octets += len(data)
                self._data += is_data
            else:
                counters.overflowed += 1

        return receive

    async def _watch(self, stream: _Stream) -> None:
        """Until the connection is over, or has been silent for too long."""
        limit_s = self._parameters.silence_s
        step_s = limit_s / 6
        while not stream.ended.is_set():
            before_ns = self._now_ns()
            try:
                async with asyncio.timeout(step_s):
                    await stream.ended.wait()
            except TimeoutError:
                pass
            now_ns = self._now_ns()
            # A computer that slept or stalled heard nothing either: that is not the sensor's silence.
            if now_ns - before_ns > 2 * step_s * 1e9:
                stream.last_ns = now_ns
            silence_s = (now_ns - stream.last_ns) * 1e-9
            if silence_s > limit_s and not stream.ended.is_set():
                self.counters.silences += 1
                self._tell("silent", silence_s=round(silence_s, 2))
                stream.end(f"silent for {silence_s:.1f} s")

    async def _leave(self, client: BleakClient, stream: _Stream) -> None:
        """Stop the sensor where it can still be reached, disconnect, and say so."""
        stream.end("left")
        try:
            if client.is_connected:
                for write in self._driver.stop():
                    await self._write(client, write)
        except Exception as error:  # Leaving goes on: what failed is told.
            stream.reason += f"; not stopped: {_line(error)}"
        try:
            await self._within(client.disconnect())
        except Exception as error:  # The same.
            stream.reason += f"; not disconnected: {_line(error)}"
        self.counters.disconnections += 1
        self._tell("disconnected", reason=stream.reason)

    async def _search(self) -> bool:
        """Whether the sensor advertises; takes a fresh handle of it, for stacks forget what they have not seen."""
        async with self._radio:
            device = await find(self._device.address, self._parameters.search_s, backend=self._backend)
        self._device = device or self._device
        return device is not None

    async def _report_if_never_heard(self) -> None:
        limit_s = self._parameters.first_data_s
        await asyncio.sleep(limit_s)
        if self._data:
            return
        name = self.chosen.found.advertisement.name or self._driver.label
        how = "connected, but sent nothing" if self.counters.connections else "could not be connected"
        self._queue.fail(
            SensorSilentError(
                f"sensor {name} ({self._device.address}) {how} within {limit_s:g} s: charge it, switch it off and on, "
                "bring it closer, and close other programmes that hold it"
            )
        )

    def _wait_s(self, failures: int) -> float:
        longest = min(self._parameters.retry_s * 2.0 ** min(failures - 1, 20), self._parameters.retry_longest_s)
        return longest * (1 - self._parameters.jitter * self._random.random())

    async def _within(self, operation: Awaitable[T]) -> T:
        async with asyncio.timeout(self._parameters.operation_s):
            return await operation

    def _tell(self, kind: str, **fields: object) -> None:
        self._queue.tell(LinkEvent(self.chosen.sensor, self._now_ns(), kind, fields))


def _being_cancelled() -> bool:
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


def _line(error: Exception) -> str:
    text = printable(" ".join(str(error).split())[:200])
    if isinstance(error, BleakError) and text:
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
