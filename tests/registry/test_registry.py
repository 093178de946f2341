from __future__ import annotations

import os
import shutil
import sqlite3
import subprocess
import sys
from collections.abc import Iterator
from contextlib import closing
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vigie.bundle import Scorer, load_bundle, write_bundle
from vigie.errors import BundleError, InputError, RegistryError
from vigie.registry import Registry
from vigie.registry.signature import frame_of
from vigie.registry.sqlite_reader import read_names, read_versions, sqlite_file
from vigie.training import TrainingResult
from vigie.training.record import training_run


@pytest.fixture
def mlflow_here(home) -> Iterator[object]:
    """MLflow as a user has it, pointed at the registry's store."""
    import mlflow

    mlflow.set_tracking_uri(home.registry.tracking_uri)
    yield mlflow
    mlflow.set_tracking_uri(None)


def columns_of(trained: TrainingResult) -> dict:
    return {**trained.training_set.extras, **trained.training_set.features}


def test_versions_count_up_and_know_their_bundle(home, trained: TrainingResult, tmp_path: Path) -> None:
    assert (home.first.version, home.second.version) == (1, 2)
    assert home.first.aliases == ("champion",) and home.second.aliases == ()
    assert home.first.bundle_hash == write_bundle(trained.bundle, tmp_path / "bundle") != home.second.bundle_hash
    assert [v.version for v in home.registry.versions("churn")] == [1, 2]
    assert home.registry.names() == ("churn",)
    assert home.registry.resolve("churn", "2") == home.second


