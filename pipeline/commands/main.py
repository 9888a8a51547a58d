"""The command `kneetrack`: one application, its exit codes and its one-line errors.

Exit codes: 0 done; 1 the work failed (one line on stderr); 2 the call was wrong; 130 interrupted before the work was
done. `live` and `replay` take an interruption as "that is enough": they close their files and exit 0.
"""

import inspect
import io
import sys
import traceback
from collections.abc import Callable, Sequence
from typing import Annotated, Any

import typer
from typer.core import TyperGroup

from pipeline.commands import (
    anonymise,
    batch,
    calibrate,
    doctor,
    export,
    forget,
    import_,
    live,
    process,
    replay,
    report,
    scan,
    simulate,
    trends,
)
from pipeline.commands.errors import one_line

INTERRUPTED = 130
_VERBOSE = "--verbose"


class _Commands(TyperGroup):
    """The commands in the order in which a newcomer meets them; an interruption has its own exit code."""

    def list_commands(self, ctx: Any) -> list[str]:
        """In the order of registration."""
        return list(self.commands)

    def invoke(self, ctx: Any) -> Any:
        """Run the command; Ctrl-C ends with one word instead of a traceback."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt:
            print("kneetrack: interrupted", file=sys.stderr)
            raise SystemExit(INTERRUPTED) from None


app = typer.Typer(
    name="kneetrack",
    cls=_Commands,
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    context_settings={"help_option_names": ["-h", "--help"]},
)


def _paragraphs(command: Callable[..., Any]) -> str:
    """A command's own words, each paragraph in one line: the terminal's width breaks it, not the source's."""
    text = inspect.getdoc(command) or ""
    return "\n\n".join(" ".join(paragraph.split()) for paragraph in text.split("\n\n"))


_COMMANDS: dict[str, Callable[..., Any]] = {
    "live": live.live,
    "scan": scan.scan,
    "replay": replay.replay,
    "process": process.process,
    "calibrate": calibrate.calibrate,
    "simulate": simulate.simulate,
    "import": import_.import_,
    "export": export.export,
    "report": report.report,
    "trends": trends.trends,
    "batch": batch.batch,
    "anonymise": anonymise.anonymise,
    "forget": forget.forget,
    "doctor": doctor.doctor,
}
for _name, _command in _COMMANDS.items():
    app.command(_name, help=_paragraphs(_command))(_command)


def _show_version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"kneetrack {version('kneetrack')}")
        raise typer.Exit


@app.callback()
def kneetrack(
    verbose: Annotated[
        bool, typer.Option(_VERBOSE, help="Show the traceback of an error (anywhere in the line).")
    ] = False,
    version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Print the version.")
    ] = False,
) -> None:
    """Knee flexion, abduction (valgus) and tibial rotation from two Bluetooth IMUs, per step, live or from a recording.

    A movement-training aid, not a medical device.
    """


def run(arguments: Sequence[str]) -> int:
    """The exit code of one command line; never raises.

    Parameters
    ----------
    arguments : the words after `kneetrack`.
    """
    words = list(arguments)
    verbose = _VERBOSE in words
    try:
        app(args=[word for word in words if word != _VERBOSE], prog_name="kneetrack")
    except SystemExit as end:
        return end.code if isinstance(end.code, int) else int(end.code is not None)
    except KeyboardInterrupt:
        return INTERRUPTED
    except Exception as error:  # The end of every command: one line instead of a traceback, and exit code 1.
        if isinstance(error.__cause__, KeyboardInterrupt):  # In the middle of an import, Python 3.11 makes this of it.
            print("kneetrack: interrupted", file=sys.stderr)
            return INTERRUPTED
        if verbose:
            traceback.print_exc()
        print(f"kneetrack: {one_line(error)}", file=sys.stderr)
        return 1
    return 0


def main() -> None:
    """The entry point of the command `kneetrack`."""
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # A name that the output's encoding has no letters for ends nothing.
            stream.reconfigure(errors="backslashreplace")
    sys.exit(run(sys.argv[1:]))


if __name__ == "__main__":
    main()
