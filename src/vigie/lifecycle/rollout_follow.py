"""Follows ledger and registry for a running server: champions, challengers, steps and rollbacks reach it within a second.

One thread in each worker. It reads the ledger several times a second, hands over what its router has counted, and, holding
the lease, decides. Models are loaded here, beside the event loop, and exchanged whole. Where the ledger cannot be reached the
server goes on as it is.
"""

from __future__ import annotations

import logging
import subprocess
import sys
import threading
from collections.abc import Callable, Mapping
from typing import TYPE_CHECKING

from vigie.clock import stopwatch
from vigie.errors import VigieError
from vigie.lifecycle.incidents import stream_of
from vigie.lifecycle.project import Project
from vigie.lifecycle.rollout import CHAMPION, ledger_of, seen_file
from vigie.lifecycle.rollout_decide import EVERY_SECONDS, LEASE_SECONDS, decide
from vigie.serving.incident_metrics import IncidentMetrics
from vigie.watch.incident import SEVERITIES, folded
from vigie.watch.incident import Standing as Incidents
from vigie.watch.signal import Area

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger
    from vigie.release import Rollout, Standing
    from vigie.serving import Served
    from vigie.serving.router import Router
    from vigie.serving.router_trial import Trial

POLL_SECONDS = 0.2
"""How often the ledger is asked for new lines."""
REGISTRY_SECONDS = 2.0
"""How often the registry is asked for its champions, where that is a look into a file; an MLflow server is not asked."""
INCIDENT_SECONDS = 5.0
"""How often incidents are read anew, where there may be something new; lines that were read are not read again."""
APPLY_SECONDS = 30.0
"""How long until the registry's alias is tried again."""

log = logging.getLogger(__name__)

Load = Callable[[str, str], "Served"]
"""Loads a version of a score, by name and version."""


def open_incidents(standings: Mapping[str, Incidents], now: int) -> dict[tuple[str, str, str], int]:
    """How many incidents nobody has taken on, snoozed or resolved, by score, severity and area of the cause; zeros, too.

    Args:
        standings: What the ledger says of each score.
        now: µs UTC: what was snoozed is open again when its time is over.
    """
    count: dict[tuple[str, str, str], int] = {
        (name, severity, area.value): 0 for name in standings for severity in SEVERITIES for area in Area
    }
    for name, standing in standings.items():
        for one in standing.ongoing:
            if one.status(now) == "open":
                count[name, one.severity, one.cause.area] += 1
    return count


