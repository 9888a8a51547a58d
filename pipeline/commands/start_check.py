"""The three questions before a session, asked at the terminal."""

import sys

from pipeline.start_check import ADVICE, QUESTIONS, Check


def ask_check() -> Check | None:
    """What the person answers; None where nobody is there to answer. A plain return means no."""
    if not (sys.stdin.isatty() and sys.stderr.isatty()):
        print("the check before the session is left out: nobody can answer here", file=sys.stderr)
        return None
    from rich.console import Console
    from rich.prompt import Confirm

    console = Console(stderr=True)
    answers = {name: Confirm.ask(question, console=console, default=False) for name, question in QUESTIONS.items()}
    check = Check(**answers)
    if check.any:
        console.print(ADVICE, markup=False)
    return check
