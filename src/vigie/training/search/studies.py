"""The searches that a database holds."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from vigie.training.search.board import COMPLETE, look_of, open_storage, told_in_words
from vigie.training.search.records import Look


@dataclass(frozen=True, eq=False, slots=True)
class Study:
    """A search, as far as it is.

    Attributes:
        name: Of the score, and a digest of everything that the outcome depends on.
        about: What the one who began it wrote down, see ``StudyPlace.about``.
        done: Looks that are through.
        complete: Whether there is nothing left to look at.
        best: The best look so far at anything as it is fitted in the end; ``None``: there is none yet.
    """

    name: str
    about: Mapping[str, object]
    done: int
    complete: bool
    best: Look | None


def studies(url: str) -> list[Study]:
    """All of the database at *url*, the latest first.

    Raises:
        MissingExtraError: The database's driver is not installed.
        StoreError: The database cannot be reached.
    """
    import optuna

    storage = open_storage(url)
    found = []
    with told_in_words(url):
        for one in storage.get_all_studies():
            looks: dict[int, Look] = {}
            for trial in storage.get_all_trials(one._study_id, deepcopy=False):
                look = look_of(trial, earlier=True) if trial.state.is_finished() else None
                if look is not None:
                    looks.setdefault(look.slot.number, look)
            sign = -1.0 if one.direction == optuna.study.StudyDirection.MAXIMIZE else 1.0
            # Of sketches, only what was looked at again counts.
            full = [look for look in looks.values() if look.outcome.state == "done" and look.full]
            best = min(full, key=lambda look: (sign * look.outcome.objective, look.slot.number), default=None)
            complete = bool(one.user_attrs.get(COMPLETE))
            found.append((one._study_id, Study(one.study_name, one.user_attrs, len(looks), complete, best)))
        storage.remove_session()
    return [study for _, study in sorted(found, key=lambda pair: -pair[0])]
