"""`kneetrack report`: the session's page."""

from pathlib import Path
from typing import Annotated

import typer


def report(
    folder: Annotated[Path, typer.Argument(help="The result folder of live, replay or process.", metavar="DIR")],
) -> None:
    """Write the session's page, report.html, into its result folder."""
    from pipeline.screens.report import write_report

    typer.echo(write_report(folder))
