"""Releasing a model as pure functions: who gets it, what is counted, what that shows, and what should come next."""

from vigie.release.apart import Apart, apart_of
from vigie.release.assignment import CHALLENGER, CHAMPION, FALLBACK, HOLDOUT, HoldOut, Places
from vigie.release.cells import Concurrent, Evidence, pooled
from vigie.release.guardrails import Guardrails, Verdict, judge
from vigie.release.plan import STRATEGIES, Plan, Step, plan_of
from vigie.release.power import Seen, seen_after
from vigie.release.rollout import Move, Rollout, Standing, folded, next_move
from vigie.release.shadow import ShadowSeen, shadow_seen

__all__ = [
    "CHALLENGER",
    "CHAMPION",
    "FALLBACK",
    "HOLDOUT",
    "STRATEGIES",
    "Apart",
    "Concurrent",
    "Evidence",
    "Guardrails",
    "HoldOut",
    "Move",
    "Places",
    "Plan",
    "Rollout",
    "Seen",
    "ShadowSeen",
    "Standing",
    "Step",
    "Verdict",
    "apart_of",
    "folded",
    "judge",
    "next_move",
    "plan_of",
    "pooled",
    "seen_after",
    "shadow_seen",
]
