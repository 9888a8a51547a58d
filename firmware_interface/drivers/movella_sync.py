"""Movella DOT messages, and the synchronisation of several sensors' clocks by them.

A message on the message characteristics: type, length, data, checksum; all bytes together add up to 0 modulo 256.
Synchronised sensors share the clock of one of them, the root. Each is sent the start (7 bytes of data: 1 and the root's
address, reversed) and disconnected; after about 14 s it is connected again and the result is read. From then on it
measures by itself, and its stamps are of the shared clock.

A live session does not do this: it costs the first 15 s and a connection, and the time base aligns the sensors' clocks
to milliseconds without (pipeline/timebase.py). The messages are here for tools that prepare sensors, and for
recognising what a sensor answers.

Source: Movella DOT BLE Service Specification XD0506P rev C (2023), section 5; xsens/xsens_dot_server.
"""

import re
from enum import IntEnum

from firmware_interface.drivers.movella_dot import uuid

SERVICE = uuid("7000")
CONTROL, ACKNOWLEDGE, NOTIFICATION = uuid("7001"), uuid("7002"), uuid("7003")
"""Written, read after a write, notified."""

RECORDING, SYNC, FACTORY = 1, 2, 3
"""Types of messages."""
START, STOP, STATUS = 0x01, 0x02, 0x08
RESULT, STOPPED, STATE = 0x03, 0x50, 0x51
SYNCHRONISED, NOT_SYNCHRONISED = 4, 9
_LONGEST = 160
_ADDRESS = re.compile(r"[0-9A-Fa-f]{2}(:[0-9A-Fa-f]{2}){5}")


class SyncResult(IntEnum):
    """How a synchronisation ended."""

    SUCCESS = 0
    TOO_FEW_SAMPLES = 5
    SKEW_TOO_LARGE = 7
    START_TIME = 8
    NOT_STARTED = 9


def message(kind: int, data: bytes) -> bytes:
    """A message of this type. Raises ValueError where it is too long for the characteristic."""
    if not 0 < len(data) <= _LONGEST - 3:
        raise ValueError(f"a Movella DOT message holds 1 to {_LONGEST - 3} bytes, not {len(data)}")
    body = bytes((kind, len(data))) + data
    return body + bytes((-sum(body) % 256,))


def parsed(octets: bytes) -> tuple[int, bytes] | None:
    """Type and data of a message; None where length or checksum are wrong."""
    if not 4 <= len(octets) <= _LONGEST or octets[1] != len(octets) - 3 or sum(octets) % 256:
        return None
    return octets[0], octets[2:-1]


def start_sync(root: str) -> bytes:
    """The message that makes a sensor follow the clock of the sensor with this address, e.g. D4:22:CD:00:11:22.

    Raises ValueError where that is no address (macOS gives none).
    """
    if not _ADDRESS.fullmatch(root):
        raise ValueError(f"{root!r} is no Bluetooth address")
    return message(SYNC, bytes((START,)) + bytes.fromhex(root.replace(":", ""))[::-1])


def stop_sync() -> bytes:
    """The message that ends it."""
    return message(SYNC, bytes((STOP,)))


def ask_status() -> bytes:
    """The message that asks whether a sensor is synchronised."""
    return message(SYNC, bytes((STATUS,)))


def sync_result(octets: bytes) -> SyncResult | None:
    """The result that is read after synchronising; None where these bytes are none."""
    found = parsed(octets)
    if found is None or found[0] != SYNC or len(found[1]) != 2 or found[1][0] != RESULT:
        return None
    return SyncResult(found[1][1]) if found[1][1] in set(SyncResult) else None


def is_synchronised(octets: bytes) -> bool | None:
    """What a status message says; None where these bytes are none."""
    found = parsed(octets)
    if found is None or found[0] != SYNC or len(found[1]) != 2 or found[1][0] != STATE:
        return None
    return {SYNCHRONISED: True, NOT_SYNCHRONISED: False}.get(found[1][1])


def stopped(octets: bytes) -> bool | None:
    """Whether the answer to a stop says success; None where these bytes are none."""
    found = parsed(octets)
    if found is None or found[0] != SYNC or len(found[1]) != 2 or found[1][0] != STOPPED:
        return None
    return found[1][1] == 0
