"""Large figures for a terminal: each character is three columns wide and three lines high, drawn with half blocks."""

_FONT = {
    "0": ("###", "# #", "# #", "# #", "###"),
    "1": (" # ", "## ", " # ", " # ", "###"),
    "2": ("###", "  #", "###", "#  ", "###"),
    "3": ("###", "  #", " ##", "  #", "###"),
    "4": ("# #", "# #", "###", "  #", "  #"),
    "5": ("###", "#  ", "###", "  #", "###"),
    "6": ("###", "#  ", "###", "# #", "###"),
    "7": ("###", "  #", "  #", " # ", " # "),
    "8": ("###", "# #", "###", "# #", "###"),
    "9": ("###", "# #", "###", "  #", "###"),
    "+": ("   ", " # ", "###", " # ", "   "),
    "-": ("   ", "   ", "###", "   ", "   "),
    ".": (" ", " ", " ", " ", "#"),
    " ": ("   ", "   ", "   ", "   ", "   "),
}
_HALVES = {(False, False): " ", (True, False): "▀", (False, True): "▄", (True, True): "█"}
LINES = 3


def large(text: str) -> list[str]:
    """Three lines that show the text large; characters outside `0-9 + - . ` and space are left out."""
    glyphs = [_FONT[c] for c in text if c in _FONT]
    lines = []
    for upper in range(0, 2 * LINES, 2):
        parts = []
        for glyph in glyphs:
            top = glyph[upper]
            bottom = glyph[upper + 1] if upper + 1 < len(glyph) else " " * len(top)
            parts.append("".join(_HALVES[t == "#", b == "#"] for t, b in zip(top, bottom, strict=True)))
        lines.append(" ".join(parts))
    return lines
