"""`python -m tests.os_stack [FOLDER]`: build the guest, boot it, print what `kneetrack live` did there."""

import argparse
import sys
import tempfile
from pathlib import Path

from tests.os_stack.run import Streamed, run


def _print(told: Streamed) -> None:
    print("\n".join(line for line in told.console.splitlines() if line.startswith("guest:")))
    print(told.live)
    for line in told.lines():
        print(line)


def main() -> int:
    """0 where two sensors streamed to a summary, 1 where not, 77 where parts are missing."""
    parser = argparse.ArgumentParser(prog="python -m tests.os_stack", description=__doc__)
    default = Path(tempfile.gettempdir()) / "kneetrack_os_stack"
    parser.add_argument("folder", nargs="?", type=Path, default=default, help="kept between runs: packages, results")
    parser.add_argument("--for", dest="seconds", type=float, default=45.0, help="seconds of streaming, guest time")
    parser.add_argument("--rate", type=float, default=60.0, help="rate to ask the sensors for, Hz")
    parser.add_argument("--patience", type=float, default=3600.0, help="longest wait for the guest, s")
    asked = parser.parse_args()
    told = run(asked.folder, asked.seconds, asked.rate, asked.patience)
    if isinstance(told, str):
        print(f"skipped: {told}", file=sys.stderr)
        return 77
    _print(told)
    problems = told.problems()
    for problem in problems:
        print(f"FAILED: {problem}", file=sys.stderr)
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main())
