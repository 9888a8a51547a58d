"""`kneetrack doctor`: what this machine lacks, and how to mend it."""

from typing import Annotated

import typer


def doctor(
    radio_s: Annotated[
        float,
        typer.Option("--radio-seconds", min=0.0, max=30.0, help="How long to listen for Bluetooth (0: not at all)."),
    ] = 2.0,
) -> None:
    """Say what is missing on this machine and how to mend it.

    Exit code 0 where recordings can be analysed; a missing Bluetooth adapter is a warning (replay, process and
    live --virtual work without one).
    """
    from rich.console import Console
    from rich.text import Text

    from pipeline.commands.checks import Grade, check_all

    styles = {Grade.FINE: ("ok  ", "green"), Grade.WARNING: ("warn", "yellow"), Grade.MISSING: ("FAIL", "bold red")}
    console = Console()
    worst = Grade.FINE
    for finding in check_all(radio_s):
        word, style = styles[finding.grade]
        line = Text.assemble((word, style), f"  {finding.what}: {finding.found}")
        console.print(line, soft_wrap=True)
        if finding.mend:
            console.print(Text(f"      -> {finding.mend}"), soft_wrap=True)
        worst = max(worst, finding.grade)
    if worst is Grade.MISSING:
        raise typer.Exit(1)
