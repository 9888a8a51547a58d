"""The three things that the guide asks for, as small drawings of a person from the side: stand, bend, walk.

The leg that matters is drawn in the sensors' colour; an arrow shows how it moves.
"""

_BODY = "fill:none;stroke:var(--kt-ink);stroke-width:9;stroke-linecap:round;stroke-linejoin:round"
_LEG = "fill:none;stroke:var(--kt-sensor);stroke-width:9;stroke-linecap:round;stroke-linejoin:round"
_FAINT = "fill:none;stroke:var(--kt-sensor);stroke-width:7;stroke-linecap:round;stroke-linejoin:round;opacity:.35"
_ARROW = "fill:none;stroke:var(--kt-accent);stroke-width:4;stroke-linecap:round;stroke-linejoin:round"
_GROUND = "stroke:var(--kt-line);stroke-width:5;stroke-linecap:round"

_STAND = (
    f'<path d="M70,52 V100" style="{_BODY}"/><path d="M70,60 L66,84 L70,104" style="{_BODY};stroke-width:7"/>'
    f'<path d="M70,100 V176 H84" style="{_LEG}"/>'
)
_BEND = (
    f'<path d="M70,52 V100" style="{_BODY}"/><path d="M70,62 L92,78 L112,76" style="{_BODY};stroke-width:7"/>'
    f'<path d="M116,60 V176 M116,76 H136 M136,60 V176" style="{_BODY};stroke-width:4;stroke:var(--kt-dim)"/>'
    f'<path d="M70,100 V176 H82" style="{_BODY}"/>'
    f'<path d="M68,138 V174" style="{_FAINT}"/>'
    f'<path d="M70,100 L68,138 L32,146 L28,134" style="{_LEG}"/>'
    f'<path d="M54,178 A44,44 0 0 1 30,162 m1,10 l-1,-11 l10,3" style="{_ARROW}"/>'
)
_WALK = (
    f'<path d="M70,52 L69,100" style="{_BODY}"/>'
    f'<path d="M70,60 L54,80 L60,98 M70,60 L86,82 L100,88" style="{_BODY};stroke-width:7"/>'
    f'<path d="M69,100 L56,138 L34,168 L42,174" style="{_BODY}"/>'
    f'<path d="M69,100 L88,134 L96,172 L110,170" style="{_LEG}"/>'
    f'<path d="M112,112 H134 m-8,-7 l8,7 l-8,7" style="{_ARROW}"/>'
)


def poses_svg() -> str:
    """Three SVG elements, one for each step of the guide, classes kt-pose-1 to kt-pose-3."""
    drawn = []
    for number, (words, lines) in enumerate(
        (("a person who stands", _STAND), ("a person who bends one knee", _BEND), ("a person who walks", _WALK)),
        start=1,
    ):
        drawn.append(
            f'<svg class="kt-pose-{number}" viewBox="10 20 140 166" role="img" aria-label="{words}" '
            f'xmlns="http://www.w3.org/2000/svg"><path d="M18,182 H142" style="{_GROUND}"/>'
            f'<circle cx="70" cy="36" r="12" style="fill:var(--kt-ink)"/>{lines}</svg>'
        )
    return "".join(drawn)
