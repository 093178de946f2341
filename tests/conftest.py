"""Fixtures that every room's tests share."""

from __future__ import annotations

import os
import re
import shutil
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path

import pytest
from hypothesis import HealthCheck, settings

from vigie.settings import quiet_dependencies

quiet_dependencies()
settings.register_profile("default", deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("default")

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="session")
def shared_data() -> Path:
    """Folder of public data sets that the project may not ship."""
    folder = ROOT.parent / "shared" / "data"
    if not folder.is_dir():
        pytest.skip("the public data sets are not on this machine (../shared/data)")
    return folder


@dataclass
class SparkCluster:
    """A standalone Spark cluster on the loopback: one master, workers of one core and 1 GB each."""

    folder: Path
    url: str = ""
    workers: list[subprocess.Popen[bytes]] = field(default_factory=list)
    master: subprocess.Popen[bytes] | None = None

    def start(self, workers: int) -> None:
        master = "org.apache.spark.deploy.master.Master"
        self.master, log = self._run("master", master, "--host", "127.0.0.1", "--port", "0", "--webui-port", "0")
        self.url = self._await(self.master, log, r"Starting Spark master at (spark://127\.0\.0\.1:\d+)")
        for _ in range(workers):
            self.add_worker()

    def add_worker(self) -> None:
        name = f"worker-{len(self.workers)}"
        worker = "org.apache.spark.deploy.worker.Worker"
        options = ["--host", "127.0.0.1", "--webui-port", "0", "-c", "1", "-m", "1g", "-d", str(self.folder / name)]
        process, log = self._run(name, worker, *options, self.url)
        self.workers.append(process)
        self._await(process, log, "(Successfully registered)")

    def stop(self) -> None:
        for process in [*self.workers, self.master]:
            if process is not None:
                self.kill(process)

    @staticmethod
    def kill(process: subprocess.Popen[bytes]) -> None:
        """Kill a worker at once, with the executors that it started."""
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
        process.wait()

    def _run(self, name: str, *command: str) -> tuple[subprocess.Popen[bytes], Path]:
        import pyspark

        home = Path(pyspark.__file__).parent
        log = self.folder / f"{name}.log"
        here = {"SPARK_HOME": str(home), "SPARK_LOCAL_IP": "127.0.0.1", "PYSPARK_PYTHON": sys.executable}
        program = [str(home / "bin" / "spark-class"), *command]
        with log.open("wb") as out:
            return subprocess.Popen(
                program, stdout=out, stderr=out, env={**os.environ, **here}, start_new_session=True
            ), log

    def _await(self, process: subprocess.Popen[bytes], log: Path, line: str) -> str:
        for _ in range(600):
            found = re.search(line, log.read_text(errors="replace"))
            if found:
                return found[1]
            assert process.poll() is None, log.read_text(errors="replace")
            time.sleep(0.1)
        raise AssertionError(log.read_text(errors="replace"))


@pytest.fixture(scope="session")
def spark_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SparkCluster]:
    """A real cluster of two workers, started once."""
    if shutil.which("java") is None:
        pytest.skip("there is no Java on this machine, which Spark runs on")
    cluster = SparkCluster(tmp_path_factory.mktemp("spark"))
    try:
        cluster.start(workers=2)
        yield cluster
    finally:
        cluster.stop()


@pytest.fixture(scope="session")
def spark(spark_cluster: SparkCluster) -> Iterator[object]:
    """A session on the cluster, as a user brings it."""
    from vigie.features.spark.session import session_of

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("PYSPARK_PYTHON", sys.executable)
        patch.setenv("SPARK_LOCAL_IP", "127.0.0.1")
        with session_of(spark_cluster.url) as session:
            yield session
