"""The command as a person calls it: another process, its exit code, what it says and where."""

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]


@dataclass(frozen=True)
class Said:
    """code: the exit code; out, err: what was printed."""

    code: int
    out: str
    err: str

    @property
    def error_lines(self) -> list[str]:
        """The lines of the error output that say something."""
        return [line for line in self.err.splitlines() if line.strip()]


def environment() -> dict[str, str]:
    """The environment of the tests; ours come first, colours and terminal sizes are left out."""
    inherited = {key: value for key, value in os.environ.items() if key not in ("FORCE_COLOR", "COLUMNS", "TERM")}
    return inherited | {"PYTHONPATH": str(ROOT), "PYTHONIOENCODING": "utf-8", "NO_COLOR": "1"}


def command(*words: object) -> list[str]:
    """The command line."""
    return [sys.executable, "-m", "pipeline.commands.main", *map(str, words)]


def kneetrack(*words: object, cwd: Path | None = None, timeout_s: float = 300.0) -> Said:
    """Runs `kneetrack` with these words and waits for it."""
    done = subprocess.run(
        command(*words), cwd=cwd, env=environment(), capture_output=True, text=True, encoding="utf-8", timeout=timeout_s
    )
    return Said(done.returncode, done.stdout, done.stderr)
