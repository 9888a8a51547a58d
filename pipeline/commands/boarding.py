"""The dashboard of a command: started beside the work, its address said, and left out where it cannot be had."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager

from rich.console import Console

from pipeline.screens.dashboard.publisher import DashboardError, Opened, Publisher, Where


@contextmanager
def board(where: Where | None) -> Iterator[Publisher | None]:
    """A publisher whose server is being started; None where none is wanted or its process cannot be made."""
    if where is None:
        yield None
        return
    try:
        publisher = Publisher(where)
        publisher.__enter__()
    except DashboardError as error:
        print(f"kneetrack: {error}", file=sys.stderr)
        yield None
        return
    try:
        yield publisher
    finally:
        publisher.__exit__(None, None, None)


def opened(publisher: Publisher | None, lan: bool, console: Console, page: str = "/") -> Publisher | None:
    """Waits for the server and says its address; None where it did not come up: the work goes on without.

    page : the one to begin with.
    """
    if publisher is None:
        return None
    try:
        addresses = publisher.wait()
    except DashboardError as error:
        if not publisher.closing:
            print(f"kneetrack: {error}", file=sys.stderr)
        return None
    if publisher.closing:
        return None
    _say(_at(addresses, page), lan, console)
    return publisher


def _at(addresses: Opened, page: str) -> Opened:
    def moved(texts: tuple[str, ...]) -> tuple[str, ...]:
        return tuple(text.replace("/?", f"{page}?") for text in texts)

    return Opened(moved(addresses.control), moved(addresses.view))


def _say(addresses: Opened, lan: bool, console: Console) -> None:
    here = addresses.control[-1]
    console.print(f"dashboard: {here}", soft_wrap=True, highlight=False, markup=False)
    if lan:
        _say_network(addresses, console)
    if console.is_terminal and not _browser(here):
        console.print("No browser was found on this computer: open that address in one.", highlight=False)


def _say_network(addresses: Opened, console: Console) -> None:
    from pipeline.screens.dashboard.addresses import code_text

    if len(addresses.control) < 2:
        console.print("This computer is in no network: --lan changes nothing.", highlight=False)
        return
    for words, address in (("control", addresses.control[0]), ("watch only", addresses.view[0])):
        console.print(f"in the network, {words}: {address}", soft_wrap=True, highlight=False, markup=False)
    text = "Whoever has the first address can stop the session; what goes over the network is not encrypted."
    console.print(text, soft_wrap=True, highlight=False)
    if console.encoding.lower().startswith("utf") and not console.legacy_windows:
        print(code_text(addresses.control[0]), file=console.file)


def _browser(address: str) -> bool:
    """Opens the address where this computer has a screen with a browser. A browser in the terminal is none."""
    import os
    import webbrowser

    if sys.platform not in ("win32", "darwin") and not (os.environ.get("DISPLAY") or os.environ.get("WAYLAND_DISPLAY")):
        return False
    try:
        found = webbrowser.get()
        return not isinstance(found, webbrowser.GenericBrowser) and found.open(address)
    except webbrowser.Error:
        return False
