"""`kneetrack simulate`: a person with known knee angles."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import Legs


def simulate(
    out: Annotated[Path, typer.Option("--out", help="The folder to write.", metavar="DIR")],
    seed: Annotated[int, typer.Option("--seed", min=0, help="Another number is another person.")] = 1,
    side: Annotated[Legs, typer.Option("--side", help="The legs that wear sensors.")] = Legs.RIGHT,
    both: Annotated[bool, typer.Option("--both", help="The same as --side both.")] = False,
    script: Annotated[
        str | None, typer.Option("--script", help='What is done, e.g. "stand:5,flex:6,walk:30,up:10,lunge:8,squat:8".')
    ] = None,
    minutes: Annotated[
        float | None, typer.Option("--minutes", min=0.1, max=240.0, help="An everyday session of about this length.")
    ] = None,
) -> None:
    """Write a simulated recording and its truth: angles, steps, contacts and injected valgus collapses.

    Without --script and --minutes: the demonstration that live --virtual shows.
    """
    from rich.console import Console

    if script is not None and minutes is not None:
        raise typer.BadParameter("give a script or a length, not both", param_hint="--script / --minutes")
    sides = (Legs.BOTH if both else side).sides
    with Console(stderr=True).status("simulating"):
        from pipeline.commands.simulated import write_simulation

        files = write_simulation(out, seed, sides, script, minutes)
    for file in files:
        typer.echo(file)
