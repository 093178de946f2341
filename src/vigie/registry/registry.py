"""Model versions in MLflow: training runs are logged, their bundle is registered, aliases point at versions.

Nothing is pickled: a registered model is the bundle's directory plus MLflow's description of it, read back by
:mod:`vigie.registry.pyfunc`. The calls go through one MLflow client, so MLflow's global state (active run, tracking
URI) stays the caller's.
"""

from __future__ import annotations

import math
import shutil
import tempfile
import warnings
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import urlparse
from urllib.request import url2pathname

from vigie._version import __version__
from vigie.bundle import write_bundle
from vigie.errors import RegistryError, did_you_mean
from vigie.registry.quiet import import_mlflow, mapped_errors
from vigie.registry.record import CandidateRun, TrainingRun
from vigie.registry.signature import frame_of, signature_of
from vigie.registry.sqlite_reader import StoredVersion, read_names, read_versions, sqlite_file

if TYPE_CHECKING:
    from mlflow import MlflowClient

CHAMPION = "champion"
"""Alias of the version that is in use."""
HASH_TAG = "vigie.bundle_hash"
AS_OF_TAG = "vigie.as_of"
"""The moment whose knowledge was learned from, ISO 8601."""
RECIPE_TAG = "vigie.recipe"
"""All that a training was made from, as JSON: what ``vigie reproduce`` reads."""
_BATCH = 100
"""Parameters that MLflow takes in one call; it takes 1,000 metrics and 100 tags."""
_LONGEST = 6_000


@dataclass(frozen=True, slots=True)
class ModelVersion:
    """One version of a registered model.

    Attributes:
        name: Of the score.
        version: Counted from 1.
        run_id: MLflow run that made it.
        bundle_hash: SHA-256 of the bundle.
        created: µs since 1970-01-01 UTC.
        aliases: That point at it.
        tags: Lineage, by name.
    """

    name: str
    version: int
    run_id: str
    bundle_hash: str
    created: int = 0
    aliases: tuple[str, ...] = ()
    tags: Mapping[str, str] = field(default_factory=dict, compare=False)


