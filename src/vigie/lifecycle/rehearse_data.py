"""A rehearsal as plain data, for JSON."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Any

from vigie.clock import DAY, iso

if TYPE_CHECKING:
    from vigie.lifecycle.rehearse import Outcome, Rehearsal
    from vigie.lifecycle.rehearse_records import Alarm
    from vigie.training.evidence import Estimate

VERDICTS = ("true", "confirmed", "already", "early", "false")
"""What an alarm was, where changes are known."""


def data_of(found: Rehearsal) -> dict[str, Any]:
    """All of it; what is not known is null. Times are ISO 8601."""
    return {
        "score": found.score,
        "from": iso(found.begin),
        "to": iso(found.end),
        "step_days": found.step / DAY,
        "bake_days": found.bake / DAY,
        "gate": found.gated,
        "as_of": iso(found.today),
        "horizon_days": found.horizon / DAY,
        "currency": found.currency,
        "decisions": found.decisions,
        "waiting": found.waiting,
        "customers": found.customers,
        "models": list(found.models),
        "changes": [iso(one) for one in found.changes],
        "best": found.best.name,
        "beyond_chance": found.paid,
        "policies": [_outcome(one, known=bool(found.changes)) for one in found.outcomes],
        "seconds": round(found.seconds, 1),
    }


def _outcome(one: Outcome, *, known: bool) -> dict[str, Any]:
    return {
        "policy": one.name,
        "value": one.value,
        "more_than_never": _ends(one.more),
        "more_for_one_decision": _ends(one.each),
        "trainings": one.trainings,
        "released": one.released,
        "alarms": [_alarm(a) for a in one.alarms],
        "alarms_by_verdict": {name: one.count(name) for name in VERDICTS} if known else None,
        "detection_days": [_number(delay) for delay in one.delays],
        "found_as_soon_by_chance": [{"share": _number(c.share), "days": c.days} for c in one.chances],
        "rang_already": [list(names) for names in one.already],
        "estimates": {name: {"checked": count, "held": held} for name, (count, held) in one.coverage.items()},
        "cohorts": [
            {"moment": iso(p.moment), "rows": p.rows, "acted": p.acted, "value": p.value, "auc": _number(p.auc),
             "auc_estimated": [_number(x) for x in p.estimated], "total": p.total, "more_than_never": _ends(p.more)}
            for p in one.points
        ],
        "calendar": [{"at": iso(e.at), "kind": e.kind, "model": e.model, "words": e.words} for e in one.events],
    }  # fmt: skip


def _alarm(a: Alarm) -> dict[str, Any]:
    return {
        "at": iso(a.at), "until": _moment(a.until), "area": a.area, "codes": list(a.codes), "model": iso(a.model)[:10],
        "since": iso(a.since), "confirmed": a.confirmed, "verdict": a.verdict or None, "words": a.words,
        "things": [{"code": t.code, "subject": t.subject, "at": iso(t.at), "until": _moment(t.until), "began": iso(t.began)} for t in a.things],
    }  # fmt: skip


def _moment(at: int | None) -> str | None:
    return None if at is None else iso(at)


def _ends(one: Estimate) -> dict[str, float | None]:
    return {"value": _number(one.value), "low": _number(one.low), "high": _number(one.high)}


def _number(value: float) -> float | None:
    return None if not math.isfinite(value) else float(value)