class Follower:
    """See :class:`vigie.serving.router_following.Following`.

    Args:
        project: Whose.
        load: Loads a version of a score.
    """

    def __init__(self, project: Project, load: Load) -> None:
        self._project, self._clock, self._load = project, project.clock, load
        self._routers: Mapping[str, Router] = {}
        self._scores: dict[str, _Followed] = {}
        self._ended = threading.Event()
        self._thread: threading.Thread | None = None
        self._ledger: Ledger | None = None
        self.incidents = IncidentMetrics(lambda: open_incidents(self._incidents, self.now()))
        self._incidents: Mapping[str, Incidents] = {}
        self._stale, self._told = True, -1e9  # whether incidents may have changed, and when they were read

    def start(self, routers: Mapping[str, Router]) -> None:
        """Take up what the ledger says, then go on in a thread."""
        self._routers = routers
        self._scores = {name: _Followed(name, router, self) for name, router in routers.items()}
        self._round()
        self._thread = threading.Thread(target=self._run, name="vigie-rollout", daemon=True)
        self._thread.start()

    def stop(self) -> None:
        """End, and hand over what was counted."""
        self._ended.set()
        if self._thread is not None:
            self._thread.join()
        if self._ledger is not None:
            try:
                for score in self._scores.values():
                    score.hand_over(self._ledger, self._clock.now())
            except VigieError as error:
                log.warning("what was counted last is lost: %s", error)
            self._ledger.close()
        for router in self._routers.values():
            router.end()

    def _run(self) -> None:
        while not self._ended.wait(POLL_SECONDS):
            self._round()

    def _round(self) -> None:
        try:
            if self._ledger is None:
                self._ledger = ledger_of(self._project)
            changed = self._ledger.changed()
        except VigieError as error:
            log.warning("the server goes on as it is: %s", error)
            return
        for score in self._scores.values():
            try:
                score.round(self._ledger, changed=changed)
            except VigieError as error:
                log.warning("%s goes on as it is: %s", score.name, error)
            except Exception:
                log.exception("following the ledger failed for %s; it is tried again", score.name)
        self._stale |= changed
        if self._stale and stopwatch() - self._told >= INCIDENT_SECONDS:
            self._tell_incidents(self._ledger)

    def _tell_incidents(self, ledger: Ledger) -> None:
        """Give the metrics what the ledger says of incidents."""
        self._told = stopwatch()
        known = self._incidents
        try:
            self._incidents = {
                name: folded(
                    ledger.lines(stream_of(name), after=known[name].number if name in known else 0), known.get(name)
                )
                for name in self._scores
            }
            self._stale = False
        except VigieError as error:
            log.warning("metrics tell of incidents what was known before: %s", error)

    # -- what the scores ask for ---------------------------------------------------------------------------------

    def load(self, name: str, version: str) -> Served:
        """A version of a score, ready to be served."""
        return self._load(name, version)

    def trial(self, rollout: Rollout) -> Trial:
        """What this worker counts in a rollout."""
        from vigie.serving.router_trial import Trial

        return Trial(rollout.id, rollout.plan.shares, self._clock.now(), seen_file(self._project, rollout.id))

    def forget(self, rollout: str) -> None:
        """Nobody is counted in a rollout any more."""
        seen_file(self._project, rollout).unlink(missing_ok=True)

    def now(self) -> int:
        """µs UTC."""
        return self._clock.now()

    def registered(self, name: str) -> str | None:
        """The registry's champion; ``None`` where asking would take long."""
        registry = self._project.registry
        if not registry.tracking_uri.startswith("sqlite:"):
            return None
        return str(registry.resolve(name, CHAMPION).version)

    def apply(self, name: str) -> None:
        """Let the registry's alias follow, in a process of its own: MLflow takes seconds and a hundred megabytes.

        Nobody waits for it: a line that comes meanwhile is followed at once.
        """
        threading.Thread(target=self._apply, args=(name,), name="vigie-apply", daemon=True).start()

    def _apply(self, name: str) -> None:
        where = ["--project", str(self._project.settings.root)]
        environment = self._project.settings.environment
        command = [sys.executable, "-m", "vigie.cli", "rollout", "apply", name, *where]
        try:
            done = subprocess.run(  # noqa: S603 - our own command
                [*command, *(["--env", environment] if environment else [])],
                capture_output=True,
                text=True,
                check=False,
                timeout=120,
            )
        except (OSError, subprocess.TimeoutExpired) as error:
            log.warning("the registry does not know the champion of %s yet: %s", name, error)
            return
        if done.returncode:
            log.warning("the registry does not know the champion of %s yet: %s", name, done.stderr.strip())


