"""`kneetrack scan`: the sensors in range."""

from typing import Annotated

import typer

from pipeline.commands.options import DriverFileOption, NetworkOption


def scan(
    seconds: Annotated[
        float, typer.Option("--for", min=0.5, max=300.0, help="How long to listen, s.", metavar="SECONDS")
    ] = 8.0,
    virtual: Annotated[bool, typer.Option("--virtual", help="Look for simulated sensors on a virtual radio.")] = False,
    driver_file: DriverFileOption = None,
    network: NetworkOption = False,
    battery: Annotated[
        bool, typer.Option("--battery", help="Connect to each for a moment to read its battery.")
    ] = False,
    forget: Annotated[bool, typer.Option("--forget", help="Forget where every sensor was worn.")] = False,
) -> None:
    """List the sensors in range: address, name, driver and how surely it is the right one, signal, battery, and where
    it was worn last time.

    A sensor recognised by its service speaks the format; by its maker or its name it probably does.
    """
    import asyncio

    from rich import box
    from rich.console import Console
    from rich.table import Table

    from firmware_interface.errors import SensorError
    from pipeline.commands.connecting import sensors_in_range
    from pipeline.commands.remembered import Remembered

    if forget:
        Remembered().forget()
    console = Console(stderr=True)
    levels: dict[str, float] | None = {} if battery else None
    with console.status(f"listening for {seconds:.0f} s"):
        found = asyncio.run(sensors_in_range(seconds, virtual, driver_file, network, levels))
    if not found:
        raise SensorError("no sensor in range: switch the sensors on, bring them near, and disconnect them from phones")
    worn = Remembered().places()
    places = [worn.get(each.advertisement.address.casefold()) for each in found]
    columns = ["address", "name", "driver", "known by", "signal"]
    columns += ["battery"] if battery else []
    columns += ["worn"] if any(places) else []
    table = Table(box=box.SIMPLE_HEAD, pad_edge=False)
    for name in columns:
        # In a narrow window the name alone is broken: an address that is cut is of no use.
        table.add_column(name, no_wrap=name != "name", overflow="fold")
    for each, place in zip(found, places, strict=True):
        level, signal = (levels or {}).get(each.device.address), each.advertisement.rssi_dbm
        told = {
            "address": each.advertisement.address,
            "name": each.advertisement.name,
            "driver": each.driver.name,
            "known by": each.claim.name.lower(),
            "signal": "-" if signal is None else f"{signal} dBm",
            "battery": "-" if level is None else f"{100 * level:.0f} %",
            "worn": "-" if place is None else f"{place[0]} {place[1]}",
        }
        table.add_row(*(told[name] for name in columns))
    Console().print(table)
