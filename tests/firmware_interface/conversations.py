"""What a sensor says while a driver starts it: the driver's conversation with the virtual twin, without a radio."""

import re
from pathlib import Path

from firmware_interface.drivers.interface import DESCRIPTION, Driver, Read
from firmware_interface.drivers.registry import drivers
from firmware_interface.drivers.sketch import Sketch
from firmware_interface.drivers.sketch_file import parse
from firmware_interface.virtual.behaviour import Behaviour
from firmware_interface.virtual.twins import twin

_DOCUMENT = Path(__file__).resolve().parents[2] / "firmware_interface" / "SKETCH_FORMAT.md"
EXAMPLES = [
    text.encode() for text in re.findall(r"```toml\n(.*?)```", _DOCUMENT.read_text(encoding="utf-8"), re.DOTALL)
]
BATCHES, LINES = (Sketch(parse(text, "the document")) for text in EXAMPLES)
COUNTED = Sketch(parse(EXAMPLES[0].replace(b'"time:u32", ', b"").replace(b"time_unit_s = 1e-6\n", b""), "counted"))
BARE = Sketch(
    parse(
        EXAMPLES[0]
        .replace(b'["magic:aa55", "counter:u16", "time:u32", "count:u8"]', b'["magic:aa55"]')
        .replace(b"time_unit_s = 1e-6\n", b""),
        "bare",
    )
)
EVERY: dict[str, Driver] = {
    **{known.name: known for known in drivers()},
    "sketch, batches": BATCHES,
    "sketch, text": LINES,
    "sketch, counted": COUNTED,
    "sketch, bare": BARE,
}
"""All drivers, and the kinds of described sensors."""


def converse(known: Driver, with_twin: Behaviour | None = None, rate_hz: float = 100.0) -> list[tuple[str, bytes]]:
    """All notifications of the conversation that starts a sensor, in order; the description first, if there is one."""
    sensor = with_twin or twin(known, rate_hz)
    heard = [(DESCRIPTION, known.description)] if known.description else []
    conversation = known.start(rate_hz)
    try:
        step = next(conversation)
        while True:
            if isinstance(step, Read):
                value = sensor.value(step.characteristic, 0.5)
                heard.append((step.characteristic, value))
                step = conversation.send(value)
                continue
            answers = sensor.written(step.characteristic, step.payload)
            heard += answers
            if step.answer is None:
                step = next(conversation)
                continue
            wanted = step.answer
            fitting = [p for c, p in answers if c == wanted.characteristic and p.startswith(wanted.begins)]
            assert fitting, f"no answer to {step}"
            step = conversation.send(fitting[0])
    except StopIteration:
        return heard
