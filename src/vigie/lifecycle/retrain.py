"""Renew a model without anybody: plan, train, check, gate, register, release, and what became of it.

Every step leaves a line in the ledger once it is done (:mod:`vigie.lifecycle.renewal`). Killed anywhere and run again, it goes on
behind the last line: a training that was cut off is made again for the same moment on the same data, with the trials that are kept,
and gives the same bundle; a version is found again by the bundle's hash; a rollout by its challenger.
"""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from vigie.clock import FixedClock
from vigie.errors import JournalError, RegistryError, SettingsError, TrainingError, VigieError, did_you_mean
from vigie.lifecycle.gate import gate, gate_options
from vigie.lifecycle.project import Project
from vigie.lifecycle.renewal import (
    HELD,
    REGISTERED,
    RELEASED,
    STARTED,
    TRAINED,
    TRIED,
    Renewal,
    Renewals,
    renewals_of,
    write,
)
from vigie.lifecycle.reproduce import PinnedLake
from vigie.lifecycle.retrain_follow import AT_ONCE, awaited, end, followed
from vigie.lifecycle.retrain_kept import TAG, keep, kept
from vigie.lifecycle.retrain_plan import champion_of, declared_policy, situation_of
from vigie.lifecycle.train import make_model, part, tell
from vigie.lifecycle.train_options import train_options
from vigie.watch.policy import RetrainPlan, plan

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger
    from vigie.registry import ModelVersion
    from vigie.training import TrainingResult, TrainOptions
    from vigie.watch.policy import Policy
    from vigie.watch.signal import Signal

Progress = Callable[[str, float], None]
Release = Literal["rollout", "champion", "wait"]
RELEASES: tuple[Release, ...] = ("rollout", "champion", "wait")
_WHERE = "[retrain]"
MOST_ATTEMPTS = 5
"""How often a training is begun before the renewal is given up: leaves room for a machine that is restarted, and not for an
error that comes each time."""


@dataclass(frozen=True, slots=True)
class Retrained:
    """What came of a call.

    Attributes:
        plan: Whether to train, and why; ``None`` where an earlier renewal was gone on with.
        renewal: The last one; ``None``: there was none yet.
        began: Whether this call began it.
        waits: What it waits for, or what holds back the next one: a rollout, with its step and time. Empty where nothing does.
    """

    plan: RetrainPlan | None
    renewal: Renewal | None
    began: bool = False
    waits: str = ""


def release_of(project: Project, score: str) -> tuple[Release, str]:
    """What becomes of a version that passes the gate, and the strategy of its rollout.

    Raises:
        SettingsError: ``release`` or ``strategy`` is not known, or no rollout can be planned by ``[rollout]``.
    """
    from vigie.lifecycle.rollout import way_of
    from vigie.release.plan import STRATEGIES

    said = project.settings.retrain
    how, strategy = str(said.get("release", "rollout")), str(said.get("strategy", "canary"))
    for key, chosen, known in (("release", how, RELEASES), ("strategy", strategy, STRATEGIES)):
        if chosen not in known:
            raise SettingsError(f"{key} = '{chosen}' is not known", where=_WHERE, remedy=did_you_mean(chosen, known))
    if how == "rollout":
        way_of(project, score, strategy)
    return cast("Release", how), strategy


def plan_retraining(
    project: Project, ledger: Ledger, score: str, *, signals: list[Signal] | None = None, forced: bool = False
) -> RetrainPlan:
    """Whether a score should be trained anew now, and why or why not. Nothing is begun.

    Args:
        project: Where everything is; its clock says what is known.
        ledger: Of the project.
        score: Name of the score.
        signals: What watchers say; ``None``: they are asked.
        forced: Whether a person wants it.

    Raises:
        SettingsError: ``[retrain]`` cannot be meant.
        RegistryError: The registry cannot be read.
        JournalError: The ledger cannot be read.
    """
    policy, now = declared_policy(project), project.clock.now()
    release_of(project, score)
    if signals is None:
        signals = looked(project, ledger, score, now)
    renewals = renewals_of(ledger, score)
    return plan(policy, situation_of(project, ledger, score, policy, signals, renewals, now), forced=forced)


def looked(project: Project, ledger: Ledger, score: str, now: int, *, follow: bool = False) -> list[Signal]:
    """What watchers say of a score; with *follow* its incidents are brought up to date. None where it was never trained."""
    from vigie.lifecycle import watching

    if champion_of(project, score) is None:
        return []
    return (watching.watch_once if follow else watching.look)(project, ledger, score, now)


