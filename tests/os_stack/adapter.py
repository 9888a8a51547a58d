"""Inside the guest: waits until BlueZ has an adapter that is switched on."""

import asyncio
import sys

from dbus_fast import BusType, Message, MessageType, Variant
from dbus_fast.aio import MessageBus

_PATIENCE_S = 120.0


async def main() -> int:
    """0 when it is on, 1 when it did not come."""
    bus = await MessageBus(bus_type=BusType.SYSTEM).connect()
    loop = asyncio.get_running_loop()
    end_s = loop.time() + _PATIENCE_S
    told = ""
    while loop.time() < end_s:
        call = {"destination": "org.bluez", "path": "/org/bluez/hci0", "interface": "org.freedesktop.DBus.Properties"}
        on = Message(**call, member="Set", signature="ssv", body=["org.bluez.Adapter1", "Powered", Variant("b", True)])
        answer = await bus.call(on)
        if answer is not None and answer.message_type is MessageType.METHOD_RETURN:
            print("the adapter is on")
            return 0
        if answer is not None and answer.error_name != told:
            told = str(answer.error_name)
            print(told, answer.body, flush=True)
        await asyncio.sleep(1.0)
    return 1


if __name__ == "__main__":
    sys.exit(asyncio.run(main()))
