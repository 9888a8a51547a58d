"""Pages from the templates of this folder: one file each, style and figures inside, nothing fetched from elsewhere."""

from importlib import resources
from typing import Any

from jinja2 import Environment, StrictUndefined

_STYLE = "page_style.css"


def render(template: str, **values: Any) -> str:
    """The page; everything that comes from files is escaped."""
    texts = {
        name: resources.files("pipeline.screens").joinpath(name).read_text(encoding="utf-8")
        for name in (template, _STYLE)
    }
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    return environment.from_string(texts[template]).render(style=texts[_STYLE], **values)
