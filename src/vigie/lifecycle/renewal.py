"""The renewals of a score as its ledger tells them: what was trained, why, what the gate said, and what became of it.

The stream ``"<score> renewal"`` has a line for every step, written once the step is done. So whoever was killed is told by
the last line where to go on, and nothing is done twice:

    started     a plan is due; with its key, its reasons, and the moment and versions of the data that are learned from
    tried       the training is begun once more, or failed by something that may pass; with how often it was begun
    trained     the bundle and all files are written, and the gate has judged
    registered  the version in the registry
    released    as champion, as waiting challenger, or into a rollout
    ended       what became of it: promoted, rolled back, inconclusive, refused, waiting, failed
    held        a plan was wanted and held back; told once, not every day
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Literal

from vigie.errors import JournalError
from vigie.journal.ledger import LedgerLine

if TYPE_CHECKING:
    from vigie.journal.ledger import Ledger, LedgerLine

STARTED, TRAINED, REGISTERED, RELEASED, ENDED, HELD = "started", "trained", "registered", "released", "ended", "held"
TRIED = "tried"
"""Kinds of lines."""

Stage = Literal["started", "trained", "registered", "released", "ended"]
Outcome = Literal["promoted", "rolled back", "inconclusive", "refused", "waiting", "failed", ""]


@dataclass(frozen=True, slots=True)
class Renewal:
    """One renewal.

    Attributes:
        key: Of its plan.
        started: When it began, µs UTC: its training knows what was known then.
        why: Reasons, in words.
        champion: Version that answered then; empty for none.
        stage: Step that was done last.
        data: Version of each source in the lake that is learned from; empty where it began before that was written.
        attempts: How often its training was begun; what was not its fault does not count.
        error: What the training failed by last; empty where it did not, or was killed.
        options: Of the training, by name.
        folder: Of report, bundle and run; relative to the reports.
        bundle: Hash of the bundle; empty before it was trained.
        blockers: Codes of findings of severity error.
        verdict: Of the gate.
        window: First and last moment that the gate judged on, µs UTC; empty where it judged on none.
        version: In the registry; 0 before it was registered.
        how: ``"champion"``, ``"wait"`` or ``"rollout"``.
        rollout: Id of the rollout.
        outcome: What became of it; empty while it goes on.
        reason: Of that, in words.
        ended: When, µs UTC; ``None`` while it goes on.
    """

    key: str
    started: int
    why: tuple[str, ...]
    champion: str
    stage: Stage = "started"
    data: Mapping[str, int] = field(default_factory=dict)
    attempts: int = 1
    error: str = ""
    options: Mapping[str, Any] = field(default_factory=dict)
    folder: str = ""
    bundle: str = ""
    blockers: tuple[str, ...] = ()
    verdict: Mapping[str, Any] = field(default_factory=dict)
    window: tuple[int, ...] = ()
    version: int = 0
    how: str = ""
    rollout: str = ""
    outcome: Outcome = ""
    reason: str = ""
    ended: int | None = None

    @property
    def passes(self) -> bool:
        """Whether checks and gate let it through."""
        return not self.blockers and bool(self.verdict.get("passes"))


@dataclass(frozen=True, slots=True)
class Renewals:
    """All renewals of a score.

    Attributes:
        number: Of the last line; 0 for none.
        all: In order.
        held: What held the last plan back that was wanted; empty where a renewal began since.
    """

    number: int = 0
    all: tuple[Renewal, ...] = ()
    held: tuple[str, ...] = ()

    @property
    def last(self) -> Renewal | None:
        """The last one; ``None`` for none."""
        return self.all[-1] if self.all else None

    @property
    def open(self) -> Renewal | None:
        """The one that goes on; ``None`` for none."""
        return self.last if self.last is not None and self.last.outcome == "" else None

    def tries(self, window: tuple[int, int]) -> int:
        """Challengers judged on mostly the same data, the one to come included.

        Args:
            window: First and last moment of what it is judged on, µs UTC.
        """
        return tries_on([one.window for one in self.all if one.window], window)


def tries_on(windows: Iterable[tuple[int, ...]], window: tuple[int, int]) -> int:
    """Challengers judged on mostly the same data, the one to come included.

    Args:
        windows: First and last moment, µs, of what each of the others was judged on, whether it passed or not.
        window: Of what the one to come is judged on.
    """
    return 1 + sum(_mostly(one, window) for one in windows)


def _mostly(before: tuple[int, ...], now: tuple[int, int]) -> bool:
    shared = min(before[1], now[1]) - max(before[0], now[0])
    length = now[1] - now[0]
    return shared >= 0 if length == 0 else shared > 0.5 * length


def stream_of(score: str) -> str:
    """The ledger's stream of the renewals of a score."""
    return f"{score} renewal"


def renewals_of(ledger: Ledger, score: str) -> Renewals:
    """What the ledger says.

    Raises:
        JournalError: It cannot be read.
    """
    return folded(ledger.lines(stream_of(score)))


def folded(lines: Iterable[LedgerLine]) -> Renewals:
    """What *lines* say, in order from the first."""
    found: list[Renewal] = []
    number, held = 0, ()
    for line in lines:
        number, body = line.number, line.body
        if line.kind == HELD:
            held = tuple(body["held"])
            continue
        if line.kind == STARTED:
            held = ()
            said = {"options": body["options"], "data": body.get("data", {})}
            found.append(Renewal(body["key"], int(body["as_of"]), tuple(body["why"]), body["champion"], **said))
            continue
        if not found or found[-1].key != body["key"]:
            continue  # of a renewal that somebody else ended
        found[-1] = _after(found[-1], line)
    return Renewals(number, tuple(found), held)


def _after(before: Renewal, line: LedgerLine) -> Renewal:
    body = line.body
    match line.kind:
        case "tried":
            return replace(before, attempts=int(body["attempts"]), error=body["error"] or before.error)
        case "trained":
            return replace(
                before, stage="trained", folder=body["folder"], bundle=body["bundle"], blockers=tuple(body["blockers"]),
                verdict=body["verdict"], window=tuple(body["window"]),
            )  # fmt: skip
        case "registered":
            return replace(before, stage="registered", version=int(body["version"]))
        case "released":
            return replace(before, stage="released", how=body["how"], rollout=body.get("rollout", ""))
        case "ended":
            return replace(before, stage="ended", outcome=body["outcome"], reason=body["reason"], ended=line.at)
    return before


def write(ledger: Ledger, score: str, after: int, now: int, kind: str, body: Mapping[str, Any]) -> LedgerLine:
    """Write the next line.

    Raises:
        JournalError: Somebody else wrote first, or the ledger cannot be written.
    """
    line = ledger.append(stream_of(score), after, now, kind, body)
    if line is None:
        raise JournalError(
            f"another process renews {score}", where=ledger.where, remedy="let it go on, or try again once it has ended"
        )
    return line
