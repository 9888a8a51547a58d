"""A page as a PDF, by WeasyPrint (the extra `pdf`): for archives and mail. A browser's print function gives the same.

Nothing is fetched while it is made: the pages are complete, and every request is refused.
"""

import logging
from pathlib import Path
from typing import Any

from pipeline.errors import KneetrackError
from pipeline.files.private import claim_private

_MISSING = "a PDF needs WeasyPrint: `pip install weasyprint` beside kneetrack, or print the page in a browser"


def write_pdf(page: Path) -> Path:
    """Write the PDF of a page beside it and return its path.

    Raises KneetrackError where WeasyPrint, or a library that it needs, is not installed.
    """
    try:
        from weasyprint import HTML
    except ImportError:
        raise KneetrackError(_MISSING) from None
    except OSError as error:
        # Its parts outside of Python (Pango) are missing.
        raise KneetrackError(f"{_MISSING} (WeasyPrint does not start: {str(error).splitlines()[0]})") from None
    # It warns of every style that only screens know.
    logging.getLogger("weasyprint").setLevel(logging.ERROR)
    logging.getLogger("fontTools").setLevel(logging.ERROR)
    path = page.with_suffix(".pdf")
    part = path.with_name(f".{path.name}.partial")
    try:
        claim_private(part)
        HTML(string=page.read_text(encoding="utf-8"), url_fetcher=_refused).write_pdf(part)
        part.replace(path)
    finally:
        part.unlink(missing_ok=True)
    return path


def _refused(url: str, *_: Any, **__: Any) -> Any:
    raise ValueError(f"pages ask for nothing from outside ({url})")
