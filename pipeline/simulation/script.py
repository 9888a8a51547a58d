"""What a person does: a list of bouts, one after the other, each beginning and ending in standing.

Neighbouring walking and stairs bouts flow into one another without a stop (see `flows`). Collapses are part of the
script: which leg, which step or repetition of the bout, what kind, how large.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import Literal

import numpy as np

from pipeline.errors import BadInputError
from pipeline.records import Side

Kind = Literal["abduction", "collapse", "both"]
Driver = Literal["hip", "foot", "frontal"]


@dataclass(frozen=True, slots=True)
class Collapse:
    """A medial collapse of one leg in one step or repetition.

    index: counted from 0 over that leg's contacts (steps) or repetitions in the bout.
    kind: `abduction` (the knee abducts by size_deg), `collapse` (medial collapse rises by size_deg without abduction:
    the femur turns in over a planted foot; only where the shank leans forward), `both` (abduction by size_deg, collapse
    by more).
    driver: `hip` (the thigh leans and turns inward), `foot` (the tibia turns inward under it), `frontal` (no turning).
    """

    side: Side
    index: int
    kind: Kind
    driver: Driver
    size_deg: float


@dataclass(frozen=True, slots=True)
class Bout:
    """One piece of a script.

    what: stand, flex, seated_flex, walk, up, down, lunge, squat, single_leg_squat, deadlift, step_up, step_down, sit
    (sit to stand and back), sitting, talk (standing at ease), reach, kneel, turn, lift.
    amount: seconds for stand, walk, sitting, talk, reach, kneel, turn and lift; steps for up and down; repetitions
    otherwise.
    lead: the leg that begins (walking, stairs) or does it (lunge, flex, seated_flex, step_up, step_down,
    single_leg_squat). alternate: repetitions change legs. speed: 1 is the person's own. slope_deg: uphill +.
    style: "stiff" walks with stiff knees, "limp" spares the lead leg; "sloppy" repeats carelessly, "shallow" bends half
    as far (squats). turn_deg: heading change spread over a walk.
    """

    what: str
    amount: float
    lead: Side = Side.RIGHT
    alternate: bool = False
    speed: float = 1.0
    slope_deg: float = 0.0
    turn_deg: float = 0.0
    style: str = ""
    collapses: tuple[Collapse, ...] = field(default=())


Script = Sequence[Bout]

FLOWING = frozenset({"walk", "up", "down"})
TIMED = frozenset({"stand", "walk", "sitting", "talk", "reach", "kneel", "turn", "lift"})
COUNTED = frozenset(
    {"flex", "up", "down", "lunge", "squat", "single_leg_squat", "deadlift", "step_up", "step_down", "sit"}
    | {"seated_flex"}
)
_LONGEST_S = 4 * 3600.0


def flows(script: Script) -> Iterator[tuple[Bout, ...]]:
    """The script in pieces that begin and end in standing: runs of walking and stairs together, all else alone."""
    run: list[Bout] = []
    for bout in script:
        if bout.what in FLOWING:
            run.append(bout)
            continue
        if run:
            yield tuple(run)
            run = []
        yield (bout,)
    if run:
        yield tuple(run)


def mirrored(script: Script) -> list[Bout]:
    """The same script with left and right exchanged."""
    other = {Side.LEFT: Side.RIGHT, Side.RIGHT: Side.LEFT}
    return [
        replace(
            bout,
            lead=other[bout.lead],
            turn_deg=-bout.turn_deg,
            collapses=tuple(replace(c, side=other[c.side]) for c in bout.collapses),
        )
        for bout in script
    ]


def parse_script(text: str) -> list[Bout]:
    """A script from text such as `stand:5,flex:6,walk:30,up:10,down:10,lunge:8,squat:8`.

    Each item is what:amount, optionally followed by `@left` or `@right` (lead leg) and `*1.3` (speed).
    Raises BadInputError, naming the item that cannot be read.
    """
    bouts = []
    for item in text.split(","):
        item = item.strip()
        if not item:
            continue
        bouts.append(_parse_item(item))
    if not bouts:
        raise BadInputError('the script is empty: give items such as "stand:5,flex:6,walk:30"')
    return bouts


def _parse_item(item: str) -> Bout:
    rest, _, speed = item.partition("*")
    rest, _, lead = rest.partition("@")
    what, _, amount = rest.partition(":")
    known = sorted(TIMED | COUNTED)
    if what not in known:
        raise BadInputError(f'script item "{item}": "{what}" is not known; use one of {", ".join(known)}')
    try:
        bout = Bout(what, float(amount), Side(lead or "right"), speed=float(speed or 1.0))
    except ValueError:
        raise BadInputError(f'script item "{item}": write it as {what}:number, {what}:number@left or *speed') from None
    if not 0.0 < bout.amount <= _LONGEST_S or not 0.2 <= bout.speed <= 2.0:
        raise BadInputError(f'script item "{item}": the number must be above 0 (at most 4 h), the speed 0.2 to 2')
    if what in COUNTED and bout.amount != int(bout.amount):
        raise BadInputError(f'script item "{item}": {what} is counted in whole steps or repetitions')
    return bout


def scripted_session(sides: Sequence[Side] = (Side.RIGHT,)) -> list[Bout]:
    """The demonstration: stand 5 s, flex each instrumented knee six times in 12 s, then walk, climb, descend and lunge,
    collapsing now and then, so that 45 s already show steps of several activities. Meant to repeat."""
    main = sides[0]
    script = [Bout("stand", 5.0)]
    script += [Bout("flex", 6, lead=side) for side in sides]

    def inward(index: int, kind: Kind, driver: Driver, size: float) -> Collapse:
        return Collapse(main, index, kind, driver, size)

    script += [
        Bout("walk", 7.0, lead=main, collapses=(inward(3, "abduction", "foot", 9.0),)),
        Bout("up", 5, lead=main, collapses=(inward(1, "both", "hip", 10.0),)),
        Bout("walk", 2.0, lead=main),
        Bout("down", 5, lead=main, collapses=(inward(1, "abduction", "hip", 10.0),)),
        Bout("walk", 2.0, lead=main),
        Bout("lunge", 3, lead=main, collapses=(inward(1, "both", "hip", 12.0),)),
        Bout("stand", 3.0),
        Bout("squat", 4, lead=main, collapses=(inward(2, "collapse", "hip", 12.0),)),
        Bout("stand", 2.0),
        Bout("walk", 20.0, lead=main, turn_deg=90.0, collapses=(inward(8, "abduction", "hip", 9.0),)),
        Bout("stand", 3.0),
        Bout("step_down", 4, lead=main, collapses=(inward(2, "both", "hip", 10.0),)),
        Bout("stand", 2.0),
    ]
    return script


def everyday_script(
    rng: np.random.Generator, *, sides: Sequence[Side] = (Side.RIGHT,), collapse_rate: float = 0.2, walk_s: float = 60.0
) -> list[Bout]:
    """A session as in the benchmarks: standing, 6 to 8 flexions, walking of at least `walk_s`, stairs, exercises,
    walking at another speed, with quiet standings between. collapse_rate: share of steps that collapse."""
    script = [Bout("stand", float(rng.uniform(5.5, 7.0)))]
    script += [Bout("flex", int(rng.integers(6, 9)), lead=side) for side in sides]
    main: list[Bout] = [Bout("walk", walk_s + float(rng.uniform(0.0, 15.0)), turn_deg=float(rng.uniform(-120, 120)))]
    blocks: list[list[Bout]] = [
        [
            Bout("walk", 4.0),
            Bout("up", int(rng.integers(10, 15))),
            Bout("walk", 3.0),
            Bout("down", int(rng.integers(10, 15))),
        ],
        [Bout("lunge", int(rng.integers(8, 13)), alternate=bool(rng.uniform() < 0.5))],
        [Bout("squat", int(rng.integers(8, 13)))],
        [Bout("step_down", int(rng.integers(6, 10)))],
        [Bout("step_up", int(rng.integers(6, 10)))],
        [Bout("single_leg_squat", int(rng.integers(5, 8)))],
        [Bout("sit", int(rng.integers(3, 6)))],
        [Bout("walk", float(rng.uniform(20, 30)), speed=float(rng.choice([0.55, 1.25])))],
    ]
    for k in rng.permutation(len(blocks)):
        main += [Bout("stand", float(rng.uniform(3.0, 6.0))), *blocks[int(k)]]
    main.append(Bout("stand", 5.0))
    script += [_led(bout, rng, sides, collapse_rate) for bout in main]
    return script


def idle_script(rng: np.random.Generator, seconds: float = 600.0) -> list[Bout]:
    """Everyday movement with no exercise in it: sitting, talking, reaching, turning, kneeling, riding a lift."""
    script = [Bout("stand", 5.0)]
    spent = 5.0
    while spent < seconds:
        what = ("sitting", "reach", "turn", "kneel", "lift", "talk")[int(rng.integers(6))]
        lead = list(Side)[int(rng.integers(2))]
        amount = float(rng.uniform(4.0, 25.0)) if what in {"sitting", "lift", "talk"} else float(rng.uniform(3.0, 8.0))
        turn = float(rng.choice([90.0, 180.0, -90.0, -180.0]))
        script.append(Bout(what, amount, lead=lead, turn_deg=turn if what == "turn" else 0.0))
        spent += amount + 4.0
    return script


def _led(bout: Bout, rng: np.random.Generator, sides: Sequence[Side], rate: float) -> Bout:
    """The bout with a leading leg among the instrumented ones, and collapses drawn for its steps or repetitions."""
    lead = sides[int(rng.integers(len(sides)))]
    return with_collapses(replace(bout, lead=lead), rng, rate, sides)


CLEAN = frozenset(
    {"stand", "flex", "seated_flex", "sitting", "sit", "talk", "reach", "kneel", "turn", "lift", "deadlift"}
)
"""Where no collapse is drawn."""
DEEP = frozenset({"squat", "single_leg_squat", "step_down"})
"""Where the shank leans far enough for a medial collapse without abduction."""


def with_collapses(bout: Bout, rng: np.random.Generator, rate: float, sides: Sequence[Side] = (Side.RIGHT,)) -> Bout:
    """The bout with collapses in about `rate` of the steps or repetitions of each side, 8 to 14 deg, all kinds."""
    if bout.what in CLEAN or rate <= 0.0:
        return bout
    count = int(bout.amount) if bout.what in COUNTED else int(bout.amount * 0.9)
    found = []
    for side in sides:
        for index in range(1, count):
            if rng.uniform() >= rate:
                continue
            kinds: tuple[Kind, ...] = ("abduction", "both", "collapse") if bout.what in DEEP else ("abduction", "both")
            kind = kinds[int(rng.integers(len(kinds)))]
            drivers: tuple[Driver, ...] = ("hip", "foot", "frontal") if kind == "abduction" else ("hip",)
            driver = drivers[int(rng.integers(len(drivers)))]
            found.append(Collapse(side, index, kind, driver, float(rng.uniform(8.0, 14.0))))
    return replace(bout, collapses=tuple(found))
