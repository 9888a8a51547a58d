"""`kneetrack import`: other formats as `.knee` recordings."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.commands.options import Files, PersonOption, SideOption


def import_(
    files: Files,
    out: Annotated[Path, typer.Option("--out", help="The recording to write.", metavar="FILE.knee")],
    side: SideOption = None,
    person: PersonOption = None,
) -> None:
    """Turn a table or a maker's files (of a pair: thigh, then shank) into a .knee recording."""
    from pipeline.commands.progress import bar
    from pipeline.files.importing import import_to_knee
    from pipeline.files.opening import expanded

    with bar("importing") as progress:
        written = import_to_knee(expanded(files), out, side, progress, person)
    typer.echo(written)