class _Followed:
    """One score of a server."""

    def __init__(self, name: str, router: Router, follower: Follower) -> None:
        from vigie.release import Standing

        self.name, self._router, self._follower = name, router, follower
        self._standing: Standing = Standing()
        self._trial: Trial | None = None
        self._step = -1
        self._kept: dict[str, Served] = {router.champion.version: router.champion}
        self._looked = self._asked = -1e9
        self._applied = (0, -1e9)  # the line that was tried last, and when
        self._unread = True  # whether the ledger may have lines that were not read

    def round(self, ledger: Ledger, *, changed: bool) -> None:
        """Read, follow, hand over, decide."""
        from vigie.release import folded as released

        # The ledger says once that it changed: where reading it then fails, that has to be remembered.
        self._unread |= changed
        if self._unread:
            lines = ledger.lines(self.name, after=self._standing.number)
            self._standing = released(lines, self._standing)
            self._unread = False
        self._follow(ledger)
        now = stopwatch()
        rollout = self._standing.rollout
        if self._trial is not None and self._trial.changed:
            self.hand_over(ledger, self._follower.now())
        if rollout is not None and rollout.running:
            if now - self._looked >= EVERY_SECONDS:
                self._looked = now
                if self._leads(ledger):
                    decide(ledger, self.name, self._follower.now(), self._standing)
        elif now - self._asked >= REGISTRY_SECONDS:
            self._asked = now
            self._settle(ledger, rollout)

    def hand_over(self, ledger: Ledger, now: int) -> None:
        """Write down what was counted so far."""
        if self._trial is not None:
            ledger.put_counts(self._trial.rollout, self._trial.worker, now, self._trial.take())

    def _leads(self, ledger: Ledger) -> bool:
        now, holder = self._follower.now(), _HOLDER
        return ledger.lease(f"rollout {self.name}", holder, now, now + int(LEASE_SECONDS * 1e6))

    def _follow(self, ledger: Ledger) -> None:
        """Make the router do what the ledger says."""
        rollout = self._standing.rollout
        if rollout is None or not rollout.running:
            if self._trial is not None:
                # First nobody gets the challenger any more; then there is time to write.
                self._router.end()
                self.hand_over(ledger, self._follower.now())
                self._follower.forget(self._trial.rollout)
                self._trial, self._step = None, -1
            if rollout is not None and rollout.winner is not None and not rollout.applied:
                self._crown(rollout.winner)
            return
        if self._trial is None or self._trial.rollout != rollout.id:
            self._router.end()
            self._crown(rollout.champion)
            try:
                challenger = self._loaded(rollout.challenger)
                self._router.begin(challenger, self._follower.trial(rollout))
            except VigieError as error:
                self._refuse(ledger, rollout, error)
                return
            self._trial, self._step = self._router.routing.trial, -1
        if self._step != rollout.step:
            self._router.step(rollout.step, shadow=rollout.now.kind == "shadow")
            self._step = rollout.step

    def _refuse(self, ledger: Ledger, rollout: Rollout, error: VigieError) -> None:
        """A challenger that a worker cannot load is rolled back everywhere."""
        from vigie.release.rollout import ROLLED_BACK

        log.warning("version %s of %s cannot be loaded: %s", rollout.challenger, self.name, error)
        body = {"rollout": rollout.id, "at_step": rollout.step, "reason": f"a server cannot load it: {error}"}
        ledger.append(self.name, self._standing.number, self._follower.now(), ROLLED_BACK, body)

    def _crown(self, version: str) -> None:
        if self._router.champion.version != version:
            self._router.crown(self._loaded(version))

    def _loaded(self, version: str) -> Served:
        """A version, from memory where it answered last: taking back a promotion loads nothing."""
        if version not in self._kept:
            made = self._follower.load(self.name, version)
            used = self._router.champion
            self._kept = {used.version: used, version: made}
        return self._kept[version]

    def _settle(self, ledger: Ledger, rollout: Rollout | None) -> None:
        """No rollout is under way: registry and server agree on the champion."""
        if rollout is not None and rollout.winner is not None and not rollout.applied:
            line, when = self._applied
            due = self._standing.number != line or stopwatch() - when >= APPLY_SECONDS
            if due and self._leads(ledger):
                self._applied = (self._standing.number, stopwatch())
                self._follower.apply(self.name)
            return
        version = self._follower.registered(self.name)
        if version is not None:
            self._crown(version)


def _holder() -> str:
    import uuid

    return uuid.uuid4().hex


_HOLDER = _holder()
"""This process, for leases. Workers are started anew rather than forked, so that each makes its own."""
