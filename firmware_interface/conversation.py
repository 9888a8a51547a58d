"""The conversation that starts a sensor: a driver's reads, writes and awaited answers, step by step.

Answers come as notifications among the data, so the connection shows every notification to the conversation. Whatever
a read gives is passed on like a notification: a recording then holds all that the decoder needs.
"""

import asyncio
from collections.abc import Awaitable, Callable

from bleak import BleakClient
from bleak.backends.characteristic import BleakGATTCharacteristic
from bleak.exc import BleakError

from firmware_interface.drivers.interface import Answer, Conversation, Read, Write

_SHOWN = 20


class Talk:
    """One conversation with a connected sensor.

    Parameters
    ----------
    client : connected, its notifications subscribed.
    write : carries out a write, `pause_s` included.
    pass_on : takes what a read gave, as if it had been notified.
    answer_s : how long an answer or a read may take.
    """

    def __init__(
        self,
        client: BleakClient,
        write: Callable[[BleakClient, Write], Awaitable[None]],
        pass_on: Callable[[BleakGATTCharacteristic, bytearray], None],
        answer_s: float,
    ) -> None:
        self._client = client
        self._write = write
        self._pass_on = pass_on
        self._answer_s = answer_s
        self._awaited: tuple[Answer, asyncio.Future[bytes]] | None = None

    def heard(self, characteristic: str, payload: bytes) -> None:
        """Every notification is shown here, whether it is an answer or not."""
        if self._awaited is None:
            return
        answer, future = self._awaited
        if characteristic == answer.characteristic and payload.startswith(answer.begins) and not future.done():
            future.set_result(payload)

    async def hold(self, conversation: Conversation) -> int:
        """Take every step; returns the number of writes.

        Raises BleakError where a step fails or an answer does not come, and what the driver raises.
        """
        writes = 0
        try:
            step = next(conversation)
            while True:
                writes += isinstance(step, Write)
                if isinstance(step, Read):
                    step = conversation.send(await self._read(step))
                elif step.answer is not None:
                    step = conversation.send(await self._ask(step, step.answer))
                else:
                    await self._plain_write(step)
                    # Nothing is sent, so that a driver may `yield from` any iterable of writes.
                    step = next(conversation)
        except StopIteration:
            return writes
        finally:
            conversation.close()

    async def _plain_write(self, write: Write) -> None:
        try:
            await self._write(self._client, write)
        except (BleakError, TimeoutError):
            if not (write.optional and self._client.is_connected):
                raise

    async def _read(self, read: Read) -> bytes:
        known = self._client.services.get_characteristic(read.characteristic)
        try:
            if known is None:
                raise BleakError(f"the sensor has no characteristic {read.characteristic}")
            async with asyncio.timeout(self._answer_s):
                value = await self._client.read_gatt_char(known)
        except (BleakError, TimeoutError):
            if read.optional and self._client.is_connected:
                return b""
            raise
        self._pass_on(known, value)
        return bytes(value)

    async def _ask(self, write: Write, answer: Answer) -> bytes:
        future: asyncio.Future[bytes] = asyncio.get_running_loop().create_future()
        self._awaited = answer, future
        try:
            await self._write(self._client, write)
            async with asyncio.timeout(self._answer_s):
                return await future
        except TimeoutError:
            raise BleakError(f"the sensor did not answer {write.payload[:_SHOWN].hex(' ')}") from None
        finally:
            self._awaited = None
