"""What is looked at, in which order: a function of the rows, the options and the looks that are through.

1. *defaults*: every candidate as it is.
2. *wide*: every candidate with parameters, anywhere in its space; dear candidates fewer times.
3. *fine*: the best two or three again, near the best sets found.
4. *full*: what won by a sketch (fewer trees, bags or rows), as it would be fitted in the end.

A slot may be begun as soon as all slots of the same candidate that lie at least ``lag`` before it are through, and its
parameters follow from exactly those. So up to ``lag`` processes can be busy, and however many are, the same sets come.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from functools import cached_property

from vigie.training.candidates import Candidate
from vigie.training.search.ask import ask, behind, grid, narrowed
from vigie.training.search.problem import Problem
from vigie.training.search.records import Look, Slot, Stage

MOST_TRIALS, FEWEST_TRIALS = 24, 10
MOST_TRIALS_ROWS, MOST_TRIALS_WIDTH = 10_000, 50
"""Up to so many rows and features the default number of trials is ``MOST_TRIALS``; beyond, it falls with the root of both."""
WIDE = 0.6
"""Share of the trials that go anywhere in the spaces; the rest goes near the best."""
FINALISTS, MANY_TRIALS = 2, 60
"""Candidates that are searched near their best sets; one more from ``MANY_TRIALS`` trials on."""
HOPELESS = 0.95
"""Share of what the best gains over the dummy that a candidate has to gain to be searched on."""
BEST_SETS = 3
"""Sets of a candidate whose surroundings are searched."""


def default_trials(rows: int, width: int) -> int:
    """Trials beside the defaults, for so many training rows and features."""
    size = max(1.0, rows / MOST_TRIALS_ROWS) * max(1.0, width / MOST_TRIALS_WIDTH)
    return max(FEWEST_TRIALS, round(MOST_TRIALS / math.sqrt(size)))


class Plan:
    """Of one problem.

    Attributes:
        problem: What is searched.
        trials: Sets to look at beside the defaults.
        lag: Slots that a slot does not look back on.
    """

    def __init__(self, problem: Problem) -> None:
        self.problem = problem
        options = problem.options
        asked = (
            default_trials(len(problem.rows), len(problem.rows.columns)) if options.trials is None else options.trials
        )
        self.trials = asked if problem.searched() else 0
        self.lag = max(4, min(32, self.trials // 8))
        self.maximise = options.objective != "log_loss"

    @cached_property
    def _fixed(self) -> tuple[Slot, ...]:
        """The slots that are known from the start."""
        slots = [Slot(i, c.name, "defaults", 0) for i, c in enumerate(self.problem.candidates)]
        candidates = self.problem.searched()
        several = self.problem.options.method != "grid" and self.trials >= 2 * len(candidates)
        count = round(WIDE * self.trials) if several else self.trials
        return tuple(slots + self._spread(candidates, count, "wide", len(slots)))

    @cached_property
    def _grids(self) -> dict[str, list[dict[str, object]]]:
        wide = [slot.candidate for slot in self._fixed if slot.stage == "wide"]
        seed = self.problem.options.seed
        return {c.name: grid(c.space, wide.count(c.name), seed) for c in self.problem.searched()}

    def slots(self, looks: Mapping[int, Look]) -> tuple[Slot, ...]:
        """All that are known so far, in order; final when :meth:`complete`."""
        known = self._fixed
        if not _through(known, looks):
            return known
        wide = [looks[slot.number] for slot in known]
        left = self.trials - sum(slot.stage == "wide" for slot in known)
        if left:
            known += tuple(self._spread(self._finalists(wide), left, "fine", len(known)))
            if not _through(known, looks):
                return known
        return known + tuple(self._again([looks[slot.number] for slot in known], len(known)))

    def total(self, looks: Mapping[int, Look]) -> int:
        """How many slots there will be, as far as can be told."""
        again = sum(self.problem.sketched(candidate) for candidate in self.problem.searched()) if self.trials else 0
        known = self.slots(looks)
        if any(slot.stage == "full" for slot in known) or _through(known, looks):
            return len(known)
        return len(self.problem.candidates) + self.trials + again

    def complete(self, looks: Mapping[int, Look]) -> bool:
        """Whether everything is through."""
        return _through(self.slots(looks), looks)

    def ready(self, slot: Slot, looks: Mapping[int, Look]) -> bool:
        """Whether everything that *slot* looks back on is through."""
        return all(other.number in looks for other in self._before(slot, self.slots(looks)))

    def params(self, slot: Slot, looks: Mapping[int, Look]) -> dict[str, object]:
        """The parameters of *slot*, which is ready."""
        candidate, options = self.problem.candidate(slot.candidate), self.problem.options
        if slot.stage == "defaults":
            return {}
        if slot.stage == "full":
            return dict(self._best_sketch(candidate, [looks[s.number] for s in self._before(slot, self.slots(looks))]))
        if self._sketches_defaults(slot):
            return {}
        if options.method == "grid":
            sets = self._grids[slot.candidate]
            # A space may have fewer points than there are trials; the rest is drawn.
            if slot.rank < len(sets):
                return sets[slot.rank]
        history, space = self.history(slot, looks), candidate.space
        if slot.stage == "fine":
            wide = [look for look in looks.values() if look.slot.stage in ("defaults", "wide")]
            best = self._ranked([look for look in wide if self._comparable(look, slot)])[:BEST_SETS]
            space = narrowed(space, [{**look.outcome.point, **look.params} for look in best])
        method = "bayesian" if options.method == "bayesian" else "random"
        return ask(method, space, history, seed=options.seed, number=slot.number, maximise=self.maximise)

    def history(self, slot: Slot, looks: Mapping[int, Look]) -> list[Look]:
        """The looks at the same candidate, in the same way, that *slot* looks back on."""
        before = [looks[other.number] for other in self._before(slot, self.slots(looks))]
        return [look for look in before if self._comparable(look, slot)]

    def full(self, slot: Slot) -> bool:
        """Whether *slot* is looked at as the candidate would be fitted in the end."""
        return slot.stage in ("defaults", "full") or not self.problem.sketched(self.problem.candidate(slot.candidate))

    def falls_behind(self, slot: Slot, looks: Mapping[int, Look], steps: Sequence[float]) -> bool:
        """Whether *slot* should be given up after such *steps*."""
        if slot.stage in ("defaults", "full") or self._sketches_defaults(slot):
            return False
        return behind(steps, self.history(slot, looks))

    # -- inside ---------------------------------------------------------------------------------------------------------

    def _sketches_defaults(self, slot: Slot) -> bool:
        """Whether *slot* is the sketch of the defaults, which the other sketches are compared with."""
        if slot.stage != "wide" or slot.rank or not self.problem.sketched(self.problem.candidate(slot.candidate)):
            return False
        return sum(s.stage == "wide" and s.candidate == slot.candidate for s in self._fixed) > 1

    def _before(self, slot: Slot, slots: Sequence[Slot]) -> list[Slot]:
        lag = 1 if slot.stage == "full" else self.lag
        return [s for s in slots if s.candidate == slot.candidate and s.number <= slot.number - lag and s.number >= 0]

    def _comparable(self, look: Look, slot: Slot) -> bool:
        return look.slot.candidate == slot.candidate and self.full(look.slot) == self.full(slot)

    def _spread(self, candidates: Sequence[Candidate], count: int, stage: Stage, first: int) -> list[Slot]:
        """*count* slots for *candidates*: more for many parameters, fewer for dear fits, taking turns."""
        weights = [len(candidate.space) / math.sqrt(candidate.cost) for candidate in candidates]
        exact = [count * weight / sum(weights) for weight in weights]
        shares = [int(share) for share in exact]
        # What rounding left over goes to those it took most from.
        for i in sorted(range(len(exact)), key=lambda i: shares[i] - exact[i])[: count - sum(shares)]:
            shares[i] += 1
        turns = [((rank + 0.5) / share, i, rank) for i, share in enumerate(shares) for rank in range(share)]
        return [Slot(first + k, candidates[i].name, stage, rank) for k, (_, i, rank) in enumerate(sorted(turns))]

    def _finalists(self, looks: Sequence[Look]) -> list[Candidate]:
        """The best few, without those that gain clearly less over the dummy than the best does."""
        best: dict[str, float] = {}
        for candidate in self.problem.candidates:
            ranked = self._ranked([look for look in looks if look.slot.candidate == candidate.name])
            if ranked:
                best[candidate.name] = self._goal(ranked[0])
        names = sorted((c.name for c in self.problem.searched()), key=lambda name: best[name])
        most = FINALISTS + (self.trials >= MANY_TRIALS)
        nothing = best.get("dummy", max(best.values()))
        gains = {name: nothing - best[name] for name in names}
        line = HOPELESS * gains[names[0]]
        return [self.problem.candidate(name) for name in names[:most] if name == names[0] or gains[name] >= line]

    def _again(self, looks: Sequence[Look], first: int) -> list[Slot]:
        """For each sketched candidate that is not hopeless, the best sketch, unless that is the defaults'."""
        if not self.trials:
            return []
        hopeful = {candidate.name for candidate in self._finalists(looks)}
        names = [
            candidate.name
            for candidate in self.problem.searched()
            if candidate.name in hopeful and self.problem.sketched(candidate) and self._best_sketch(candidate, looks)
        ]
        return [Slot(first + i, name, "full", 0) for i, name in enumerate(names)]

    def _best_sketch(self, candidate: Candidate, looks: Sequence[Look]) -> Mapping[str, object]:
        own = [look for look in looks if look.slot.candidate == candidate.name and not self.full(look.slot)]
        ranked = self._ranked(own)
        return ranked[0].params if ranked else {}

    def _ranked(self, looks: Sequence[Look]) -> list[Look]:
        """Those that went through, the best first; of equals the first looked at."""
        done = [look for look in looks if look.outcome.state == "done" and not math.isnan(look.outcome.objective)]
        return sorted(done, key=lambda look: (self._goal(look), look.slot.number))

    def _goal(self, look: Look) -> float:
        return -look.outcome.objective if self.maximise else look.outcome.objective


def _through(slots: Sequence[Slot], looks: Mapping[int, Look]) -> bool:
    return all(slot.number in looks for slot in slots)
