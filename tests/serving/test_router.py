"""Champion, challenger, shadow and hold-out behind one URL, with a challenger that fails in every way."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from fastapi.testclient import TestClient

from vigie.bundle import Bundle, LinearModel
from vigie.clock import FixedClock
from vigie.errors import BundleError, InputError
from vigie.journal import Prediction, PredictionJournal, read
from vigie.release import Guardrails, Places, judge, pooled
from vigie.release.cells import ACTED, ERRORS, LATENCY, LATENCY_EDGES, MONEY_KNOWN, SCORE, UNITS
from vigie.serving import Served, ServingSettings, create_app
from vigie.serving.incident_metrics import IncidentMetrics
from vigie.serving.router import Router
from vigie.serving.router_trial import Trial

SHARES = (0.0, 0.5)


class Held:
    """Follows nothing; keeps the routers for the test."""

    def __init__(self) -> None:
        self.routers: Mapping[str, Router] = {}
        self.incidents = IncidentMetrics(lambda: {("churn", "critical", "data"): 2})

    def start(self, routers: Mapping[str, Router]) -> None:
        self.routers = routers

    def stop(self) -> None:
        for router in self.routers.values():
            router.end()


class Setting:
    """A server with one score, and its journal."""

    def __init__(self, served: Served, folder: Path, now: int, **settings: Any) -> None:
        self.held, self.folder, self.now = Held(), folder, now
        app = create_app(
            {"churn": served},
            PredictionJournal(folder),
            FixedClock(now),
            ServingSettings(**settings),
            following=self.held,
        )
        self.client = TestClient(app, raise_server_exceptions=False)

    @property
    def router(self) -> Router:
        return self.held.routers["churn"]

    def begin(self, challenger: Served, *, shadow: bool = False, rollout: str = "r1") -> Trial:
        trial = Trial(rollout, SHARES, self.now)
        self.router.begin(challenger, trial)
        self.router.step(0 if shadow else 1, shadow=shadow)
        return trial

    def ask(self, body: Mapping[str, Any]) -> Any:
        answer = self.client.post("/v1/score", json=body)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def recorded(self) -> list[Prediction]:
        return list(read(self.folder))


@pytest.fixture
def setting(served: Served, tmp_path: Path, now: int) -> Iterator[Setting]:
    one = Setting(served, tmp_path / "journal", now)
    with one.client:
        yield one


@pytest.fixture
def challenger(bundle: Bundle, base: Any) -> Served:
    """Version 4: every score is 0.9 or so, so that its answers are told apart."""
    assert isinstance(bundle.model, LinearModel)
    constant = LinearModel(tuple(0.0 for _ in bundle.model.weights), 2.2)
    return Served("churn", "4", replace(bundle, model=constant), base)


def broken(served: Served, how: Exception | None = None) -> Served:
    """The same, failing with every customer."""

    class Broken:
        def __getattr__(self, name: str) -> Any:
            if name in ("inputs", "parse", "reader"):
                return getattr(served.scorer, name)
            raise how or RuntimeError("a bug")

    made = Served(served.name, served.version, served.bundle, served.provider)
    object.__setattr__(made, "scorer", Broken())
    return made


def arm_of(customer: str, rollout: str = "r1") -> str:
    return "challenger" if Places(rollout).of(customer) < SHARES[1] else "champion"


def test_each_customer_gets_the_model_drawn_for_it_and_keeps_it(
    setting: Setting, challenger: Served, values: dict[str, Any]
) -> None:
    setting.begin(challenger)
    for _ in range(2):
        for i in range(40):
            answer = setting.ask({"customer_id": str(i), "values": values})
            assert answer["model"]["version"] == ("4" if arm_of(str(i)) == "challenger" else "3")
    records = setting.recorded()
    assert len(records) == 80
    for one in records:
        assert one.customer is not None
        assert (one.arm, one.assignment_probability, one.rollout) == (arm_of(one.customer), 0.5, "r1")
        assert one.model == ("4" if one.arm == "challenger" else "3")
    assert {one.arm for one in records} == {"champion", "challenger"}


def test_requests_without_a_customer_are_drawn_one_by_one(
    setting: Setting, challenger: Served, values: dict[str, Any]
) -> None:
    setting.begin(challenger)
    versions = [setting.ask({"values": values})["model"]["version"] for _ in range(60)]
    assert 12 < versions.count("4") < 48
    again = {setting.ask({"values": values, "request_id": "retried"})["model"]["version"] for _ in range(5)}
    assert len(again) == 1


def test_a_batch_is_divided_and_answered_in_its_order(
    setting: Setting, challenger: Served, values: dict[str, Any]
) -> None:
    trial = setting.begin(challenger)
    ids = [str(i) for i in range(30)]
    answer = setting.ask({"customers": [{"customer_id": i, "values": values} for i in ids]})
    assert answer["model"]["version"] == "3"
    assert [one["customer_id"] for one in answer["predictions"]] == ids
    for one in answer["predictions"]:
        assert one.get("version", "3") == ("4" if arm_of(one["customer_id"]) == "challenger" else "3")
        assert ("version" in one) == (one["score"] > 0.89)
    found = pooled([trial.take()], SHARES).concurrent[0]
    assert found.champion[UNITS] + found.challenger[UNITS] == 30
    bins = slice(LATENCY, LATENCY + len(LATENCY_EDGES) + 1)
    assert not found.champion[bins].any() and not found.challenger[bins].any()


def test_what_is_counted_is_what_was_answered(setting: Setting, challenger: Served, values: dict[str, Any]) -> None:
    trial = setting.begin(challenger)
    for _ in range(3):  # who asks three times is one customer
        for i in range(50):
            setting.ask({"customer_id": str(i), "values": values})
    found = pooled([trial.take()], SHARES).concurrent[0]
    mine = sum(arm_of(str(i)) == "challenger" for i in range(50))
    assert (found.probability, found.champion[UNITS], found.challenger[UNITS]) == (0.5, 50 - mine, mine)
    for cells, arm in ((found.champion, "champion"), (found.challenger, "challenger")):
        said = {one.customer: one.decision for one in setting.recorded() if one.arm == arm}
        assert cells[ACTED] == sum(decision == "contact" for decision in said.values())
        assert cells[LATENCY:SCORE].sum() == cells[UNITS] and not cells[ERRORS]


@pytest.mark.parametrize(
    "how",
    [RuntimeError("a bug"), ZeroDivisionError(), BundleError("damaged"), MemoryError()],
    ids=lambda e: type(e).__name__,
)
def test_a_failing_challenger_fails_no_request(
    setting: Setting, challenger: Served, values: dict[str, Any], how: Exception
) -> None:
    trial = setting.begin(broken(challenger, how))
    for i in range(40):
        assert setting.ask({"customer_id": str(i), "values": values})["model"]["version"] == "3"
    setting.ask({"customers": [{"customer_id": f"b{i}", "values": values} for i in range(20)]})
    arms = [one.arm for one in setting.recorded()]
    in_batch = sum(arm_of(f"b{i}") == "challenger" for i in range(20))
    assert len(arms) == 60 and set(arms) == {"champion", "fallback"}
    assert all(one.model == "3" and one.assignment_probability == 0.5 for one in setting.recorded())
    found = pooled([trial.take()], SHARES).concurrent[0]
    mine = sum(arm_of(str(i)) == "challenger" for i in range(40))
    told = setting.client.get("/metrics").text
    assert 'vigie_rollout_share{score="churn"} 0.5' in told
    assert 'vigie_incidents_open{area="data",score="churn",severity="critical"} 2.0' in told
    assert f'vigie_rollout_failures_total{{score="churn"}} {arms.count("fallback") - in_batch + 1}.0' in told
    assert 'vigie_rollout_answers_total{score="churn"} 0.0' in told
    # The batch is one request, and one failure.
    assert (found.challenger[ERRORS], found.champion[ERRORS]) == (mine + 1, 0)
    assert found.challenger[UNITS] == mine + in_batch
    assert found.challenger[SCORE:].sum() == mine + in_batch  # with what the champion said in its place
    assert found.challenger[LATENCY:SCORE].sum() == mine  # with what the caller waited
    assert found.challenger[LATENCY:SCORE].sum() + found.champion[LATENCY:SCORE].sum() == 40
    # Nothing but errors is held against it: it took no longer, and said what the champion says.
    verdicts = judge(pooled([trial.take()], SHARES), Guardrails())
    assert {one.guardrail for one in verdicts if one.state == "harmful"} == {"errors"}


def test_a_request_that_both_refuse_counts_against_nobody(
    setting: Setting, challenger: Served, values: dict[str, Any]
) -> None:
    trial = setting.begin(challenger)
    for i in range(20):
        refused = setting.client.post("/v1/score", json={"customer_id": str(i), "values": {"customers_age": "old"}})
        assert refused.status_code == 422
    assert trial.take() == {} and setting.recorded() == []


def test_a_challenger_that_wants_other_inputs_is_at_fault(
    setting: Setting, challenger: Served, values: dict[str, Any]
) -> None:
    asking = broken(challenger, InputError("is missing", field="customers_tenure"))
    trial = setting.begin(asking)
    for i in range(10):
        setting.ask({"customer_id": str(i), "values": values})
    found = pooled([trial.take()], SHARES).concurrent[0]
    assert found.challenger[ERRORS] == found.challenger[UNITS] > 0


def test_the_shadow_scores_beside_and_answers_nobody(
    setting: Setting, challenger: Served, values: dict[str, Any]
) -> None:
    trial = setting.begin(challenger, shadow=True)
    for _ in range(2):
        for i in range(30):
            assert setting.ask({"customer_id": str(i), "values": values})["model"]["version"] == "3"
    cells = wait_for(lambda: pooled([trial.take()], SHARES).shadow, lambda found: found[UNITS] == 30)
    assert cells[ERRORS] == 0 and cells[MONEY_KNOWN] == 30
    assert {(one.arm, one.rollout, one.assignment_probability) for one in setting.recorded()} == {
        ("champion", "r1", 1.0)
    }
    assert len(setting.recorded()) == 60


def test_a_shadow_that_fails_is_an_error_of_the_challenger_alone(
    setting: Setting, challenger: Served, values: dict[str, Any]
) -> None:
    trial = setting.begin(broken(challenger), shadow=True)
    for i in range(10):
        setting.ask({"customer_id": str(i), "values": values})
    cells = wait_for(lambda: pooled([trial.take()], SHARES).shadow, lambda found: found[UNITS] == 10)
    assert cells[ERRORS] == 10


def test_a_shadow_without_time_drops_and_counts(setting: Setting, challenger: Served, values: dict[str, Any]) -> None:
    stuck, go_on = challenger.scorer, threading.Event()

    class Slow:
        def __getattr__(self, name: str) -> Any:
            if name == "score_one":
                go_on.wait(20)
            return getattr(stuck, name)

    slow = Served("churn", "4", challenger.bundle, challenger.provider)
    object.__setattr__(slow, "scorer", Slow())
    trial = setting.begin(slow, shadow=True)
    started = time.perf_counter()
    for part in range(2):
        customers = [{"customer_id": f"{part}-{i}", "values": values} for i in range(300)]
        setting.ask({"customers": customers})
    assert time.perf_counter() - started < 10  # nobody waited for it
    dropped = wait_for(lambda: pooled([trial.take()], SHARES).dropped, lambda found: found > 0)
    assert 99 <= dropped <= 100  # 500 wait, one is at hand
    assert f'vigie_rollout_shadow_dropped_total{{score="churn"}} {dropped}.0' in setting.client.get("/metrics").text
    go_on.set()


def test_a_new_champion_under_load_cuts_nobody_off(
    setting: Setting, challenger: Served, values: dict[str, Any]
) -> None:
    versions: list[str] = []
    failed: list[object] = []
    ended = threading.Event()

    def ask() -> None:
        while not ended.is_set():
            answer = setting.client.post("/v1/score", json={"values": values})
            if answer.status_code == 200:
                versions.append(answer.json()["model"]["version"])
            else:
                failed.append(answer.text)

    threads = [threading.Thread(target=ask) for _ in range(3)]
    for thread in threads:
        thread.start()
    champion = setting.router.champion
    for i in range(30):
        setting.router.crown(challenger if i % 2 == 0 else champion)
        time.sleep(0.01)
    setting.router.crown(challenger)
    ended.set()
    for thread in threads:
        thread.join()
    assert not failed and set(versions) == {"3", "4"}
    assert setting.client.get("/readyz").json()["models"] == {"churn": "4"}
    assert [card["version"] for card in setting.client.get("/v1/models").json()] == ["4"]
    assert 'vigie_model_info{bundle="' in (told := setting.client.get("/metrics").text) and 'version="4"} 1.0' in told
    described = setting.client.get("/openapi.json").text
    assert '"version":"4"' in described and '"version":"3"' not in described


def test_after_the_end_everybody_gets_the_champion(
    setting: Setting, challenger: Served, values: dict[str, Any]
) -> None:
    setting.begin(challenger)
    setting.router.end()
    assert {setting.ask({"customer_id": str(i), "values": values})["model"]["version"] for i in range(20)} == {"3"}
    assert {(one.arm, one.rollout) for one in setting.recorded()} == {("champion", "")}


def test_words_that_the_server_does_not_know_are_refused(setting: Setting, challenger: Served) -> None:
    other = replace(challenger.bundle.decision, act="call")
    with pytest.raises(BundleError, match="between call and leave"):
        setting.router.crown(Served("churn", "5", replace(challenger.bundle, decision=other)))


def test_the_hold_out_is_never_acted_on(
    served: Served, challenger: Served, values: dict[str, Any], tmp_path: Path, now: int
) -> None:
    setting = Setting(served, tmp_path / "held", now, holdout=0.3)
    with setting.client:
        for i in range(100):
            setting.ask({"customer_id": str(i), "values": values})
        setting.router.begin(challenger, Trial("r0", (0.5,), now))
        between = {setting.ask({"customer_id": str(i), "values": values})["model"]["version"] for i in range(20)}
        trial = setting.begin(challenger)
        for i in range(100):
            setting.ask({"customer_id": str(i), "values": values})
        setting.ask({"values": values})
    assert between == {"3"}  # nobody gets a challenger before its first step
    before, after = setting.recorded()[:100], setting.recorded()[120:220]
    places = Places("holdout churn")
    held = {str(i) for i in range(100) if places.of(str(i)) < 0.3}
    assert 15 < len(held) < 45
    for records in (before, after):
        assert {one.customer for one in records if one.arm == "holdout"} == held
    for one in (*before, *after):
        if one.arm == "holdout":
            assert (one.decision, one.assignment_probability, one.model) == ("leave", 0.3, "3")
            assert one.gain is not None and one.expected_value is not None
        else:
            assert one.assignment_probability == pytest.approx(0.7 if not one.rollout else 0.35)
    # Whoever leaves brings what passing brings: the gain less than acting would.
    acted = {
        one.gain: one.expected_value for one in (*before, *after) if one.model == "3" and one.decision == "contact"
    }
    for one in before:
        if one.arm == "holdout" and one.gain in acted:
            assert one.expected_value == pytest.approx(acted[one.gain] - one.gain)
    found = pooled([trial.take()], SHARES).concurrent[0]
    assert found.champion[UNITS] + found.challenger[UNITS] == 100 - len(held) + 1
    assert setting.recorded()[220].arm in ("champion", "challenger")


def test_counted_customers_are_shared_by_the_processes_of_a_machine(tmp_path: Path, now: int) -> None:
    path = tmp_path / "rollouts" / "r1.seen"
    a, b = Trial("r1", (0.0, 0.1, 0.5), now, path), Trial("r1", (0.0, 0.1, 0.5), now, path)
    assert a.worker != b.worker
    for i in range(1_000):
        for trial in (a, b):
            trial.count(trial.unit(str(i), "x", 0), 1, failed=False, look=(0.5, True), seconds=None)
    taken = [a.take(), b.take()]
    assert pooled(taken, (0.0, 0.1, 0.5)).units[1] == pytest.approx(1_000, abs=2)  # but for two of one place
    # At a greater share, who had the champion is drawn again, and who has the challenger is not.
    for i in range(1_000):
        b.count(b.unit(str(i), "x", 0), 2, failed=False, look=(0.5, True), seconds=None)
    parts = pooled([a.take(), b.take()], (0.0, 0.1, 0.5)).concurrent
    assert [one.probability for one in parts] == pytest.approx([0.1, 0.4 / 0.9])
    again = parts[1].champion[UNITS] + parts[1].challenger[UNITS]
    assert again == pytest.approx(parts[0].champion[UNITS], abs=2)
    share = parts[1].challenger[UNITS] / again
    assert abs(share - 0.4 / 0.9) < 4 * math.sqrt(0.25 / again)


def wait_for(look: Any, until: Any, seconds: float = 10.0) -> Any:
    """What *look* returns once it is as wanted."""
    end = time.perf_counter() + seconds
    while not until(found := look()):
        assert time.perf_counter() < end, found
        time.sleep(0.02)
    return found
