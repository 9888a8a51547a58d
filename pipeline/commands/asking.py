"""Which sensor sits where, asked at the terminal."""

import sys
from collections.abc import Callable, Sequence

from rich.console import Console
from rich.prompt import IntPrompt

from firmware_interface.scanning import Found
from pipeline.commands.assigning import Place


def asker() -> Callable[[Place, Sequence[Found]], Found] | None:
    """Asks for one place; None where nobody is there to answer."""
    return _ask if sys.stdin.isatty() and sys.stderr.isatty() else None


def _ask(place: Place, choice: Sequence[Found]) -> Found:
    console = Console(stderr=True)
    console.print(f"Which sensor is on the [bold]{place[0]} {place[1]}[/bold]?")
    for number, each in enumerate(choice, start=1):
        known = each.advertisement
        signal = "" if known.rssi_dbm is None else f"  {known.rssi_dbm} dBm"
        console.print(f"  {number}  {known.address}  {known.name}  ({each.driver.label}){signal}", markup=False)
    numbers = [str(number) for number in range(1, len(choice) + 1)]
    return choice[IntPrompt.ask("number", console=console, choices=numbers) - 1]
