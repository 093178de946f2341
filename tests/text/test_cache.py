"""Embeddings are computed once, kept within bounds, shared by processes, and forgotten without a trace."""

from __future__ import annotations

import subprocess
import sys
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from vigie.errors import StoreError
from vigie.features.text.cache import Embedder, TextCache, text_hash


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30)
@given(st.lists(st.lists(st.text(max_size=8), max_size=8), max_size=5))
def test_the_cache_changes_nothing_but_the_work(
    letters: Any, tmp_path_factory: pytest.TempPathFactory, asked: list[list[str]]
) -> None:
    letters.asked.clear()
    cache = TextCache(tmp_path_factory.mktemp("cache") / "text.db")
    kept, plain = Embedder(letters, cache), Embedder(type(letters)())
    for texts in asked:
        assert np.array_equal(kept(texts), plain(texts)) and kept(texts).dtype == np.float32
    assert sorted(letters.asked) == sorted({text for texts in asked for text in texts})
    cache.close()


def test_it_stays_within_its_limit_and_the_oldest_go(letters: Any, tmp_path: Path) -> None:
    cache = TextCache(tmp_path / "text.db", limit=10)
    embedder = Embedder(letters, cache)
    for i in range(25):
        embedder([f"text {i}"])
        assert len(cache) <= 10
    letters.asked.clear()
    embedder([f"text {i}" for i in range(25)])
    assert letters.asked == [f"text {i}" for i in range(15)]


def test_models_do_not_mix_and_forgetting_covers_all_of_them(letters: Any, tmp_path: Path) -> None:
    other = type(letters)()
    other.weights = "cd" * 32
    cache = TextCache(tmp_path / "text.db")
    Embedder(letters, cache)(["secret words", "kept"])
    Embedder(other, cache)(["secret words"])
    assert (len(letters.asked), len(other.asked), len(cache)) == (2, 1, 3)
    assert cache.forget(["secret words", "never seen", "secret words"]) == 2
    assert len(cache) == 1
    cache.close()
    raw = b"".join(path.read_bytes() for path in tmp_path.iterdir())
    vector = letters.embed(["secret words"])[0].tobytes()
    assert b"secret" not in raw and text_hash("secret words") not in raw and vector not in raw
    assert text_hash("kept") in raw


def test_several_processes_and_threads_share_it(letters: Any, tmp_path: Path) -> None:
    script = f"""
import sys; sys.path.insert(0, {str(Path(__file__).parent)!r})
from conftest import Letters
from pathlib import Path
from vigie.features.text.cache import Embedder, TextCache
embedder = Embedder(Letters(), TextCache(Path(sys.argv[1])))
for i in range(60):
    embedder([f"text {{j}}" for j in range(i, i + 5)])
"""
    path = tmp_path / "text.db"
    running = [subprocess.Popen([sys.executable, "-c", script, str(path)], stderr=subprocess.PIPE) for _ in range(2)]
    cache = TextCache(path)
    embedder = Embedder(letters, cache)
    with ThreadPoolExecutor(4) as pool:
        found = list(pool.map(lambda i: embedder([f"text {i}"])[0], range(64)))
    for process in running:
        _, said = process.communicate(timeout=60)
        assert process.returncode == 0, said
    assert len(cache) == 64
    assert np.array_equal(np.stack(found), letters.embed([f"text {i}" for i in range(64)]))


def test_a_lone_surrogate_is_a_text_too(letters: Any, tmp_path: Path) -> None:
    Embedder(letters, TextCache(tmp_path / "text.db"))(["a\ud800"])
    assert letters.asked == ["a\ud800"]


def test_a_damaged_file_is_said(tmp_path: Path) -> None:
    (tmp_path / "text.db").write_bytes(b"no database " * 100)
    with pytest.raises(StoreError, match="may be deleted"):
        TextCache(tmp_path / "text.db")
