"""`kneetrack anonymise`: a copy of a session without identity."""

import sys
from pathlib import Path
from typing import Annotated

import typer


def anonymise(
    source: Annotated[Path, typer.Argument(help="The folder of a session, or a recording (.knee).", metavar="SESSION")],
    out: Annotated[
        Path, typer.Option("--out", help="The new folder (or .knee file) to write.", metavar="COPY", show_default=False)
    ],
) -> None:
    """Copy a session without identity: no person, devices, date, computer or typed labels; the same angles.

    How a person moves stays in the data: share such a copy with care.
    """
    from pipeline.files.anonymising import anonymise_recording, anonymise_session
    from pipeline.screens.report import write_report

    if source.is_file():
        typer.echo(anonymise_recording(source, out))
        return
    files, left = anonymise_session(source, out)
    if any(path.name == "summary.json" for path in files):
        files.append(write_report(out))
    for file in files:
        typer.echo(file)
    if left:
        print(f"not copied: {', '.join(left)}", file=sys.stderr)
