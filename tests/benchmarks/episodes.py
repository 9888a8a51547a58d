"""Valgus episodes and exercise sets on simulated people, from their sensors' signals, live and offline.

    python -m tests.benchmarks.episodes [--people 20] [--seed 500]

Each person does an everyday session, judged with the population's clean movement, and an exercise session: calibration,
a few slow clean repetitions of each exercise, then sets with collapses. Its sets are judged with the population's clean
movement and with the person's own, learnt from the guided repetitions as the analysis itself saw them. `process` is the
two-sided analysis, `replay` the causal engine. Seeds 20 to 43 were used to choose parameters.

Confidence: "truly above the threshold" holds an episode against the true angles and the same person's true clean
movement, so that the estimate's error and what is not known of the clean movement both count.
"""

import argparse
from dataclasses import replace

import numpy as np

from pipeline.blocks import LegBlock
from pipeline.clean import CleanReference, guided_pieces, learn_clean
from pipeline.movement import Movement, MovementParameters, MovementUpdate, analyse
from pipeline.population import population_reference
from pipeline.records import Side
from pipeline.rows import StepRow
from pipeline.thresholds import ValgusParameters
from tests.benchmarks.episode_scores import Score, SetScore, truly_above
from tests.benchmarks.episode_sessions import KINDS, EpisodeSession, session

WAYS = ("process", "replay")


def judged(side: Side, block: LegBlock, way: str, valgus: ValgusParameters) -> MovementUpdate:
    """Steps, episodes and events, both ways in time or causal."""
    parameters = MovementParameters(valgus=valgus)
    if way != "replay":
        return analyse(side, block, parameters=parameters)
    leg = Movement(side, parameters)
    update, last = leg.update(block), leg.finish()
    update.episodes += last.episodes
    update.events += last.events
    return update


def own_clean(block: LegBlock, steps: list[StepRow]) -> CleanReference:
    """A person's clean movement from steps and repetitions, on top of the population's."""
    known = [step for step in steps if step.activity != "other"]
    return learn_clean(guided_pieces(block, known), population_reference())


def true_clean(one: EpisodeSession) -> CleanReference:
    """The person's true clean movement: every step and repetition of the session without a collapse in it."""
    update = analyse(one.side, one.truth)
    collapses = [(row.start_s, row.end_s) for row in one.collapses.itertuples()]
    clean = [s for s in update.steps if not any(s.start_s < end and s.end_s > start for start, end in collapses)]
    return own_clean(one.truth, clean)


class Totals:
    """Scores by (kind of session, clean reference, way)."""

    def __init__(self) -> None:
        self.scores: dict[tuple[str, str, str], Score] = {}
        self.sets: dict[str, SetScore] = {way: SetScore() for way in WAYS}

    def add(self, one: EpisodeSession) -> None:
        """All ways of one session."""
        truth = true_clean(one)
        for way in WAYS:
            block = one.block(way)
            usual = ValgusParameters()
            update = judged(one.side, block, way, usual)
            self._score(one, way, "population", usual, update, truth)
            if not one.guided_s:
                continue
            sets = [
                e.fields for e in update.events if e.kind == "set" and float(str(e.fields["start_s"])) > one.guided_s
            ]
            self.sets[way].add(one.sets[one.sets["start_s"] > one.guided_s], sets)
            guided = [step for step in update.steps if step.end_s < one.guided_s]
            own = replace(usual, clean=own_clean(block, guided))
            self._score(one, way, "own", own, judged(one.side, block, way, own), truth)

    def _score(
        self,
        one: EpisodeSession,
        way: str,
        reference: str,
        parameters: ValgusParameters,
        update: MovementUpdate,
        clean: CleanReference,
    ) -> None:
        score = self.scores.setdefault((one.kind, reference, way), Score())
        episodes = [e for e in update.episodes if e.start_s >= one.guided_s]
        steps = [s for s in update.steps if s.start_s >= one.guided_s]
        collapses = one.collapses[one.collapses["start_s"] >= one.guided_s]
        truly = [truly_above(e, one.truth, clean, parameters) for e in episodes]
        score.add(one.seed, collapses, episodes, steps, truly, one.block(way))
        if way == "replay":
            events = [e for e in update.events if e.time_s >= one.guided_s]
            score.cues(events, episodes, parameters.shortest_s)

    def together(self, way: str, reference: str) -> Score:
        """Both kinds of session; the everyday one always with the population's clean movement."""
        parts = [self.scores["everyday", "population", way], self.scores["exercises", reference, way]]
        whole = Score()
        for name in ("large", "large_found", "large_blind", "small", "small_found", "false", "clean_steps"):
            setattr(whole, name, sum(getattr(p, name) for p in parts))
        for name in ("collapses", "measures", "false_by", "drivers", "changed", "confidences", "late_s"):
            for part in parts:
                whole_part = getattr(whole, name)
                whole_part.update(getattr(part, name)) if isinstance(whole_part, dict) else whole_part.extend(
                    getattr(part, name)
                )
        for seed in parts[0].per_person:
            figures = [p.per_person.get(seed, (0, 0, 0, 0)) for p in parts]
            a, b, c, d = (sum(column) for column in zip(*figures, strict=True))
            whole.per_person[seed] = (a, b, c, d)
        return whole

    def show(self) -> None:
        """Print everything."""
        for (kind, reference, way), score in sorted(self.scores.items()):
            print(f"{kind}, clean movement of the {'person' if reference == 'own' else reference}, {way}")
            print("\n".join(f"  {line}" for line in score.lines()))
        for way in WAYS:
            print(f"sets, {way}: {self.sets[way].line()}")
            for reference in ("population", "own"):
                whole = self.together(way, reference)
                print(f"both sessions, {way}, {reference}")
                for lines in (whole.lines(), whole.parts(), whole.reliability(), whole.cue_lines()):
                    print("\n".join(f"  {line}" for line in lines))


def main() -> None:
    """Simulate, analyse, judge, print."""
    parser = argparse.ArgumentParser(description="valgus episodes and sets of simulated people against their truth")
    parser.add_argument("--people", type=int, default=20)
    parser.add_argument("--seed", type=int, default=500, help="the first of them; below 100 were tuned on")
    arguments = parser.parse_args()
    totals = Totals()
    seconds = 0.0
    for seed in range(arguments.seed, arguments.seed + arguments.people):
        for kind in KINDS:
            one = session(seed, kind)
            seconds += len(one.truth) / one.truth.rate_hz
            totals.add(one)
    print(f"{arguments.people} people from seed {arguments.seed}, {np.round(seconds / 3600, 1)} h")
    totals.show()


if __name__ == "__main__":
    main()
