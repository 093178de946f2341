"""Public tables whose scores are known."""

from __future__ import annotations

from pathlib import Path

from vigie import Campaign, Lead
from vigie.training import TrainOptions
from vigie.training.train import train

FAST = TrainOptions(models=("logistic_regression", "lightgbm"), folds=3, threads=1, trials=0, stack=False, select=False)
FILLED_IN_LATER = (
    "Tags",
    "Lead Quality",
    "Lead Profile",
    "Asymmetrique Activity Index",
    "Asymmetrique Profile Index",
    "Asymmetrique Activity Score",
    "Asymmetrique Profile Score",
    "Last Activity",
    "Last Notable Activity",
)


def test_telco_churn(shared_data: Path, table_set) -> None:
    data = table_set(
        shared_data / "telco_churn.csv",
        key="customerID",
        target="Churn",
        positive="Yes",
        decision=Campaign(contact_cost=1, offer_cost=10, accepted=0.3, customer_value=200),
    )
    result = train(data, FAST)
    assert result.best.test.auc >= 0.84
    assert result.best.test.ece < 0.04
    assert not [found for found in result.findings if found.code.startswith("VGL")]
    assert result.strategies["vigie"].value > max(
        result.strategies[name].value for name in ("nobody", "everybody", "threshold_0.5")
    )


def test_columns_that_sales_fill_in_later(shared_data: Path, table_set) -> None:
    def leads(but: tuple[str, ...] = ()):
        return table_set(
            shared_data / "leads_xeducation.csv",
            key="Prospect ID",
            target="Converted",
            positive=1,
            null="Select",
            but=but,
            decision=Lead(contact_cost=5, deal_value=50),
        )

    data = leads()
    result = train(data, FAST)
    said = [found for found in result.findings if found.code.startswith("VGL")]
    names = {feature.column: feature.name for feature in data.score.bound_features}
    for column in FILLED_IN_LATER:
        assert any(names[column] in found.where.split(", ") for found in said), column
    assert {"VGL001", "VGL002", "VGL003", "VGL006"} <= {found.code for found in said}
    honest = train(leads((*FILLED_IN_LATER, "Lead Number")), FAST)
    assert result.best.test.auc > 0.96 and 0.84 < honest.best.test.auc < 0.92
    assert not {"VGL001", "VGL002", "VGL006"} & {found.code for found in honest.findings}
