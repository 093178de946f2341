"""French: the model card and the data sheet."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "Model card": "Fiche du modèle",
    "Data sheet": "Fiche des données",
    "Model card: score “{name}”": "Fiche du modèle : score « {name} »",
    "Data sheet: training set of score “{name}”": "Fiche des données : jeu d’entraînement du score « {name} »",
    "Model details": "Description du modèle",
    "Score": "Score",
    "Calibration": "Calibration",
    "Features": "Variables",
    "not named": "non désigné",
    "Intended use": "Usage prévu",
    "Not intended for": "Usages non prévus",
    "{many} outside the population above, or at other moments.": (
        "{many} hors de la population ci-dessus, ou à d’autres dates."
    ),
    "Another decision than to {words.act} or to {words.leave}: the line follows from this cost matrix.": (
        "Une autre décision que {words.act} ou {words.leave} : le seuil découle de cette matrice de coûts."
    ),
    "Reasoning about causes: the score says who is likely to be positive, not what would change if a feature were "
    "changed, nor who changes because of being {words.done}.": (
        "Un raisonnement causal : le score dit qui sera probablement positif, non ce qui changerait si une variable changeait, ni "
        "qui change parce qu’il est {words.done}."
    ),
    "A decision with legal or similarly significant effect on a person without a human who can overrule it (GDPR, "
    "article 22).": (
        "Une décision produisant des effets juridiques ou similaires sur une personne, sans intervention humaine possible "
        "(RGPD, article 22)."
    ),
    "Factors": "Facteurs",
    "No groups of people were declared, so none were compared. Declare fairness=Fairness([...]) to do so.": (
        "Aucun groupe de personnes n’a été déclaré, donc aucun n’a été comparé. Déclarez fairness=Fairness([...]) pour le faire."
    ),
    "Groups that were compared:": "Groupes comparés :",
    "{feature}: {groups}": "{feature} : {groups}",
    "Metrics": "Mesures",
    "The money of the cost matrix decides; the other measures say why.": (
        "Le gain selon la matrice de coûts décide ; les autres mesures disent pourquoi."
    ),
    "On {rows} test rows that chose nothing.": "Sur {rows} lignes de test qui n’ont rien choisi.",
    "Money per {unit}": "Gain par {unit}",
    "Brier score": "Score de Brier",
    "Calibration error": "Erreur de calibration",
    "Precision of the decision": "Précision de la décision",
    "Recall of the decision": "Rappel de la décision",
    "Evaluation data": "Données d’évaluation",
    "{positives} ({share})": "{positives} ({share})",
    "How chosen": "Choix des lignes",
    "Training data": "Données d’apprentissage",
    "The data sheet says more.": "La fiche des données en dit plus.",
    "Ethical considerations": "Considérations éthiques",
    "Who is {words.done} follows from expected money alone. vigie score --reasons says for each {words.one} why.": (
        "Le choix de chaque {words.one} {words.done} découle du seul gain attendu. vigie score --reasons en donne les raisons "
        "individuelles."
    ),
    "{feature}, {measure}: gap of {gap} between “{highest}” and “{lowest}” ({low} to {high}).": (
        "{feature}, {measure} : écart de {gap} entre « {highest} » et « {lowest} » ({low} à {high})."
    ),
    "The policy’s limit for {feature}, {measure}, is broken.": (
        "La limite de la politique pour {feature}, {measure}, est dépassée."
    ),
    "The model reads {features}.": "Le modèle lit {features}.",
    "share acted on": "part visée",
    "share acted on among positives": "part visée parmi les positifs",
    "calibration": "calibration",
    "Caveats and recommendations": "Réserves et recommandations",
    "Verdict: {verdict}.": "Verdict : {verdict}.",
    "{severity}, {where}: {title}": "{severity}, {where} : {title}",
    # data sheet
    "Motivation": "Motivation",
    "Made to train and test the score “{name}”.": "Constitué pour entraîner et tester le score « {name} ».",
    "Composition": "Composition",
    "A row is": "Une ligne est",
    "a {words.one} at a moment": "un {words.one} à une date",
    "Columns": "Colonnes",
    "Every feature with its kind and its share of missing values.": (
        "Chaque variable avec sa nature et sa part de valeurs manquantes."
    ),
    "Collection": "Collecte",
    "Source": "Source",
    "Version": "Version",
    "Sources as they were read.": "Les sources telles qu’elles ont été lues.",
    "Read from the lake as of {moment}: what became known later is not in it.": (
        "Lu dans le lac à la date du {moment} : ce qui a été connu plus tard n’y figure pas."
    ),
    "Preparation": "Préparation",
    "Features are computed at each row’s moment from what was known then; outcomes from the time after it.": (
        "Les variables sont calculées à la date de chaque ligne d’après ce qui était alors connu ; les issues, d’après la suite."
    ),
    "Missing values stay missing and are a value of their own to the model; no row is left out for them.": (
        "Les valeurs manquantes le restent et sont une valeur à part pour le modèle ; aucune ligne n’est écartée pour cela."
    ),
    "Categories rarer than 3% are grouped; which these are is learned from training rows alone.": (
        "Les catégories sous 3 % sont regroupées ; lesquelles, cela s’apprend sur les seules lignes d’apprentissage."
    ),
    "Test: {how}.": "Test : {how}.",
    "Known problems": "Problèmes connus",
    "The checks found none.": "Les contrôles n’en ont trouvé aucun.",
    "Use, distribution, upkeep": "Usage, diffusion, entretien",
    "It describes people: keep it no longer and show it to no more than its sources may be. vigie erase removes a "
    "{words.one} from the sources; the set is made anew from them.": (
        "Il décrit des personnes : ne le gardez pas plus longtemps et ne le montrez pas plus largement que ses sources. vigie "
        "erase efface un {words.one} des sources ; le jeu est refait à partir d’elles."
    ),
    "It can be made again, row by row, from the versions above and the moment {moment}.": (
        "Il peut être refait, ligne à ligne, à partir des versions ci-dessus et de la date {moment}."
    ),
}
"""English → French."""
