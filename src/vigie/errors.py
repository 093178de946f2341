"""Every error that Vigie raises on purpose, in one tree.

    VigieError
    ├── DefinitionError      the project file says something that cannot be meant
    ├── SettingsError        vigie.toml or an ``env:``/``file:`` reference is wrong
    ├── DataError            a source, a contract or the lake
    │   ├── SourceError      a source cannot be read (missing file, refused connection)
    │   └── ContractError    data or the contract file breaks a rule that may not be broken
    ├── FeatureError         features cannot be computed from what is there
    ├── TrainingError        no model can be learned from this training set
    ├── BundleError          a bundle is damaged, tampered with or does not fit
    ├── RegistryError        a model version or alias does not exist
    ├── InputError           a request's values do not fit the model's signature
    ├── JournalError         a fact could not be recorded
    └── MissingExtraError    an optional part is not installed (also an ``ImportError``)

Each error carries what went wrong, where, and what to do; ``str(error)`` joins the three. ``retryable`` tells a
scheduler whether the same call may succeed later with nothing changed.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterable


class VigieError(Exception):
    """Base of all errors raised on purpose.

    Args:
        what: What went wrong, in one sentence, without a full stop.
        where: The place: a file and line, a source, a feature, a field. Empty where *what* names it.
        remedy: What the reader can do about it.
    """

    retryable = False

    def __init__(self, what: str, *, where: str = "", remedy: str = "") -> None:
        self.what, self.where, self.remedy = what, where, remedy
        super().__init__(what, where, remedy)

    def __str__(self) -> str:
        text = f"{self.where}: {self.what}" if self.where else self.what
        return f"{text}.\n  → {self.remedy}" if self.remedy else f"{text}."

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild, (type(self), self.what, self.where, self.remedy))


def _rebuild(kind: type[VigieError], what: str, where: str, remedy: str) -> VigieError:
    error = kind.__new__(kind)
    VigieError.__init__(error, what, where=where, remedy=remedy)
    return error


class DefinitionError(VigieError):
    """The project file says something that cannot be meant. Raised where it is written, not when it runs."""


class SettingsError(VigieError):
    """``vigie.toml`` is malformed, names something unknown, or a secret cannot be resolved."""


class DataError(VigieError):
    """Base of what can go wrong with sources, contracts and the lake."""


class SourceError(DataError):
    """A source cannot be read: no such file, a refused connection, an unknown table."""


class ContractError(DataError):
    """A contract file is malformed, or data breaks a rule declared as blocking."""


class FeatureError(VigieError):
    """Features cannot be computed: a column is not there or is of a kind the function does not take."""


class TrainingError(VigieError):
    """No model can be learned: no rows, one class only, no mature outcome."""


class BundleError(VigieError):
    """A bundle is damaged, was tampered with, or was written for another format."""


class RegistryError(VigieError):
    """No such model, version or alias."""


class InputError(VigieError):
    """Values given for scoring do not fit the signature. ``field`` names the offending input.

    Args:
        field: Name of the input, or of the customer key.
    """

    def __init__(self, what: str, *, field: str, remedy: str = "") -> None:
        self.field = field
        super().__init__(what, where=field, remedy=remedy)

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_input, (self.what, self.field, self.remedy))


def _rebuild_input(what: str, field: str, remedy: str) -> InputError:
    return InputError(what, field=field, remedy=remedy)


class JournalError(VigieError):
    """A fact could not be recorded durably; the caller must not act as if it had been."""

    retryable = True


class StoreError(VigieError):
    """An online store cannot be reached, read or written now."""

    retryable = True


class MissingExtraError(VigieError, ImportError):
    """An optional part is not installed.

    Args:
        package: The distribution that is missing.
        extra: The extra of ``vigie`` that brings it.
    """

    def __init__(self, package: str, *, extra: str) -> None:
        self.package, self.extra = package, extra
        super().__init__(f"{package} is not installed", remedy=f"pip install 'vigie[{extra}]'")

    def __reduce__(self) -> tuple[object, ...]:
        return (_rebuild_missing, (self.package, self.extra))


def _rebuild_missing(package: str, extra: str) -> MissingExtraError:
    return MissingExtraError(package, extra=extra)


def did_you_mean(word: str, known: Iterable[str]) -> str:
    """A remedy that offers the nearest known names, or lists them all if none is near.

    >>> did_you_mean("amuont", ["amount", "channel"])
    "did you mean 'amount'? Known: amount, channel"
    """
    names = sorted(known)
    near = difflib.get_close_matches(word, names, n=1)
    listing = ", ".join(names[:30]) + (f" … ({len(names)} in all)" if len(names) > 30 else "")
    if not names:
        return "none are known"
    return (f"did you mean '{near[0]}'? " if near else "") + f"Known: {listing}"
