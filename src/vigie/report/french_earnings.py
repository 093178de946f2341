"""French: what it earns, what drives it, fairness, segments, and the two cards."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    # earnings
    "What it earns": "Ce que cela rapporte",
    "Money per {unit} over the share {words.dones}: highest {best} at {share}; the decision covers {acted} and "
    "brings {value}.": (
        "Gain par {unit} selon la part de {words.dones} : au plus {best} à {share} ; la décision en couvre {acted} et rapporte "
        "{value}."
    ),
    "In hindsight the best cut would have been {share} for {best}: {missed} more.": (
        "Après coup, la meilleure coupe aurait été à {share} pour {best} : {missed} de plus."
    ),
    "No other cut would have brought noticeably more.": "Aucune autre coupe n’aurait rapporté sensiblement plus.",
    "**The green point is Vigie’s decision: {share} {words.dones}.** From left to right one more {words.one} is "
    "{words.done}, the most promising first; the height is what that brings per {unit}, {words.done} or not. Where the "
    "curve falls, {words.doing} the next one costs more than it brings.": (
        "**Le point vert est la décision de Vigie : {share} de {words.dones}.** De gauche à droite, un {words.one} de plus est "
        "{words.done}, les plus prometteurs d’abord ; la hauteur est le gain par {unit}, {words.done} ou non. Là où la courbe "
        "descend, {words.doing} le suivant coûte plus qu’il ne rapporte."
    ),
    "Diamonds are other ways to decide; off the curve they pick other {words.many}.": (
        "Les losanges sont d’autres façons de décider ; hors de la courbe, elles choisissent d’autres {words.many}."
    ),
    "Strategy": "Stratégie",
    "Per {unit}": "Par {unit}",
    "In all": "Au total",
    "Vigie brings more": "Vigie rapporte en plus",
    "Per {unit}; 95% interval": "Par {unit} ; intervalle à 95 %",
    "Share of positives among those acted on": "Part de positifs parmi les visés",
    "Share of the positives acted on": "Part des positifs visés",
    "{currency} on the {rows} test rows, by outcomes that really happened and the cost matrix. In brackets: 95% "
    "intervals.": (
        "{currency} sur les {rows} lignes de test, d’après les issues réelles et la matrice de coûts. Entre parenthèses : "
        "intervalles à 95 %."
    ),
    "Every strategy": "Toutes les stratégies",
    "Best share {words.dones}": "Meilleure part de {words.dones}",
    "Number": "Nombre",
    "Right": "À raison",
    "Positives found": "Positifs trouvés",
    "If only so many {words.many} can be {words.dones}: the most promising first, on the test rows.": (
        "Si seulement tant de {words.many} peuvent être {words.dones} : les plus prometteurs d’abord, sur les lignes de test."
    ),
    "If you can only reach some of them": "Si vous ne pouvez en toucher qu’une partie",
    "Capacity is {capacity} {words.many} at one moment.": "La capacité est de {capacity} {words.many} à une même date.",
    "At {full} of the {moments} moments of the test more {words.many} were worth {words.doing} than that: a greater "
    "capacity would earn more.": (
        "À {full} des {moments} dates du test, il valait la peine d’en {words.doing} davantage ({words.many}) : une plus grande "
        "capacité rapporterait plus."
    ),
    "It was never reached in the test: more capacity would earn nothing.": (
        "Elle n’a jamais été atteinte dans le test : davantage de capacité ne rapporterait rien."
    ),
    "The decision uses up to {number} of it.": "La décision en utilise jusqu’à {number}.",
    # worth
    "What it is worth, and how sure that is": "Ce que cela vaut, et avec quelle certitude",
    "Figure": "Chiffre",
    "More than {rival}": "De plus que {rival}",
    "The rival was chosen on the training rows, not on the test.": (
        "La stratégie rivale a été choisie sur l’apprentissage, non sur le test."
    ),
    "More than a line at 0.5": "De plus qu’un seuil à 0,5",
    "What a threshold from the costs adds to the same probabilities.": (
        "Ce qu’un seuil tiré des coûts ajoute aux mêmes probabilités."
    ),
    "Perfect knowledge": "Connaissance parfaite",
    "What nobody can beat: every outcome known beforehand.": "Indépassable : toutes les issues connues d’avance.",
    "Savings": "Économies",
    "Share of the cost of the best of nobody and everybody that the decision saves.": (
        "Part que la décision économise sur le coût de la meilleure des deux stratégies « personne » et « tout le monde »."
    ),
    "On test rows that chose nothing. Intervals resample the {customers} {words.many} of the test, not its rows; the "
    "winner was chosen among {number} before the test was looked at.": (
        "Sur des lignes de test qui n’ont rien choisi. Les intervalles rééchantillonnent les {customers} {words.many} du test, "
        "non ses lignes ; le candidat a été retenu parmi {number} avant tout regard sur le test."
    ),
    "Maximum profit": "Profit maximal",
    "Expected maximum profit, churn (Verbraken et al. 2013)": "Profit maximal attendu, attrition (Verbraken et al. 2013)",
    "Expected maximum profit, acquisition": "Profit maximal attendu, acquisition",
    "Expected maximum profit, credit (Verbraken et al. 2014)": "Profit maximal attendu, crédit (Verbraken et al. 2014)",
    "Share {words.dones} at the maximum": "Part de {words.dones} au maximum",
    "More than acting on nobody, with the cut that turned out best on the test rows; expected: when the least certain number of "
    "the cost matrix is only roughly known. To compare rankings and with the literature; not a promise.": (
        "De plus que de ne rien faire, avec la coupe qui s’est révélée la meilleure sur le test ; attendu : quand le chiffre le "
        "moins sûr de la matrice de coûts n’est connu qu’à peu près. Pour comparer des classements et la littérature ; ce "
        "n’est pas une promesse."
    ),
    # drivers
    "What drives it": "Ce qui détermine le score",
    "The chosen candidate, {title}, uses no feature.": "Le candidat retenu, {title}, n’utilise aucune variable.",
    "Drop in AUC when a feature is shuffled: {said}.": "Perte d’AUC quand une variable est permutée : {said}.",
    "{useless} of {all} features add nothing that can be told from noise.": (
        "{useless} variables sur {all} n’apportent rien qui se distingue du bruit."
    ),
    "**Most telling: {feature}.** How much worse the test rows are ranked when one feature is shuffled; the thin line "
    "is one standard deviation each way.": (
        "**La plus parlante : {feature}.** Ce que perd le classement des lignes de test quand une variable est permutée ; le "
        "trait fin est un écart-type de part et d’autre."
    ),
    "It says what the model leans on, not what causes the outcome, and features that say the same share their "
    "importance.": (
        "Cela dit sur quoi le modèle s’appuie, non ce qui cause l’issue ; des variables qui disent la même chose se partagent "
        "l’importance."
    ),
    "Drop in AUC": "Perte d’AUC",
    "± sd": "± é.-t.",
    "All {number} in a table": "Les {number} en tableau",
    "Drop in test AUC when shuffled.": "Perte d’AUC sur le test par permutation.",
    "log-odds": "log-cote",
    "probability": "probabilité",
    "Mean contribution, {scale}": "Contribution moyenne, {scale}",
    "**How much each feature moves an answer (SHAP).** Mean absolute contribution over {rows} test rows, in {scale}. "
    "Shuffling, above, asks how much worse the ranking would be; this asks how far an answer moves. Features that say the "
    "same rank differently in the two.": (
        "**De combien chaque variable déplace une réponse (SHAP).** Contribution absolue moyenne sur {rows} lignes de test, en "
        "{scale}. La permutation, plus haut, demande ce que perdrait le classement ; ceci, de combien la réponse bouge. Des "
        "variables redondantes se classent différemment dans les deux."
    ),
    "Direction": "Sens",
    "Two measures of importance beside each other.": "Deux mesures de l’importance côte à côte.",
    "How far each feature moves an answer": "De combien chaque variable déplace une réponse",
    "by category": "selon la catégorie",
    "not one way": "sans sens unique",
    "higher value, more {words.event}": "valeur plus haute, plus de {words.event}",
    "higher value, less {words.event}": "valeur plus haute, moins de {words.event}",
    "**What one feature does, all else as it is.** Mean probability if every test row had this value; the band holds "
    "eight of ten rows, the grey feet say where rows lie: where there are none, the curve is a guess. An effect on the "
    "score, not on the {words.one}.": (
        "**Ce que fait une variable, tout le reste inchangé.** Probabilité moyenne si chaque ligne de test avait cette valeur ; "
        "la bande contient huit lignes sur dix, les traits gris montrent où sont les lignes : là où il n’y en a pas, la courbe "
        "est une conjecture. Un effet sur le score, non sur le {words.one}."
    ),
    "Partial dependence": "Dépendance partielle",
    "acts together with": "agit de concert avec",
    "Strength": "Force",
    "Share of the joint effect of two features that the sum of both does not explain (Friedman & Popescu 2008, H²): 0% "
    "each acts for itself.": (
        "Part de l’effet conjoint de deux variables que leur somme n’explique pas (Friedman et Popescu 2008, H²) : à 0 %, "
        "chacune agit seule."
    ),
    "What acts together": "Ce qui agit de concert",
    "Selected minus all": "Sélection moins toutes",
    "Difference": "Différence",
    "Money per {unit}, cross-validation": "Gain par {unit}, validation croisée",
    "Log loss saved, cross-validation": "Perte log. évitée, validation croisée",
    "Money per {unit}, test": "Gain par {unit}, test",
    "The same candidate on {kept} of {all} features.": "Le même candidat sur {kept} des {all} variables.",
    "With fewer features": "Avec moins de variables",
    "Kept": "Gardées",
    # fairness
    "Fairness": "Équité",
    "One of the policy’s limits is broken beyond chance: see the findings.": (
        "Une des limites de la politique est dépassée au-delà du hasard : voir les constats."
    ),
    "{number} of the policy’s limits are broken beyond chance: see the findings.": (
        "{number} des limites de la politique sont dépassées au-delà du hasard : voir les constats."
    ),
    "No limit of the policy is broken beyond what chance explains.": (
        "Aucune limite de la politique n’est dépassée au-delà de ce que le hasard explique."
    ),
    "Groups are compared; the project declares no limits.": "Les groupes sont comparés ; le projet ne déclare pas de limite.",
    "The model reads this value.": "Le modèle lit cette valeur.",
    "The model does not read this value; others may stand for it.": (
        "Le modèle ne lit pas cette valeur ; d’autres peuvent la remplacer."
    ),
    "Share {words.dones}": "Part de {words.dones}",
    "**How often each group is {words.done}.** Lines are 95% intervals, the dashed line is everybody; grey groups are too "
    "small to be judged.": (
        "**Part de {words.dones} dans chaque groupe** ({words.done} ou non). Les traits sont des intervalles à 95 %, le "
        "pointillé l’ensemble ; les groupes gris sont trop petits pour être jugés."
    ),
    "Group": "Groupe",
    "of those who {words.do}": "parmi ceux qui {words.do}",
    "of the others": "parmi les autres",
    "Equal opportunity: share acted on among positives": "Égalité des chances : part visée parmi les positifs",
    "Share acted on among negatives": "Part visée parmi les négatifs",
    "Predicted": "Prédit",
    "Happened": "Réalisé",
    "{currency} each": "{currency} chacun",
    "few rows": "peu de lignes",
    "Under the decision, on the test rows; in brackets 95% intervals.": (
        "Avec la décision, sur les lignes de test ; entre parenthèses, intervalles à 95 %."
    ),
    "Gap": "Écart",
    "Limit": "Limite",
    "Between the group with the highest figure and the one with the lowest, of those with rows enough.": (
        "Entre le groupe au chiffre le plus haut et celui au plus bas, parmi ceux qui ont assez de lignes."
    ),
    "Demographic parity: share acted on": "Parité démographique : part visée",
    "Calibration: predicted minus happened": "Calibration : prédit moins réalisé",
    "broken": "dépassée",
    "reported": "pour information",
    "may be chance": "peut être le hasard",
    "within": "respectée",
    # segments
    "Segments": "Segments",
    "{own} of {all} segments have a model of their own, because it beats the common one in cross-validation beyond "
    "chance; the others use the common one.": (
        "{own} segments sur {all} ont leur propre modèle, parce qu’il bat le modèle commun en validation croisée au-delà du "
        "hasard ; les autres utilisent le modèle commun."
    ),
    "In {number} segments a model could not be made: they use the common one.": (
        "Dans {number} segments, un modèle n’a pu être fait : ils utilisent le modèle commun."
    ),
    "Segment": "Segment",
    "Positive": "Positifs",
    "Own brings more, CV": "Gain du modèle propre, VC",
    "Why": "Pourquoi",
    "Segments with a model of their own first.": "D’abord les segments qui ont leur propre modèle.",
    "own": "propre",
    "common": "commun",
    "failed": "échec",
}
"""English → French."""
