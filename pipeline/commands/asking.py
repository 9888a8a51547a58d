"""Which sensor sits where, asked at the terminal: by a number to type, or by a movement to make."""

import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from rich.console import Console
from rich.prompt import IntPrompt

from firmware_interface.scanning import Found
from pipeline.commands.assigning import Place
from pipeline.commands.placing import Placing, placer

if TYPE_CHECKING:
    from pipeline.screens.dashboard.publisher import Publisher


def asker() -> Callable[[Place, Sequence[Found]], Found] | None:
    """Asks for one place; None where nobody is there to answer."""
    return _ask if somebody() else None


def somebody() -> bool:
    """Whether a person sits at the terminal."""
    return sys.stdin.isatty() and sys.stderr.isatty()


def mover(publisher: "Publisher | None", stop: Callable[[], bool]) -> Placing | None:
    """Asks for a lifted knee, at the terminal and in the dashboard; None where nobody would see it."""
    if publisher is None and not somebody():
        return None
    console = Console(stderr=True)

    def tell(text: str, repeat: str) -> None:
        if repeat:
            console.print(f"Once more: {repeat}.", highlight=False, markup=False)
        console.print(f"{text}.", highlight=False, markup=False, style="bold")
        if publisher is not None:
            publisher.tell("place", {"text": f"{text}.", "repeat": f"Once more: {repeat}." if repeat else ""})

    return placer(tell, stop)


def _ask(place: Place, choice: Sequence[Found]) -> Found:
    console = Console(stderr=True)
    console.print(f"Which sensor is on the [bold]{place[0]} {place[1]}[/bold]?")
    for number, each in enumerate(choice, start=1):
        known = each.advertisement
        signal = "" if known.rssi_dbm is None else f"  {known.rssi_dbm} dBm"
        console.print(f"  {number}  {known.address}  {known.name}  ({each.driver.label}){signal}", markup=False)
    numbers = [str(number) for number in range(1, len(choice) + 1)]
    return choice[IntPrompt.ask("number", console=console, choices=numbers) - 1]
