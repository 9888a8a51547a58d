"""What every page must be: well-formed, and complete without any request."""

import re
import xml.etree.ElementTree as ElementTree
from html.parser import HTMLParser

_WITHOUT_END = {"meta", "br", "link", "img", "hr", "input"}


class _Page(HTMLParser):
    """Collects tags that are opened and never closed, and everything that would load something."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []
        self.loads: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag not in _WITHOUT_END:
            self.open.append(tag)
        self.handle_startendtag(tag, attrs)

    def handle_startendtag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        if tag in ("script", "link", "img", "image", "iframe", "object", "embed"):
            self.loads.append(tag)
        self.loads += [str(v) for k, v in attrs if k in ("src", "href", "xlink:href") and not str(v).startswith("#")]
        self.loads += [k for k, _ in attrs if k.startswith("on")]

    def handle_endtag(self, tag: str) -> None:
        assert self.open and self.open[-1] == tag, f"</{tag}> closes {self.open[-1:]}"
        self.open.pop()


def assert_self_contained(page: str) -> None:
    """Every tag is closed, nothing is loaded, every figure is well-formed XML."""
    parser = _Page()
    parser.feed(page)
    assert parser.open == []
    assert parser.loads == []
    assert "@import" not in page and not re.search(r"url\((?!#)", page)
    for svg in re.findall(r"<svg.*?</svg>", page, re.DOTALL):
        ElementTree.fromstring(svg)
