"""Where the sensors are strapped, as a drawing: a leg from the front and from the outside, in proportions of an adult.

Thigh: the middle of its outer side, over the tract that lies on the muscle rather than on the muscle's belly. Shank:
the inner, flat side of the shin bone, a hand below the knee, where only skin lies over bone.
"""

_BODY = "fill:var(--kt-skin);stroke:var(--kt-skin-edge);stroke-width:2;stroke-linejoin:round"
_STRAP = "fill:var(--kt-strap);stroke:none"
_SENSOR = "fill:var(--kt-sensor);stroke:var(--kt-ground);stroke-width:2"
_TEXT = "fill:var(--kt-ink);font:600 15px system-ui,sans-serif"
_SMALL = "fill:var(--kt-dim);font:13px system-ui,sans-serif"

# The person's right leg; in the front view its outer side is on the left of the picture.
_FRONT = (
    "M62,20 C52,70 54,150 66,206 C68,222 66,236 66,250 C58,290 64,340 76,392 C78,402 76,408 72,416 C62,428 56,436 "
    "60,442 L104,442 C108,434 106,424 102,414 C100,404 102,396 106,386 C116,340 122,290 114,250 C116,236 116,222 "
    "118,206 "
    "C134,150 144,70 142,20 Z"
)
_SIDE = (
    "M52,20 C44,80 52,150 66,204 C68,214 64,226 62,236 C48,280 54,330 70,390 C72,402 68,414 64,424 C62,436 66,442 "
    "74,442 L152,442 C158,436 152,426 138,420 C120,414 108,404 104,392 C106,340 116,290 112,250 C120,236 122,216 "
    "116,200 "
    "C130,150 140,80 134,20 Z"
)


def placement_svg() -> str:
    """One SVG element, 500 units wide, coloured by the page's own variables."""
    return (
        '<svg viewBox="0 0 500 500" role="img" aria-label="One sensor on the outer side of the thigh, half way down; '
        'one on the inner, flat side of the shin bone, a hand below the knee." xmlns="http://www.w3.org/2000/svg">'
        f'<g transform="translate(56,20)">{_front()}</g>'
        f'<g transform="translate(300,20)">{_side()}</g></svg>'
    )


def _front() -> str:
    return (
        f'<path d="{_FRONT}" style="{_BODY}"/>'
        f'<ellipse cx="92" cy="228" rx="19" ry="21" style="{_BODY};fill:none"/>'
        # Straps follow the outline; the sensor of the thigh is seen from its edge.
        f'<path d="M54,108 Q98,120 141,104 L140,126 Q98,142 56,130 Z" style="{_STRAP}"/>'
        f'<rect x="46" y="98" width="17" height="40" rx="5" style="{_SENSOR}"/>'
        f'<path d="M62,288 Q92,298 117,286 L116,306 Q92,318 63,308 Z" style="{_STRAP}"/>'
        f'<rect x="91" y="276" width="24" height="40" rx="6" style="{_SENSOR}" transform="rotate(-4 103 296)"/>'
        f'<text x="92" y="474" text-anchor="middle" style="{_TEXT}">from the front</text>'
        f'<text x="30" y="14" text-anchor="end" style="{_SMALL}">outer</text>'
        f'<text x="30" y="30" text-anchor="end" style="{_SMALL}">side</text>'
        + _number(29, 118, 1)
        + _number(136, 296, 2)
    )


def _side() -> str:
    return (
        f'<path d="{_SIDE}" style="{_BODY}"/>'
        f'<path d="M50,106 Q92,118 133,104 L131,126 Q92,140 52,128 Z" style="{_STRAP}"/>'
        f'<rect x="78" y="96" width="26" height="42" rx="6" style="{_SENSOR}"/>'
        f'<path d="M55,286 Q88,296 110,284 L109,304 Q88,316 57,306 Z" style="{_STRAP}"/>'
        f'<rect x="96" y="280" width="12" height="32" rx="4" style="{_SENSOR};opacity:.55"/>'
        f'<text x="92" y="474" text-anchor="middle" style="{_TEXT}">from the outside</text>'
        + _number(92, 78, 1)
        + _number(128, 296, 2)
    )


def _number(x: int, y: int, number: int) -> str:
    """A numbered dot."""
    return (
        f'<circle cx="{x}" cy="{y}" r="12" style="fill:var(--kt-accent)"/>'
        f'<text x="{x}" y="{y + 5}" text-anchor="middle" style="fill:var(--kt-card);font:700 14px system-ui">'
        f"{number}</text>"
    )