class Registry:
    """Training runs and model versions in one MLflow store.

    Args:
        tracking_uri: ``sqlite:////path/to/mlflow.db``, or an MLflow server's URL.
        artifacts: Folder for artefacts of new experiments; a server keeps its own.
    """

    def __init__(self, tracking_uri: str, artifacts: Path) -> None:
        self.tracking_uri = tracking_uri
        self.artifacts = Path(artifacts)
        self._file = sqlite_file(tracking_uri)
        self._paths: dict[tuple[str, int], Path] = {}
        self._locations: dict[tuple[str, int], str] = {}

    @cached_property
    def _client(self) -> MlflowClient:
        mlflow = import_mlflow()
        with mapped_errors(self.tracking_uri):
            if self._file is not None:
                self._file.parent.mkdir(parents=True, exist_ok=True)
            client: MlflowClient = mlflow.MlflowClient(self.tracking_uri, registry_uri=self.tracking_uri)
            return client

    # -- writing -------------------------------------------------------------------------------------------------

    def log(self, run: TrainingRun, *, alias: str | None = CHAMPION) -> ModelVersion:
        """Keeps a training run and registers its bundle as a new version of the score.

        Args:
            run: What to keep.
            alias: Points at the new version afterwards; ``None``: no alias moves.

        Raises:
            RegistryError: The store cannot be written.
        """
        client, name = self._client, run.bundle.score_name
        with mapped_errors(self.tracking_uri), tempfile.TemporaryDirectory(prefix="vigie-") as scratch:
            bundle = Path(scratch) / "bundle"
            bundle_hash = write_bundle(run.bundle, bundle)
            experiment = self._experiment(name)
            # With its tags from the first moment on: by them a run that was killed is found.
            tags = {key: str(value)[:_LONGEST] for key, value in run.tags.items()}
            begun = run.started and run.started // 1000
            parent = client.create_run(experiment, begun, tags=tags, run_name=f"train {name}")
            run_id = parent.info.run_id
            try:
                version = self._fill(run, experiment, run_id, Path(scratch), bundle_hash)
            except BaseException:
                client.set_terminated(run_id, "FAILED")
                raise
            client.set_terminated(run_id)
            if alias:
                client.set_registered_model_alias(name, alias, str(version.version))
                version = replace(version, aliases=(alias,))
        return version

    def end_killed(self, name: str, tag: str, value: str) -> int:
        """Note of runs that are on record as running that they were killed: whoever calls knows that nobody is at them.

        Args:
            name: Of the score.
            tag: Of the training runs concerned.
            value: Of that tag; without a quote.

        Returns:
            How many, those of their candidates included.

        Raises:
            RegistryError: The store cannot be used.
        """
        client, killed = self._client, 0
        with mapped_errors(self.tracking_uri):
            experiment = client.get_experiment_by_name(name)
            if experiment is None:
                return 0
            where = [experiment.experiment_id]
            for parent in client.search_runs(where, f"tags.`{tag}` = '{value}'"):
                below = client.search_runs(where, f"tags.`mlflow.parentRunId` = '{parent.info.run_id}'")
                for one in (parent, *below):
                    if one.info.status == "RUNNING":
                        client.set_terminated(one.info.run_id, "KILLED")
                        killed += 1
        return killed

    def _fill(self, run: TrainingRun, experiment: str, run_id: str, scratch: Path, bundle_hash: str) -> ModelVersion:
        lineage = {**run.tags, HASH_TAG: bundle_hash, "vigie.version": __version__}
        self._log_values(run_id, run.params, {**run.metrics, "seconds": run.seconds}, lineage)
        self._log_datasets(run_id, run.datasets)
        for candidate in run.candidates:
            self._log_candidate(experiment, run_id, candidate)
        for path, file in run.files.items():
            target = scratch / "files" / path
            target.parent.mkdir(parents=True, exist_ok=True)
            shutil.copyfile(file, target)
        if run.files:
            self._client.log_artifacts(run_id, str(scratch / "files"))
        return self._register(run, experiment, run_id, scratch, bundle_hash)

    def _experiment(self, name: str) -> str:
        found = self._client.get_experiment_by_name(name)
        if found is not None:
            return str(found.experiment_id)
        if urlparse(self.tracking_uri).scheme in ("http", "https"):
            return str(self._client.create_experiment(name))
        folder = self.artifacts.resolve() / name
        folder.mkdir(parents=True, exist_ok=True)
        return str(self._client.create_experiment(name, artifact_location=folder.as_uri()))

    def _log_values(
        self,
        run_id: str,
        params: Mapping[str, object],
        metrics: Mapping[str, float],
        tags: Mapping[str, str],
        steps: Mapping[str, tuple[float, ...]] | None = None,
    ) -> None:
        from mlflow.entities import Metric, Param, RunTag
        from mlflow.utils.time import get_current_time_millis

        # MLflow's own clock stamps every other fact of a run; a metric is no exception.
        now = get_current_time_millis()  # type: ignore[no-untyped-call]
        points = [(key, value, 0) for key, value in metrics.items()]
        points += [(key, value, step) for key, values in (steps or {}).items() for step, value in enumerate(values)]
        logged = [Metric(key, float(value), now, step) for key, value, step in points if math.isfinite(value)]
        named = [Param(key, str(value)[:_LONGEST]) for key, value in params.items()]
        tagged = [RunTag(key, str(value)[:_LONGEST]) for key, value in tags.items()]
        for start in range(0, max(len(logged), len(named), len(tagged)), _BATCH):
            part = slice(start, start + _BATCH)
            self._client.log_batch(run_id, metrics=logged[part], params=named[part], tags=tagged[part])

    def _log_datasets(self, run_id: str, datasets: Mapping[str, int]) -> None:
        from mlflow.entities import Dataset, DatasetInput

        inputs = [
            DatasetInput(
                Dataset(
                    name=source,
                    digest=f"v{version}",
                    source_type="vigie_lake",
                    source=f'{{"source": "{source}", "version": {version}}}',
                )
            )
            for source, version in datasets.items()
        ]
        if inputs:
            self._client.log_inputs(run_id, inputs)

    def _log_candidate(self, experiment: str, parent: str, candidate: CandidateRun) -> None:
        nested = self._client.create_run(experiment, tags={"mlflow.parentRunId": parent}, run_name=candidate.name)
        self._log_values(nested.info.run_id, candidate.params, candidate.metrics, candidate.tags, candidate.steps)
        self._client.set_terminated(nested.info.run_id)

    def _register(
        self, run: TrainingRun, experiment: str, run_id: str, scratch: Path, bundle_hash: str
    ) -> ModelVersion:
        import mlflow.pyfunc
        from mlflow.entities import LoggedModelOutput
        from mlflow.models import Model

        client, name = self._client, run.bundle.score_name
        model = client.create_logged_model(
            experiment, name=name, source_run_id=run_id, tags={HASH_TAG: bundle_hash}, model_type="vigie bundle"
        )
        folder = scratch / "model"
        with warnings.catch_warnings():
            # Who registers what was trained by an earlier process has no rows at hand.
            warnings.filterwarnings("ignore", message="(?s).*input example was not provided")
            mlflow.pyfunc.save_model(
                str(folder),
                loader_module="vigie.registry.pyfunc",
                data_path=str(scratch / "bundle"),
                mlflow_model=Model(artifact_path=model.artifact_location, run_id=run_id, model_id=model.model_id),
                signature=signature_of(run.bundle),
                input_example=frame_of(run.example) if run.example else None,
                pip_requirements=[f"vigie[train]=={__version__}"],
                metadata={"bundle_hash": bundle_hash},
            )
        client.log_model_artifacts(model.model_id, str(folder))
        client.finalize_logged_model(model.model_id, "READY")
        client.log_outputs(run_id, [LoggedModelOutput(model.model_id, step=0)])
        self._ensure_registered(name, run.bundle.title)
        made = client.create_model_version(
            name,
            source=model.artifact_location,
            run_id=run_id,
            tags={**run.tags, HASH_TAG: bundle_hash},
            model_id=model.model_id,
        )
        created = int(made.creation_timestamp) * 1000
        return ModelVersion(name, int(made.version), run_id, bundle_hash, created, tags=dict(run.tags))

    def _ensure_registered(self, name: str, title: str) -> None:
        from mlflow.exceptions import MlflowException

        try:
            self._client.create_registered_model(name, description=title)
        except MlflowException as error:
            if error.error_code != "RESOURCE_ALREADY_EXISTS":
                raise

    def set_alias(self, name: str, alias: str, version: int) -> None:
        """Points *alias* at a version; it leaves the one it pointed at.

        Raises:
            RegistryError: No such model or version.
        """
        if all(known.version != version for known in self.versions(name)):
            raise RegistryError(f"{name} has no version {version}", where=self.tracking_uri)
        with mapped_errors(self.tracking_uri):
            self._client.set_registered_model_alias(name, alias, str(version))

    # -- reading -------------------------------------------------------------------------------------------------

    def names(self) -> tuple[str, ...]:
        """Registered scores, sorted."""
        found = read_names(self._file) if self._file is not None else None
        if found is not None:
            return found
        client = self._client
        with mapped_errors(self.tracking_uri):
            return tuple(sorted(model.name for model in client.search_registered_models(max_results=1000)))

    def versions(self, name: str) -> tuple[ModelVersion, ...]:
        """All versions of a score, oldest first.

        Raises:
            RegistryError: It was never registered.
        """
        stored = read_versions(self._file, name) if self._file is not None else None
        if stored is None:
            stored = self._asked_versions(name)
        if not stored:
            raise RegistryError(
                f"no model '{name}' is registered",
                where=self.tracking_uri,
                remedy=f"run 'vigie train' first; {did_you_mean(name, self.names())}",
            )
        for one in stored:
            self._locations[name, one.version] = one.location
        return tuple(_version(name, one) for one in stored)

    def _asked_versions(self, name: str) -> tuple[StoredVersion, ...]:
        """The same as :func:`read_versions`, from MLflow."""
        client = self._client
        with mapped_errors(self.tracking_uri):
            found: list[Any] = []
            token = None
            while token is None or token:
                page = client.search_model_versions(f"name = '{name}'", max_results=1000, page_token=token)
                found += list(page)
                token = page.token or ""
            aliases = client.get_registered_model(name).aliases if found else {}
            made = [
                StoredVersion(
                    version=int(one.version),
                    run_id=one.run_id or "",
                    created=int(one.creation_timestamp),
                    location=client.get_model_version_download_uri(name, str(one.version)),
                    tags=dict(one.tags or {}),
                    aliases=tuple(sorted(alias for alias, to in aliases.items() if int(to) == int(one.version))),
                )
                for one in found
            ]
        return tuple(sorted(made, key=lambda one: one.version))

    def resolve(self, name: str, alias: str = CHAMPION) -> ModelVersion:
        """The version that *alias* points at; a number as text, ``"3"``, means that version.

        Raises:
            RegistryError: No such model, alias or version.
        """
        versions = self.versions(name)
        for one in versions:
            if alias in one.aliases or alias == str(one.version):
                return one
        known = [a for one in versions for a in one.aliases] + [str(one.version) for one in versions]
        raise RegistryError(
            f"{name} has no alias or version '{alias}'", where=self.tracking_uri, remedy=did_you_mean(alias, known)
        )

    def fetch(self, name: str, alias: str = CHAMPION) -> Path:
        """Directory of the bundle that *alias* points at: where it lies, if that is on this machine, else a copy.

        A copy is made once a version, below the artefact folder.

        Raises:
            RegistryError: No such model, alias or version, or its artefacts are gone.
        """
        return self.bundle_path(self.resolve(name, alias))

    def bundle_path(self, version: ModelVersion) -> Path:
        """Directory of one version's bundle; see :meth:`fetch`.

        Raises:
            RegistryError: Its artefacts are gone.
        """
        key = (version.name, version.version)
        known = self._paths.get(key)
        if known is None or not known.is_dir():
            if key not in self._locations:
                self.versions(version.name)
            known = self._paths[key] = self._local(self._locations.get(key, ""), version)
        return known

    def _local(self, location: str, version: ModelVersion) -> Path:
        parsed = urlparse(location)
        if parsed.scheme in ("", "file"):
            folder = Path(url2pathname(parsed.path) if parsed.scheme else location)
            # MLflow keeps absolute paths. Where a project was moved or copied, its artefacts moved along.
            moved = self.artifacts.joinpath(version.name, *folder.parts[-3:])
            for place in (folder, moved):
                if (place / "data" / "bundle").is_dir():
                    return place / "data" / "bundle"
            raise RegistryError(
                f"the artefacts of {version.name} version {version.version} are gone",
                where=str(folder),
                remedy="restore the folder from a backup, or train again",
            )
        # A version never changes, so a copy by its hash is good for ever; it appears whole or not at all.
        copy = self.artifacts / "fetched" / version.bundle_hash
        if not copy.is_dir():
            with mapped_errors(location), tempfile.TemporaryDirectory(dir=self._made(copy.parent)) as scratch:
                from mlflow.artifacts import download_artifacts

                got = download_artifacts(
                    artifact_uri=f"{location}/data/bundle", dst_path=scratch, tracking_uri=self.tracking_uri
                )
                if not copy.is_dir():
                    shutil.move(got, copy)
        return copy

    def _made(self, folder: Path) -> Path:
        folder.mkdir(parents=True, exist_ok=True)
        return folder


def _version(name: str, stored: StoredVersion) -> ModelVersion:
    return ModelVersion(
        name=name,
        version=stored.version,
        run_id=stored.run_id,
        bundle_hash=stored.tags.get(HASH_TAG, ""),
        created=stored.created * 1000,
        aliases=stored.aliases,
        tags=stored.tags,
    )
