"""How much of a printed A4 page the words and tables take, and so how high the figures may be.

The page prints on two sheets whatever the session held: more rows leave less height to the figures, within bounds that
keep them readable. Heights are those of the print style in page_style.css, measured on printed pages.
"""

from collections.abc import Sequence

_INCH_MM = 25.4
_PAGE_MM = 297.0 - 10.0 - 11.0
_SLACK_MM = 7.0
"""Fonts differ from machine to machine."""
_TITLE_MM = 18.0
_HEADING_MM = 6.8
_ROW_MM = 3.95
_LINE_MM = 3.3
_CAPTION_MM = 4.2
_LIMITS_MM = 18.5
_CHARACTERS = 155
"""Of a line in print."""


def lines(texts: Sequence[str]) -> int:
    """How many printed lines these paragraphs take."""
    return sum(1 + len(text) // _CHARACTERS for text in texts)


def first_sheet_in(warnings: Sequence[str], rows: int, notes: int) -> float:
    """Inches left for the figures of the first sheet."""
    taken = _TITLE_MM + 3 * _HEADING_MM + 2 * _CAPTION_MM
    taken += sum(_LINE_MM * lines([warning]) + 2.6 for warning in warnings)
    taken += 9.5 + rows * _ROW_MM + notes * _LINE_MM
    return (_PAGE_MM - _SLACK_MM - taken) / _INCH_MM


def second_sheet_in(compared_rows: int, sensors: int, told: Sequence[str]) -> float:
    """Inches left for the figures of the second sheet. compared_rows: of the longest table, 0 where there is none."""
    taken = 4 * _HEADING_MM + 2 * _CAPTION_MM + _LIMITS_MM + 5 * _LINE_MM + lines(told) * _LINE_MM
    if compared_rows:
        taken += _HEADING_MM + 8.5 + compared_rows * _ROW_MM + _LINE_MM
    if sensors:
        taken += 5.0 + sensors * _ROW_MM
    return (_PAGE_MM - _SLACK_MM - taken) / _INCH_MM
