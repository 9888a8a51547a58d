"""`kneetrack trends`: many sessions of one person over weeks."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import PdfOption, PersonOption


def trends(
    folder: Annotated[Path, typer.Argument(help="The folder that holds the sessions.", metavar="DIR")],
    out: Annotated[
        Path | None, typer.Option("--out", help="The page to write (default: DIR/trends.html).", metavar="FILE")
    ] = None,
    person: PersonOption = None,
    pdf: PdfOption = False,
) -> None:
    """Write a page about a person's sessions over weeks: what changed by more than the smallest detectable change.

    Sessions of different persons are not mixed: --person chooses.
    """
    from pipeline.screens.trends import write_trends

    page = write_trends(folder, out, person)
    typer.echo(page)
    if pdf:
        from pipeline.screens.printing import write_pdf

        typer.echo(write_pdf(page))
