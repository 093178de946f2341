"""The pipeline in the file $PIPELINE as a BentoML service, for run.py: runs in BentoML's own environment."""

import os

import bentoml
import joblib
import pandas as pd
from pydantic import create_model

PIPELINE = joblib.load(os.environ["PIPELINE"])
TEXTS = {name for names in [PIPELINE[0].transformers_[1][2]] for name in names}
Customer = create_model(
    "Customer",
    **{str(name): (str if name in TEXTS else float | None, ...) for name in PIPELINE.feature_names_in_},
)


@bentoml.service(workers=1)
class Scorer:
    """Answers with the probability."""

    @bentoml.api(route="/score")
    def score(self, customer: Customer) -> dict:
        """Of one customer."""
        row = pd.DataFrame([customer.model_dump()]).astype(
            {name: float for name in customer.model_dump() if name not in TEXTS}
        )
        return {"probability": float(PIPELINE.predict_proba(row)[0, 1])}
