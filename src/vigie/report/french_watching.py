"""French: the page of what is watched."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "Watching “{name}”": "Surveillance de « {name} »",
    "Watching {number} scores": "Surveillance de {number} scores",
    "seen {moment} · {begin} to {end}": "vu le {moment} · du {begin} au {end}",
    "Overview": "Vue d’ensemble",
    "State": "État",
    "Open incidents": "Incidents ouverts",
    "What happened when": "Ce qui s’est passé, et quand",
    "Drift by column": "Dérive par colonne",
    "Retraining": "Réapprentissage",
    "Earlier incidents": "Incidents passés",
    "Everything that was looked at": "Tout ce qui a été examiné",
    # how it is
    "Lost a day": "Perdu par jour",
    "Rings": "En alerte",
    "Looked at": "Examinés",
    "Every score of the project. What is lost a day is the estimate of the incidents that go on.": (
        "Tous les scores du projet. La perte par jour est l’estimation des incidents en cours."
    ),
    "healthy": "sain",
    "incidents open": "incidents ouverts",
    "lost a day, estimated": "perdus par jour, estimation",
    "things looked at that ring": "points examinés en alerte",
    "version in use": "version en service",
    "predictions on these days": "prédictions sur la période",
    "Nothing could be judged yet.": "Rien n’a encore pu être jugé.",
    "Healthy: {looked:,} things were looked at, and no incident is open.": (
        "Sain : {looked:,} points ont été examinés, et aucun incident n’est ouvert."
    ),
    "One incident is open; what it costs is not known.": "Un incident est ouvert ; on ne sait pas ce qu’il coûte.",
    "{number} incidents are open; what they cost is not known.": (
        "{number} incidents sont ouverts ; on ne sait pas ce qu’ils coûtent."
    ),
    "One incident is open; it costs about {cost} a day.": "Un incident est ouvert ; il coûte environ {cost} par jour.",
    "{number} incidents are open; they cost about {cost} a day.": (
        "{number} incidents sont ouverts ; ils coûtent environ {cost} par jour."
    ),
    "No model is in use: ": "Aucun modèle n’est en service : ",
    "No prediction of the last days is on record: ": "Aucune prédiction des derniers jours n’est enregistrée : ",
    # incidents
    "critical": "critique",
    "information": "information",
    "open": "ouvert",
    "acknowledged": "pris en charge",
    "snoozed": "mis en veille",
    "resolved": "clos",
    "None is open.": "Aucun n’est ouvert.",
    "None is over yet.": "Aucun n’est encore clos.",
    "Since": "Depuis",
    "{begin}, seen {opened}": "{begin}, vu le {opened}",
    "Affected": "Concernés",
    "all, as far as can be told": "tous, autant qu’on puisse dire",
    "Taken on by": "Pris en charge par",
    "Quiet since": "Calme depuis",
    "Suspects, the most likely first": "Suspects, du plus au moins probable",
    "Commands of the playbook": "Commandes de la fiche de conduite",
    "Everything that rings in it": "Tout ce qui y est en alerte",
    "When it last changed.": "Lors de son dernier changement.",
    "The whole playbook": "La fiche de conduite entière",
    "Code": "Code",
    "Area": "Domaine",
    "Subject": "Objet",
    "What was seen": "Ce qui a été vu",
    "Incident": "Incident",
    "Severity": "Gravité",
    "Over": "Fin",
    "Why it ended": "Pourquoi il est clos",
    "{shown} of {number} incidents that are over, the newest first.": (
        "{shown} des {number} incidents clos, le plus récent d’abord."
    ),
    "When": "Quand",
    "By": "Par",
    "All that happened to incidents, in the words of the ledger, the newest first.": (
        "Tout ce qui est arrivé aux incidents, dans les mots du registre, le plus récent d’abord."
    ),
    "{number:,} lines of the ledger": "{number:,} lignes du registre",
    # what happened when
    "There is nothing to show yet: what is answered is on this page from the next day on.": (
        "Il n’y a encore rien à montrer : les réponses paraissent sur cette page dès le lendemain."
    ),
    "Incidents, releases, predictions, scores, decisions, figures, losses and drift, day by day": (
        "Incidents, mises en service, prédictions, scores, décisions, mesures, pertes et dérive, jour par jour"
    ),
    "as it came; or what rings": "ce qui est advenu ; ou ce qui est en alerte",
    "a warning": "un avertissement",
    "another version answers": "une autre version répond",
    "trained, and not released": "appris, mais pas mis en service",
    "requests": "des requêtes",
    "runs over the base": "des passages sur la base",
    "Days are those of UTC; predictions are {kind}. The mean score is told from bins and right to half the width of one. What is "
    "lost is what the scores promised of these customers less what came; pale, what is estimated to come. Below, each column on "
    "each day: the darker the blue, the nearer its drift was to its limit.": (
        "Les jours sont ceux du temps UTC ; les prédictions sont {kind}. Le score moyen est tiré de classes, exact à une "
        "demi-largeur de classe près. La perte est ce que les scores promettaient de ces clients moins ce qui est advenu ; en "
        "pâle, ce qui est estimé à venir. En bas, chaque colonne chaque jour : plus le bleu est foncé, plus sa dérive était "
        "proche de la limite."
    ),
    "Incidents": "Incidents",
    "Releases": "Mises en service",
    "Retrainings": "Réapprentissages",
    "Predictions a day": "Prédictions par jour",
    "Mean score": "Score moyen",
    "Decision rate": "Taux de décision",
    "Value per customer": "Valeur par client",
    "Value lost a day": "Valeur perdue par jour",
    "The score": "Le score",
    "All features": "Toutes les variables",
    # drift by column
    "Drift is told once a model is in use and has answered enough customers on days that are over.": (
        "La dérive se mesure dès qu’un modèle est en service et a répondu à assez de clients sur des jours révolus."
    ),
    "decision rate": "taux de décision",
    "outcome rate": "taux d’issues",
    "all features": "toutes les variables",
    "rows as a whole": "les lignes entières",
    "Of": "De",
    "Effect": "Effet",
    "Live": "Actuel",
    "Reference": "Référence",
    "Importance": "Importance",
    "rings": "alerte",
    "fine": "normal",
    "What is looked at for drift, what rings first. The effect is the distance from training less what chance adds to it, or "
    "Cohen’s h for shares; p is the chance of as much in a month of looks, corrected for all columns.": (
        "Ce dont la dérive est examinée, les alertes d’abord. L’effet est la distance à l’apprentissage moins ce que le hasard y "
        "ajoute, ou le h de Cohen pour les parts ; p est la probabilité d’en voir autant par hasard en un mois d’examens, corrigée "
        "pour toutes les colonnes."
    ),
    # what comes next
    "The plan cannot be told: ": "Le plan ne peut être établi : ",
    "No criterion is declared. Declare some in ": "Aucun critère n’est déclaré. Déclarez-en dans ",
    ": for instance ": " : par exemple ",
    "Criterion": "Critère",
    "Met": "Rempli",
    "What is known": "Ce que l’on sait",
    "unless ": "sauf ",
    "When the model is trained anew, and what holds that back.": "Quand le modèle est réappris, et ce qui le retient.",
    "It was never trained anew by the policy.": "La politique ne l’a encore jamais réappris.",
    "Begun": "Commencé",
    "Became": "Devenu",
    "Because": "Parce que",
    "promoted": "mis en service",
    "rolled back": "retiré",
    "inconclusive": "non concluant",
    "waits": "en attente",
    "goes on": "en cours",
    "Retrainings, the newest first.": "Réapprentissages, le plus récent d’abord.",
    # everything
    "Nothing could be judged yet: too little history. It comes with days of deliveries and predictions.": (
        "Rien n’a encore pu être jugé : trop peu d’historique. Il vient avec les jours de livraisons et de prédictions."
    ),
    "Size": "Taille",
    "{number:,} things, {ringing:,} of them ring": "{number:,} points, dont {ringing:,} en alerte",
    "What each code means stands in the reference of signals.": (
        "La signification de chaque code est dans la référence des signaux."
    ),
}
"""English → French."""