def test_a_run_that_was_killed_is_told_as_killed_with_its_candidates(
    trained: TrainingResult, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    registry = Registry(f"sqlite:///{tmp_path}/mlflow.db", tmp_path / "models")
    run = training_run(trained)
    run = replace(run, tags={**run.tags, "my.key": "k1"})
    client = registry._client

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as dying:  # nobody lives to say how it ended
        dying.setattr(type(client), "set_terminated", killed)
        with pytest.raises(Killed):
            registry.log(run)
    registry.log(replace(run, tags={**run.tags, "my.key": "k2"}))
    experiment = client.get_experiment_by_name("churn").experiment_id

    def states() -> list[str]:
        return sorted(one.info.status for one in client.search_runs([experiment]))

    before = states()
    assert before.count("RUNNING") == 2  # the run, and the candidate that it was at
    assert registry.end_killed("churn", "my.key", "k2") == 0
    assert registry.end_killed("churn", "my.key", "k1") == 2
    assert states().count("KILLED") == 2 and "RUNNING" not in states()
    assert registry.end_killed("nobody", "my.key", "k1") == 0


def test_fetch_gives_the_bundle_where_it_lies(home, trained: TrainingResult) -> None:
    path = home.registry.fetch("churn")
    bundle = load_bundle(path, expected=home.first.bundle_hash)
    assert home.folder in path.parents and path == home.registry.fetch("churn")
    columns, n = columns_of(trained), len(trained.training_set.labels)
    assert (Scorer(bundle).probability(columns, n) == Scorer(trained.bundle).probability(columns, n)).all()


def test_mlflow_loads_the_champion_and_gives_the_scorers_answers(home, trained: TrainingResult, mlflow_here) -> None:
    model = mlflow_here.pyfunc.load_model("models:/churn@champion")
    columns = columns_of(trained)
    frame = frame_of({given.name: columns[given.name] for given in trained.bundle.inputs})
    answer = model.predict(frame)
    scorer = Scorer(trained.bundle)
    scores = scorer.score(columns, len(frame))
    assert list(answer.columns) == ["probability", "decision", "segment", "expected_value"]
    assert (answer["probability"].to_numpy() == scores.probability).all()
    assert (answer["expected_value"].to_numpy() == scores.expected_value).all()
    assert (answer["decision"] == np.where(scores.act, "contact", "leave")).all()
    assert answer["segment"].tolist() == [scores.segment_names[s] for s in scores.segment]
    without = model.predict(frame[["clients_worth"]].head(3))
    assert without["probability"].nunique() == 1
    names = {column.name: column.required for column in model.metadata.get_input_schema()}
    assert names["clients_worth"] and not names["clients_visits"]
    assert model.metadata.saved_input_example_info is not None
    assert model.metadata.flavors["python_function"]["loader_module"] == "vigie.registry.pyfunc"


def test_values_of_a_wrong_kind_are_refused_by_name(home, trained: TrainingResult) -> None:
    from vigie.registry.pyfunc import _load_pyfunc

    model = _load_pyfunc(str(home.registry.fetch("churn")))
    columns = columns_of(trained)
    frame = frame_of({given.name: columns[given.name].take(np.arange(3)) for given in trained.bundle.inputs})
    with pytest.raises(InputError, match="clients_visits"):
        model.predict(frame.assign(clients_visits=["many", "few", "none"]))
    with pytest.raises(InputError, match="clients_active"):
        model.predict(frame.assign(clients_active=[2, 3, 4]))
    with pytest.raises(InputError, match="clients_worth"):
        model.predict(frame.drop(columns="clients_worth"))
    assert len(model.predict(frame.assign(clients_since=None))) == 3


def test_the_run_says_where_the_model_comes_from(home, trained: TrainingResult, mlflow_here) -> None:
    client = mlflow_here.MlflowClient()
    run = client.get_run(home.first.run_id)
    assert run.info.status == "FINISHED" and run.info.start_time == 1_700_000_000_000
    tags = run.data.tags
    assert tags["vigie.data.clients"] == "7" and tags["vigie.code_version"] == "abc123"
    assert tags["vigie.definition"] == trained.training_set.score.fingerprint
    assert tags["vigie.bundle_hash"] == home.first.bundle_hash and tags["vigie.winner"] == trained.winner
    assert run.data.params["option.seed"] == "0" and run.data.params["split.kind"] == "stratified"
    assert run.data.metrics["test.auc"] == pytest.approx(trained.best.test.auc)
    assert run.inputs.dataset_inputs[0].dataset.name == "clients"
    assert run.inputs.dataset_inputs[0].dataset.digest == "v7"
    assert client.list_artifacts(home.first.run_id, "report")[0].path == "report/report.html"
    assert run.outputs.model_outputs
    version = client.get_model_version_by_alias("churn", "champion")
    assert version.run_id == home.first.run_id and version.tags["vigie.bundle_hash"] == home.first.bundle_hash


def test_each_candidate_is_a_nested_run(home, trained: TrainingResult, mlflow_here) -> None:
    client = mlflow_here.MlflowClient()
    experiment = client.get_experiment_by_name("churn").experiment_id
    nested = client.search_runs([experiment], f"tags.`mlflow.parentRunId` = '{home.first.run_id}'")
    by_name = {run.info.run_name: run for run in nested}
    assert set(by_name) == {"dummy", "lightgbm"}
    booster = by_name["lightgbm"].data
    assert booster.params["learning_rate"] == "0.03" and booster.metrics["fit_seconds"] > 0
    assert booster.metrics["test.auc"] == pytest.approx(trained.candidate("lightgbm").test.auc)
    assert len(client.get_metric_history(by_name["lightgbm"].info.run_id, "fold.auc")) == 2


def test_an_alias_moves_and_fetch_follows(home) -> None:
    registry: Registry = home.registry
    registry.set_alias("churn", "challenger", 2)
    assert registry.resolve("churn", "challenger").bundle_hash == home.second.bundle_hash
    assert load_bundle(registry.fetch("churn", "challenger")).title == "another"
    registry.set_alias("churn", "challenger", 1)
    assert load_bundle(registry.fetch("churn", "challenger")).hash == home.first.bundle_hash


def test_what_is_not_there_is_said_with_what_is(home, tmp_path: Path) -> None:
    registry: Registry = home.registry
    with pytest.raises(RegistryError, match="no model 'chrun' is registered") as error:
        registry.fetch("chrun")
    assert "did you mean 'churn'" in error.value.remedy
    with pytest.raises(RegistryError, match="no alias or version 'champoin'") as error:
        registry.fetch("churn", "champoin")
    assert "champion" in error.value.remedy
    with pytest.raises(RegistryError, match="no version 9"):
        registry.set_alias("churn", "champion", 9)
    blocked = tmp_path / "file"
    blocked.write_text("")
    with pytest.raises(RegistryError):
        Registry(f"sqlite:///{blocked}/mlflow.db", tmp_path).versions("churn")


def test_a_project_that_was_moved_finds_its_artefacts(home, tmp_path: Path) -> None:
    shutil.copytree(home.folder, tmp_path / "moved")
    moved = Registry(f"sqlite:///{tmp_path}/moved/state/mlflow.db", tmp_path / "moved" / "artifacts")
    gone = home.folder / "artifacts"
    gone.rename(home.folder / "elsewhere")
    try:
        assert tmp_path in moved.fetch("churn").parents
        with pytest.raises(RegistryError, match="are gone"):
            Registry(home.registry.tracking_uri, home.folder / "artifacts").fetch("churn")
    finally:
        (home.folder / "elsewhere").rename(gone)


def test_a_bundle_with_one_changed_byte_is_not_loaded(home, tmp_path: Path) -> None:
    from vigie.registry.pyfunc import _load_pyfunc

    copy = tmp_path / "bundle"
    shutil.copytree(home.registry.fetch("churn"), copy)
    file = copy / "model.txt" if (copy / "model.txt").exists() else copy / "model.json"
    content = bytearray(file.read_bytes())
    content[len(content) // 2] ^= 1
    file.write_bytes(content)
    with pytest.raises(BundleError):
        _load_pyfunc(str(copy))


def test_importing_the_room_is_light_and_telemetry_is_off() -> None:
    program = (
        "import sys, vigie.registry; heavy = [m for m in ('mlflow', 'pandas', 'sqlalchemy', 'sklearn') if m in sys.modules];"
        "assert not heavy, heavy;"
        "from vigie.registry.quiet import import_mlflow; import_mlflow();"
        "from mlflow.telemetry.client import get_telemetry_client; assert get_telemetry_client() is None"
    )
    clean = {
        key: value
        for key, value in os.environ.items()
        if key not in ("MLFLOW_DISABLE_TELEMETRY", "DO_NOT_TRACK", "PYTEST_CURRENT_TEST", "CI")
    }
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, env=clean, check=False)
    assert done.returncode == 0, done.stderr


def test_the_quick_reader_says_what_mlflow_says(home) -> None:
    registry: Registry = home.registry
    quick = read_versions(sqlite_file(registry.tracking_uri), "churn")
    assert quick == registry._asked_versions("churn") and len(quick) == 2
    assert read_versions(sqlite_file(registry.tracking_uri), "nobody") == ()


def test_a_store_of_another_shape_is_left_to_mlflow(tmp_path: Path) -> None:
    file = tmp_path / "other.db"
    with closing(sqlite3.connect(file)) as connection:
        connection.execute("CREATE TABLE model_versions (name TEXT)")
    assert read_versions(file, "churn") is None and read_names(file) is None
    file.write_bytes(b"not a database at all" * 100)
    assert read_versions(file, "churn") is None
    assert read_versions(tmp_path / "absent.db", "churn") == ()


@pytest.mark.parametrize(
    ("uri", "file"),
    [
        ("sqlite:////srv/state/mlflow.db", "/srv/state/mlflow.db"),
        ("sqlite:///state/mlflow.db", "state/mlflow.db"),
        ("sqlite:////srv/with%20space.db", "/srv/with space.db"),
        ("sqlite://", None),
        ("http://localhost:5000", None),
        ("postgresql://host/mlflow", None),
    ],
)
def test_which_uris_are_files(uri: str, file: str | None) -> None:
    assert sqlite_file(uri) == (Path(file) if file else None)


def test_fetch_does_not_need_mlflow(home) -> None:
    program = (
        "import sys; from pathlib import Path; from vigie.registry import Registry;"
        "path = Registry(sys.argv[1], Path(sys.argv[2])).fetch('churn');"
        "from vigie.bundle import load_bundle; load_bundle(path);"
        "assert not {'mlflow', 'pandas', 'sqlalchemy', 'polars', 'sklearn'} & set(sys.modules)"
    )
    arguments = [home.registry.tracking_uri, str(home.folder / "artifacts")]
    done = subprocess.run([sys.executable, "-c", program, *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
