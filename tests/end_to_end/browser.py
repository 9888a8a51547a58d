"""A real browser for tests: Chromium of the system, driven by Playwright; None where there is none."""

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from playwright.sync_api import Browser

OPTIONS = (
    "--no-sandbox",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)


def chromium() -> str | None:
    """Its programme: KNEETRACK_CHROMIUM, or the first one that is installed."""
    names = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
    return os.environ.get("KNEETRACK_CHROMIUM") or next(filter(None, map(shutil.which, names)), None)


def missing() -> str:
    """Why no browser can be driven here; empty where one can."""
    try:
        import playwright.sync_api  # noqa: F401
    except ImportError:
        return "no browser test: the package playwright is not installed (pip install '.[test]')"
    return "" if chromium() else "no browser test: Chromium is not installed (Debian: apt-get install chromium)"


@contextmanager
def browser(*options: str) -> Iterator["Browser"]:
    """One without a window."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        found = playwright.chromium.launch(executable_path=chromium(), args=[*OPTIONS, *options])
        try:
            yield found
        finally:
            found.close()
