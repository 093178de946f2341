"""The one door to MLflow: its telemetry is off before it is imported, and its errors leave as ours."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from types import ModuleType

from vigie.errors import MissingExtraError, RegistryError
from vigie.settings import quiet_dependencies


def import_mlflow() -> ModuleType:
    """MLflow with its usage telemetry switched off. Takes seconds the first time.

    Raises:
        MissingExtraError: It is not installed.
    """
    quiet_dependencies()
    try:
        import mlflow
    except ModuleNotFoundError as error:
        raise MissingExtraError("mlflow", extra="train") from error
    for name in ("mlflow", "alembic"):
        logging.getLogger(name).setLevel(logging.WARNING)
    return mlflow


@contextmanager
def mapped_errors(where: str) -> Iterator[None]:
    """Turns every error of MLflow, of its database and of the file system into a :class:`RegistryError`."""
    import_mlflow()
    from mlflow.exceptions import MlflowException
    from sqlalchemy.exc import SQLAlchemyError

    try:
        yield
    except (MlflowException, SQLAlchemyError, OSError) as error:
        said = (str(error).splitlines() or [type(error).__name__])[0]
        raise RegistryError(
            f"the registry answered: {said}",
            where=where,
            remedy="check the tracking URI in vigie.toml, and that its database and artefact folder can be written",
        ) from error
