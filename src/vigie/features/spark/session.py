"""A Spark session, and Spark's failures in words that say what to do."""

from __future__ import annotations

import re
import socket
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from vigie.errors import FeatureError, MissingExtraError

if TYPE_CHECKING:
    from pyspark.sql import SparkSession

_LOOPBACK = ("127.0.0.1", "localhost", "::1")
_PATIENCE = 5.0
"""Seconds until a master that does not answer is given up."""


@contextmanager
def session_of(spark: SparkSession | str) -> Iterator[SparkSession]:
    """The session given, or one of a master's URL, which is closed afterwards.

    A session that is made here shows no web page and listens on the loopback only where the master is there too.
    Everything else is as Spark's own configuration (``spark-defaults.conf``, ``PYSPARK_PYTHON``) says.

    Args:
        spark: A session; or ``local[2]``, ``spark://host:7077``, or what else Spark takes as a master.

    Raises:
        MissingExtraError: PySpark is not installed.
        FeatureError: The cluster cannot be reached.
    """
    # It speaks of the release of pandas, which is looked for and not used.
    warnings.filterwarnings("ignore", "PySpark does not yet fully support pandas", FutureWarning)
    if not isinstance(spark, str):
        yield spark
        return
    try:
        from pyspark.sql import SparkSession
    except ImportError as error:
        raise MissingExtraError("pyspark", extra="spark") from error
    active = SparkSession.getActiveSession()
    if active is not None and active.sparkContext.master == spark:
        yield active
        return
    if active is not None:
        raise FeatureError(
            f"a Spark session of {active.sparkContext.master} is open in this process",
            where=spark,
            remedy="stop it, or give the session itself",
        )
    session = _opened(spark)
    try:
        yield session
    finally:
        session.stop()


def _opened(url: str) -> SparkSession:
    from pyspark.sql import SparkSession

    if url.startswith("sc://"):
        raise FeatureError(
            "Spark Connect has no way to the workers' results that this needs",
            where=url,
            remedy="name the master itself, such as spark://host:7077",
        )
    if not re.match(r"local(\[[\d*]+(,\d+)?\])?$|(spark|k8s)://.|yarn$", url):
        raise FeatureError(
            "not the URL of a Spark master",
            where=url,
            remedy="write spark://host:7077, or local[2] for two threads here",
        )
    hosts = _hosts(url)
    if hosts:
        _reach(url, hosts)
    quiet = {
        "spark.ui.enabled": "false",
        "spark.ui.showConsoleProgress": "false",
        "spark.log.level": "ERROR",
        "spark.sql.session.timeZone": "UTC",
    }
    here = {"spark.driver.host": "127.0.0.1", "spark.driver.bindAddress": "127.0.0.1"}
    builder = SparkSession.builder.master(url).appName("vigie")
    if url.startswith("local") or (hosts and all(host in _LOOPBACK for host, _ in hosts)):
        quiet |= here
    for key, value in quiet.items():
        builder = builder.config(key, value)
    with failures(url):
        session = builder.getOrCreate()
    context = session.sparkContext
    if url.startswith("local") and context.pythonExec == "python3":
        import sys

        context.pythonExec = sys.executable  # the workers are children of this very program
    return session


def _hosts(url: str) -> list[tuple[str, int]]:
    """Hosts and ports of ``spark://a:7077,b:7077``; none for other URLs."""
    if not url.startswith("spark://"):
        return []
    found = []
    for place in url.removeprefix("spark://").split(","):
        host, _, port = place.rpartition(":")
        if not host or not port.isdigit():
            raise FeatureError("a master needs host and port", where=url, remedy="write spark://host:7077")
        found.append((host.strip("[]"), int(port)))
    return found


def _reach(url: str, hosts: list[tuple[str, int]]) -> None:
    # Spark itself tries for a minute, and then says that the context was stopped.
    reasons = []
    for host in hosts:
        try:
            socket.create_connection(host, _PATIENCE).close()
        except OSError as error:
            reasons.append(str(error))
        else:
            return
    raise FeatureError(
        f"no Spark master answers: {'; '.join(dict.fromkeys(reasons))}",
        where=url,
        remedy="start it, or correct the URL: the master's own page shows it",
    )


@contextmanager
def failures(where: str) -> Iterator[None]:
    """Failures of Spark, and of the workers, as errors of Vigie."""
    from py4j.protocol import Py4JError  # type: ignore[import-untyped]
    from pyspark.errors import PySparkException

    try:
        yield
    except (PySparkException, Py4JError) as error:
        raise _explained(str(error), where) from error


def _explained(text: str, where: str) -> FeatureError:
    missing = re.search(r"No module named '([\w.]+)'", text)
    if missing:
        return FeatureError(
            f"a Spark worker cannot import {missing[1]}",
            where=where,
            remedy="install vigie[spark] for the Python of the workers, and name that Python in PYSPARK_PYTHON",
        )
    versions = re.search(r"PYTHON_VERSION_MISMATCH\] (.*)", text)
    if versions:
        return FeatureError(versions[1].strip(" ."), where=where, remedy="set PYSPARK_PYTHON to the same version")
    own = re.findall(r"vigie\.errors\.\w+: (.*)\n?(?:\s*→ (.*))?", text)
    if own:
        what, remedy = own[-1]
        return FeatureError(what.strip(" ."), where=where, remedy=remedy.strip(" ."))
    program = re.search(r'Cannot run program "([^"]*)"', text)
    if program:
        return FeatureError(
            f"a Spark worker has no {program[1]}", where=where, remedy="name the workers' Python in PYSPARK_PYTHON"
        )
    if "JAVA_GATEWAY_EXITED" in text:
        return FeatureError(
            "Spark could not start Java", where=where, remedy="install Java 17 or newer, or name it in JAVA_HOME"
        )
    lines = [line.strip() for line in text.splitlines() if line.strip()]
    return FeatureError(f"Spark failed: {lines[0] if lines else 'no reason given'}", where=where)