def retrain(
    project: Project,
    ledger: Ledger,
    score: str,
    *,
    forced: bool = False,
    options: TrainOptions | None = None,
    signals: list[Signal] | None = None,
    by: str = "",
    wait: bool = False,
    progress: Progress | None = None,
) -> Retrained:
    """Renew the model of a score where that is due, or go on with a renewal that was begun.

    Args:
        project: Where everything is; its clock says what is known.
        ledger: Of the project.
        score: Name of the score.
        forced: Whether to train whatever the criteria say.
        options: Of the training; ``None``: as :func:`vigie.lifecycle.train_options.train_options` has them.
        signals: What watchers say; ``None``: they are asked, and incidents follow.
        by: Who wants it, for the history.
        wait: Where another process of this machine renews the score, let it end and decide then, instead of refusing. What runs
            by itself does: it would fail for somebody being at the same work by hand.
        progress: Told what is being done and the share done.

    Raises:
        SettingsError: ``[retrain]`` or ``[rollout]`` cannot be meant.
        JournalError: Another process is at it, or the ledger cannot be used. The same can be tried again.
        RegistryError: The registry cannot be used.
        VigieError: The training failed; that is in the ledger.
    """
    from vigie.data.file_lock import locked

    # What cannot be meant is told before any work is done.
    policy = declared_policy(project)
    release_of(project, score)
    gate_options(project.settings.retrain)
    folder = project.settings.state / "renewal"
    folder.mkdir(parents=True, exist_ok=True)
    with locked(folder / f"{score}.lock", wait=wait, create=True) as lock:
        if lock is None:
            raise JournalError(
                f"another process renews {score}", where=str(folder),
                remedy="let it go on, it is resumed if it dies; or `vigie retrain --wait`",
            )  # fmt: skip
        renewals = followed(project, ledger, score)
        if renewals.open is not None and renewals.open.stage != "released":
            if renewals.open.stage == "started":
                _count_attempt(project, ledger, score, renewals, renewals.open)
            return _go_on(project, ledger, score, None, progress)
        return _begin(project, ledger, score, policy, renewals, forced, options, signals, by, progress)


def _begin(
    project: Project,
    ledger: Ledger,
    score: str,
    policy: Policy,
    renewals: Renewals,
    forced: bool,
    options: TrainOptions | None,
    signals: list[Signal] | None,
    by: str,
    progress: Progress | None,
) -> Retrained:
    now, data = project.clock.now(), _data_of(project, score)
    tell(progress, "look", 0.0)
    said = signals if signals is not None else looked(project, ledger, score, now, follow=True)
    # A look takes a while. Where a rollout ended meanwhile, what was seen is of the champion before: the next call decides.
    before, renewals = renewals.number, followed(project, ledger, score, deciding=False)
    found = plan(policy, situation_of(project, ledger, score, policy, said, renewals, now), forced=forced)
    if renewals.number != before:
        return Retrained(found, renewals.last)
    done = {one.key for one in renewals.all}
    if not found.due or found.key in done or renewals.open is not None:
        held = _told(found)
        # Its own rollout holds back what comes next, and is on record.
        if found.wanted and held and held != renewals.held and renewals.open is None:
            write(ledger, score, renewals.number, now, HELD, {"held": list(held), "why": list(found.why)})
        return Retrained(found, renewals.last, waits=_waits(ledger, score, now))
    chosen = options or train_options(project)
    body = {
        "key": found.key,
        "as_of": now,
        "why": list(found.why),
        "champion": found.champion,
        "data": data,
        "options": asdict(chosen),
        "by": by,
        "criteria": [{"text": one.text, "met": one.met, "words": one.words} for one in (*found.when, *found.unless)],
    }
    write(ledger, score, renewals.number, now, STARTED, body)
    return _go_on(project, ledger, score, found, progress)


def _data_of(project: Project, score: str) -> dict[str, int]:
    """Version of each source in the lake, before anybody looks: what is ingested later nobody has looked at."""
    return {name: project.lake.version(name) for name in sorted(project.score(score).sources) if project.lake.has(name)}


def _as_it_began(project: Project, now: Renewal) -> Project:
    """The project with the clock and the data of when a renewal began."""
    then = replace(project, clock=FixedClock(now.started))
    if now.data:
        # What a cached property would make is put in its place.
        then.__dict__["lake"] = PinnedLake(project.lake, now.data)
    return then


