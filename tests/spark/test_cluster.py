"""A cluster that fails: workers that die, that lack something, that are not there."""

from __future__ import annotations

import socket
import sys
import threading

import pytest

from vigie.errors import FeatureError, MissingExtraError
from vigie.features.spark.driver import build_training_set_spark
from vigie.features.spark.session import session_of
from vigie.features.training_set import build_training_set

pytestmark = pytest.mark.filterwarnings("ignore:PySpark does not yet:FutureWarning")


def test_a_worker_that_is_killed_changes_nothing(spark, spark_cluster, make_shop):
    shop = make_shop(11, 1_500)
    asked = shop.score("snapshots")
    ours = build_training_set(asked, shop.lake, shop.schema, as_of=shop.now)
    killed = threading.Event()

    def progress(doing: str, share: float) -> None:
        # In the middle of the work: some tasks are done, their results lie on the worker's disk.
        if doing == "on Spark" and share > 0.5 and not killed.is_set():
            killed.set()
            spark_cluster.kill(spark_cluster.workers[0])

    try:
        theirs = build_training_set_spark(
            asked, shop.lake, shop.schema, as_of=shop.now, spark=spark, buckets=16, progress=progress
        )
    finally:
        spark_cluster.add_worker()
    assert killed.is_set()
    assert theirs.customers.tolist() == ours.customers.tolist()
    assert theirs.moments.tobytes() == ours.moments.tobytes() and theirs.labels.tobytes() == ours.labels.tobytes()
    for name, values in ours.features.items():
        assert theirs.features[name].data.tobytes() == values.data.tobytes()


def hidden(module, folder):
    """A Python like this one that does not have *module*."""
    hide = folder / "hide"
    hide.mkdir()
    (hide / "sitecustomize.py").write_text(
        "import sys\n"
        "class Hide:\n"
        "    def find_spec(self, name, path=None, target=None):\n"
        f"        if name.split('.')[0] == {module!r}:\n"
        f"            raise ModuleNotFoundError(\"No module named '{module}'\", name={module!r})\n"
        "sys.meta_path.insert(0, Hide())\n"
    )
    python = folder / "python"
    python.write_text(f'#!/bin/sh\nPYTHONPATH="{hide}:$PYTHONPATH" exec "{sys.executable}" "$@"\n')
    python.chmod(0o755)
    return python


@pytest.mark.parametrize("module", ["vigie", "polars"])
def test_workers_without_vigie(spark, make_shop, tmp_path, monkeypatch, module):
    shop = make_shop(12, 20)
    monkeypatch.setattr(spark.sparkContext, "pythonExec", str(hidden(module, tmp_path)))
    with pytest.raises(FeatureError, match=f"a Spark worker cannot import {module}") as caught:
        build_training_set_spark(shop.score("once"), shop.lake, shop.schema, as_of=shop.now, spark=spark)
    assert "vigie[spark]" in caught.value.remedy and "PYSPARK_PYTHON" in caught.value.remedy
    assert caught.value.where.startswith("spark://")


def test_workers_without_python(spark, make_shop, tmp_path, monkeypatch):
    shop = make_shop(12, 20)
    monkeypatch.setattr(spark.sparkContext, "pythonExec", str(tmp_path / "nothing"))
    with pytest.raises(FeatureError, match="a Spark worker has no .*nothing") as caught:
        build_training_set_spark(shop.score("once"), shop.lake, shop.schema, as_of=shop.now, spark=spark)
    assert "PYSPARK_PYTHON" in caught.value.remedy


def test_workers_of_another_version(spark, make_shop, monkeypatch):
    shop = make_shop(12, 20)
    asked = shop.score("once")
    for module in ("dealing", "grouping"):
        monkeypatch.setattr(f"vigie.features.spark.{module}.__version__", "99.0")
    from vigie.features.spark import dealing, grouping

    taking, group = dealing.Taking.__init__, grouping.Grouping.__init__
    monkeypatch.setattr(dealing.Taking, "__init__", lambda self, *a: taking(self, *a, program="99.0"))
    monkeypatch.setattr(grouping.Grouping, "__init__", lambda self, *a: group(self, *a, program="99.0"))
    with pytest.raises(FeatureError, match=r"has Vigie 0\.\S+, the driver 99\.0"):
        build_training_set_spark(asked, shop.lake, shop.schema, as_of=shop.now, spark=spark)


def test_a_file_that_is_gone(spark, make_shop):
    shop = make_shop(13, 20)
    for file in (shop.lake.path("profile")).glob("*.parquet"):
        file.unlink()
    with pytest.raises((FeatureError, FileNotFoundError)):
        build_training_set_spark(shop.score("once"), shop.lake, shop.schema, as_of=shop.now, spark=spark, buckets=2)


def test_no_master_answers():
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        url = f"spark://127.0.0.1:{free.getsockname()[1]}"
    with pytest.raises(FeatureError, match="no Spark master answers") as caught, closed(session_of(url)):
        pass
    assert caught.value.where == url


@pytest.mark.parametrize("url", ["spark://here", "local[x]", "http://here:7077", "sc://here:15002", ""])
def test_urls_that_are_none(url):
    with pytest.raises(FeatureError), closed(session_of(url)):
        pass


def closed(context):
    """The context, in a process in which no session is open."""
    from unittest.mock import patch

    from pyspark.sql import SparkSession

    class Both:
        def __enter__(self):
            self.patch = patch.object(SparkSession, "getActiveSession", return_value=None)
            self.patch.start()
            try:
                return context.__enter__()
            except BaseException:
                self.patch.stop()
                raise

        def __exit__(self, *error):
            self.patch.stop()
            return context.__exit__(*error)

    return Both()


def test_another_session_is_open(spark):
    with pytest.raises(FeatureError, match="a Spark session of spark://.* is open"), session_of("local[1]"):
        pass


def test_the_session_of_the_same_master_is_used_and_left_open(spark, spark_cluster):
    with session_of(spark_cluster.url) as session:
        assert session is spark
    assert spark.range(3).count() == 3


def test_without_pyspark(monkeypatch):
    monkeypatch.setitem(sys.modules, "pyspark.sql", None)
    with pytest.raises(MissingExtraError, match="pyspark is not installed"), session_of("local[1]"):
        pass
