"""French: what stands in charts."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "Drop in AUC when the feature is shuffled": "Perte d’AUC quand la variable est permutée",
    "Share of values missing": "Part de valeurs manquantes",
    "Share of positives in the tenth": "Part de positifs dans le dixième",
    "Tenths, highest scores first": "Dixièmes, scores les plus hauts d’abord",
    "False alarms: share of the others acted on": "Fausses alertes : part des autres visés",
    "Share of the positives found": "Part des positifs trouvés",
    "Recall: share of the positives found": "Rappel : part des positifs trouvés",
    "Precision: share of positives among those acted on": "Précision : part de positifs parmi les visés",
    "Share acted on, highest scores first": "Part visée, scores les plus hauts d’abord",
    "Predicted probability": "Probabilité prédite",
    "Share that came true": "Part réalisée",
    "decision": "décision",
    "Share of each group": "Part de chaque groupe",
    "Share of positives": "Part de positifs",
    "Number scored": "Nombre de scores",
    "Share to {act}, best first": "Part à {act}, les meilleurs d’abord",
    "Earned per {unit}": "Gain par {unit}",
}
"""English → French."""