def _waits(ledger: Ledger, score: str, now: int) -> str:
    """The rollout that nothing is trained beside, with how long it has lasted; empty for none."""
    from vigie.lifecycle.rollout import standing_of

    rollout = standing_of(ledger, score).rollout
    return awaited(rollout, now) if rollout is not None and rollout.running else ""


def _told(found: RetrainPlan) -> tuple[str, ...]:
    """What holds a plan back, without the time between two trainings: that is no event, and other words every day."""
    return tuple(one for one in found.held if not one.startswith("the last training began"))


# -- one step after the other --------------------------------------------------------------------------------------------


def _go_on(
    project: Project, ledger: Ledger, score: str, found: RetrainPlan | None, progress: Progress | None
) -> Retrained:
    """Do what comes next until it has ended or waits for others."""
    while True:
        renewals = renewals_of(ledger, score)
        now = renewals.open
        if now is None or now.stage == "released":
            return Retrained(found, renewals.last, began=found is not None)
        waits = _STEPS[now.stage](project, ledger, score, renewals, now, progress)
        if waits:
            return Retrained(found, renewals_of(ledger, score).last, began=found is not None, waits=waits)


def _count_attempt(project: Project, ledger: Ledger, score: str, renewals: Renewals, now: Renewal) -> None:
    """Write down that a training which did not end is begun once more, or give it up where that was in vain too often.

    Raises:
        TrainingError: It is given up.
    """
    if now.attempts < MOST_ATTEMPTS:
        body = {"key": now.key, "attempts": now.attempts + 1, "error": ""}
        write(ledger, score, renewals.number, project.clock.now(), TRIED, body)
        return
    reason = f"its training was begun {now.attempts} times and never ended"
    reason += f"; it failed by {now.error}" if now.error else ": it was killed each time, as by lack of memory"
    end(project, ledger, score, renewals, now, "failed", reason)
    raise TrainingError(f"the renewal of {score} is given up: {reason}", remedy="mend that; the next one begins anew")


def _failed(
    project: Project, ledger: Ledger, score: str, renewals: Renewals, now: Renewal, error: Exception
) -> TrainingError:
    """What a training died of that nobody foresaw: it is tried again, a few times."""
    told = f"{type(error).__name__}: {' '.join(str(error).split())[:300]}"
    if now.attempts >= MOST_ATTEMPTS:
        end(project, ledger, score, renewals, now, "failed", told)
        return TrainingError(f"the training failed by {told}, {now.attempts} times: it is given up")
    body = {"key": now.key, "attempts": now.attempts, "error": told}
    write(ledger, score, renewals.number, project.clock.now(), TRIED, body)
    left = MOST_ATTEMPTS - now.attempts
    failed = TrainingError(
        f"the training failed by {told}",
        remedy=f"the next call tries it again, {left} more times at most; `vigie retrain {score} --abandon` ends it",
    )
    failed.retryable = True
    return failed


def _train(
    project: Project, ledger: Ledger, score: str, renewals: Renewals, now: Renewal, progress: Progress | None
) -> str:
    """Train for the moment at which the renewal began and on the data of then, check, and let the gate judge."""
    from vigie.training import TrainOptions

    models = now.options.get("models")
    options = TrainOptions(**{**now.options, "models": tuple(models) if models is not None else None})
    then = _as_it_began(project, now)
    champion = _bundle_of(project, score, now.champion)  # without it there is no need to train
    try:
        made = make_model(then, project.score(score), options, progress=part(progress, 0.05, 0.9))
        tell(progress, "gate", 0.92)
        window = _window(made.result)
        tries = renewals.tries(window)
        verdict = gate(made.result, champion, tries=tries, options=gate_options(project.settings.retrain))
        keep(made, now.key)
    except VigieError as error:
        if not error.retryable:
            end(project, ledger, score, renewals, now, "failed", error.what)
        else:  # a store that is away is no fault of the training
            with contextlib.suppress(VigieError):
                body = {"key": now.key, "attempts": now.attempts - 1, "error": error.what}
                write(ledger, score, renewals.number, project.clock.now(), TRIED, body)
        raise
    except Exception as error:
        raise _failed(project, ledger, score, renewals, now, error) from error
    body = {
        "key": now.key,
        "folder": str(made.folder.relative_to(project.reports_folder)),
        "bundle": made.bundle_hash,
        "blockers": list(made.blockers),
        "verdict": {**verdict.to_data(), "words": verdict.words},
        "window": list(window),
    }
    write(ledger, score, renewals.number, project.clock.now(), TRAINED, body)
    return ""


