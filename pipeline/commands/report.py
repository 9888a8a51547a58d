"""`kneetrack report`: the session's page."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import PdfOption


def report(
    folder: Annotated[Path, typer.Argument(help="The result folder of live, replay or process.", metavar="DIR")],
    pdf: PdfOption = False,
) -> None:
    """Write the session's page, report.html, into its result folder. It prints on two A4 pages."""
    from pipeline.screens.report import write_report

    page = write_report(folder)
    typer.echo(page)
    if pdf:
        from pipeline.screens.printing import write_pdf

        typer.echo(write_pdf(page))
