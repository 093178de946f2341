"""Renew a model without anybody: plan, train, check, gate, register, release, and what became of it.

Every step leaves a line in the ledger once it is done (:mod:`vigie.lifecycle.renewal`). Killed anywhere and run again, it goes on
behind the last line: a training that was cut off is made again for the same moment, with the trials of its search that are kept,
and gives the same bundle; a version is found again by the bundle's hash; a rollout by its challenger.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, cast

from vigie.clock import FixedClock
from vigie.errors import JournalError, RegistryError, SettingsError, VigieError, did_you_mean
from vigie.lifecycle.gate import gate, gate_options
from vigie.lifecycle.project import Project
from vigie.lifecycle.renewal import (
    HELD,
    REGISTERED,
    RELEASED,
    STARTED,
    TRAINED,
    Renewal,
    Renewals,
    renewals_of,
    write,
)
from vigie.lifecycle.retrain_follow import AT_ONCE, awaited, end, followed
from vigie.lifecycle.retrain_plan import champion_of, situation_of
from vigie.lifecycle.train import Made, make_model, part, tell
from vigie.lifecycle.train_options import train_options
from vigie.watch.policy import RetrainPlan, plan, policy_of

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger
    from vigie.registry import ModelVersion, TrainingRun
    from vigie.training import TrainingResult, TrainOptions
    from vigie.watch.policy import Policy
    from vigie.watch.signal import Signal

Progress = Callable[[str, float], None]
Release = Literal["rollout", "champion", "wait"]
RELEASES: tuple[Release, ...] = ("rollout", "champion", "wait")
RUN = "run.json"
"""What the registry keeps of the run, beside the bundle: so that a process that comes later can register it."""
_TAG = "vigie.renewal"
"""Of a version: key of the plan that it was trained for."""
_WHERE = "[retrain]"


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
    policy, now = policy_of(project.settings.retrain), project.clock.now()
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
    policy = policy_of(project.settings.retrain)
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
    now = project.clock.now()
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
        "options": asdict(chosen),
        "by": by,
        "criteria": [{"text": one.text, "met": one.met, "words": one.words} for one in (*found.when, *found.unless)],
    }
    write(ledger, score, renewals.number, now, STARTED, body)
    return _go_on(project, ledger, score, found, progress)


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


def _train(
    project: Project, ledger: Ledger, score: str, renewals: Renewals, now: Renewal, progress: Progress | None
) -> str:
    """Train for the moment at which the renewal began, check, and let the gate judge."""
    from vigie.training import TrainOptions

    models = now.options.get("models")
    options = TrainOptions(**{**now.options, "models": tuple(models) if models is not None else None})
    then = replace(project, clock=FixedClock(now.started))
    champion = _bundle_of(project, score, now.champion)  # without it there is no need to train
    try:
        made = make_model(then, project.score(score), options, progress=part(progress, 0.05, 0.9))
    except VigieError as error:
        if not error.retryable:
            end(project, ledger, score, renewals, now, "failed", error.what)
        raise
    tell(progress, "gate", 0.92)
    window = _window(made.result)
    tries = renewals.tries(window)
    verdict = gate(made.result, champion, tries=tries, options=gate_options(project.settings.retrain))
    _keep(made, now.key)
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
        run = _kept(project.reports_folder / now.folder)
        project.registry.end_killed(score, _TAG, now.key)
        version = project.registry.log(run, alias=None)
    write(ledger, score, renewals.number, project.clock.now(), REGISTERED, {"key": now.key, "version": version.version})
    return ""


def _registered(project: Project, score: str, now: Renewal) -> ModelVersion | None:
    """The version that this renewal registered before it was killed."""
    if score not in project.registry.names():
        return None
    tagged = [one for one in project.registry.versions(score) if one.tags.get(_TAG) == now.key]
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


def _keep(made: Made, key: str) -> None:
    """Write what the registry will keep beside the bundle, whole or not at all."""
    run = made.run
    told = {
        "params": {name: str(value) for name, value in run.params.items()},
        "metrics": {name: value for name, value in run.metrics.items() if value == value},
        "tags": {**run.tags, _TAG: key},
        "candidates": [
            {
                "name": one.name,
                "params": {name: str(value) for name, value in one.params.items()},
                "metrics": {name: value for name, value in one.metrics.items() if value == value},
                "steps": {name: [value for value in values if value == value] for name, values in one.steps.items()},
                "tags": dict(one.tags),
            }
            for one in run.candidates
        ],
        "datasets": dict(run.datasets),
        "files": {name: file.name for name, file in run.files.items()},
        "started": run.started,
        "seconds": run.seconds,
    }
    scratch = made.folder / f".{RUN}"
    scratch.write_text(json.dumps(told), "utf-8")
    scratch.replace(made.folder / RUN)


def _kept(folder: Path) -> TrainingRun:
    """What :func:`_keep` wrote.

    Raises:
        RegistryError: It is not there any more.
        BundleError: The bundle is damaged.
    """
    from vigie.bundle import load_bundle
    from vigie.registry import CandidateRun, TrainingRun

    try:
        told = json.loads((folder / RUN).read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise RegistryError(
            f"what was trained is not there any more: {error}",
            where=str(folder),
            remedy="`vigie retrain --abandon` ends this renewal; then plan again",
        ) from error
    return TrainingRun(
        bundle=load_bundle(folder / "bundle"),
        example={},
        params=told["params"],
        metrics=told["metrics"],
        tags=told["tags"],
        candidates=tuple(
            CandidateRun(
                one["name"],
                one["params"],
                one["metrics"],
                {name: tuple(values) for name, values in one["steps"].items()},
                one["tags"],
            )
            for one in told["candidates"]
        ),
        datasets=told["datasets"],
        files={name: folder / file for name, file in told["files"].items()},
        started=told["started"],
        seconds=told["seconds"],
    )


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