def _register(
    project: Project, ledger: Ledger, score: str, renewals: Renewals, now: Renewal, progress: Progress | None
) -> str:
    """Register the version, unless that was done before the line could be written. Refused ones too: they can be looked at."""
    tell(progress, "registry", 0.95)
    version = _registered(project, score, now)
    if version is None:
        run = kept(project.reports_folder / now.folder)
        project.registry.end_killed(score, TAG, now.key)
        version = project.registry.log(run, alias=None)
    write(ledger, score, renewals.number, project.clock.now(), REGISTERED, {"key": now.key, "version": version.version})
    return ""


def _registered(project: Project, score: str, now: Renewal) -> ModelVersion | None:
    """The version that this renewal registered before it was killed."""
    if score not in project.registry.names():
        return None
    tagged = [one for one in project.registry.versions(score) if one.tags.get(TAG) == now.key]
    return tagged[-1] if tagged else None


def _release(
    project: Project, ledger: Ledger, score: str, renewals: Renewals, now: Renewal, progress: Progress | None
) -> str:
    """Give it to the customers, in the way that ``[retrain] release`` says; or end with what it failed by."""
    from vigie.lifecycle.rollout import CHALLENGER, CHAMPION, plan_rollout, standing_of, start_rollout
    from vigie.release import Apart

    tell(progress, "release", 0.98)
    registry, version = project.registry, now.version
    if not now.passes:
        reason = (
            f"checks: {', '.join(now.blockers)}" if now.blockers else f"gate: {now.verdict.get('words', 'refused')}"
        )
        end(project, ledger, score, renewals, now, "refused", reason)
        return ""
    how, strategy = release_of(project, score)
    champion, rollout = champion_of(project, score), standing_of(ledger, score).rollout
    own = rollout is not None and rollout.challenger == str(version) and rollout.started >= now.started
    if champion is None or (champion.version == version and not own):
        how = "champion"  # there is nothing to roll out against, or it was killed once it had set the alias
    elif str(champion.version) not in (now.champion, str(version)):
        was = f"version {now.champion}" if now.champion else "no champion"
        reason = f"it was judged against {was}, and version {champion.version} is the champion now"
        end(project, ledger, score, renewals, now, "refused", reason)
        return ""
    elif own:
        how = "rollout"  # it was killed once it had begun it
    elif how == "rollout":
        if rollout is not None and rollout.running:
            return awaited(rollout, project.clock.now())
        registry.set_alias(score, CHALLENGER, version)
        # It scores otherwise than the champion since it adapted, and the gate has proved what that is worth.
        saw = Apart.from_data(now.verdict.get("apart"))
        planned = plan_rollout(project, score, version=version, strategy=strategy, gate_saw=saw)
        rollout = start_rollout(project, ledger, planned, f"vigie retrain {now.key}")
    body: dict[str, Any] = {"key": now.key, "how": how}
    if how == "rollout":
        assert rollout is not None
        body["rollout"] = rollout.id
    else:
        registry.set_alias(score, CHAMPION if how == "champion" else CHALLENGER, version)
    line = write(ledger, score, renewals.number, project.clock.now(), RELEASED, body)
    if how != "rollout":
        end(project, ledger, score, replace(renewals, number=line.number), now, *AT_ONCE[how])
    return ""


_STEPS: Mapping[str, Callable[[Project, Ledger, str, Renewals, Renewal, Progress | None], str]] = {
    "started": _train,
    "trained": _register,
    "registered": _release,
}


# -- what is kept between two steps --------------------------------------------------------------------------------------------


def _window(result: TrainingResult) -> tuple[int, int]:
    """First and last moment of the test."""
    moments = result.test_moments
    return (int(moments.min()), int(moments.max())) if len(moments) else (0, 0)


def _bundle_of(project: Project, score: str, champion: str) -> Path | None:
    """Folder of the champion of when the renewal began.

    Raises:
        RegistryError: It is gone: then nothing can be compared, and nothing is released.
    """
    return project.registry.fetch(score, champion) if champion else None


def abandon(project: Project, ledger: Ledger, score: str, reason: str) -> Renewal:
    """End the renewal that goes on, whatever step it is in; a rollout of it is not touched.

    Raises:
        RegistryError: None goes on.
        JournalError: The ledger cannot be written, or somebody else wrote first.
    """
    renewals = followed(project, ledger, score, deciding=False)
    now = renewals.open
    if now is None:
        raise RegistryError(f"no renewal of {score} goes on", remedy="see `vigie retrain --history`")
    end(project, ledger, score, renewals, now, "failed", reason or "abandoned by hand")
    last = renewals_of(ledger, score).last
    assert last is not None
    return last
