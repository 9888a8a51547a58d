"""`kneetrack forget`: delete everything of one person."""

from pathlib import Path
from typing import Annotated

import typer

from pipeline.errors import BadInputError


def forget(
    person: Annotated[str, typer.Argument(help="The person's id, as given with --person.", metavar="ID")],
    folder: Annotated[
        Path, typer.Argument(help="The folder that holds the sessions and profiles.", metavar="[DIR]")
    ] = Path("sessions"),
    yes: Annotated[bool, typer.Option("--yes", help="Delete without asking.")] = False,
) -> None:
    """Delete all sessions, recordings, profiles and pages of a person under a folder: shows them, asks, deletes.

    What does not say that it is this person's is left. Exports, copies and backups elsewhere are not reached.
    """
    import sys

    from pipeline.files.batch import LEDGER
    from pipeline.files.batch_table import TABLE
    from pipeline.files.forgetting import delete, find
    from pipeline.person import person_id

    try:
        whose = person_id(person)
    except BadInputError as error:
        raise typer.BadParameter(str(error), param_hint="ID") from None
    found = find(folder, whose)
    for kept in found.kept:
        print(f"left: {kept}", file=sys.stderr)
    if not (found.files or found.batches):
        raise BadInputError(f"{folder} holds nothing that says it is of person {whose}: nothing was deleted")
    for session, files in found.sessions.items():
        typer.echo(f"session    {session} ({len(files)} files)")
    for recording in found.recordings:
        typer.echo(f"recording  {recording}")
    for profile in found.profiles:
        typer.echo(f"profile    {profile}")
    for page in found.pages:
        typer.echo(f"page       {page}")
    for batch in found.batches:
        typer.echo(f"lines of   {batch / TABLE} and {LEDGER}")
    if not yes:
        if not sys.stdin.isatty():
            raise BadInputError("nothing was deleted: nobody is there to be asked, say --yes")
        if not typer.confirm(f"Delete these {len(found.files)} files for good?"):
            raise BadInputError("nothing was deleted")
    typer.echo(f"{delete(found, folder)} files of person {whose} deleted")
