"""French: the search, the candidates, the quality of the scores, and what they earn."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    # search
    "What was tried": "Ce qui a été essayé",
    "{trials} sets of parameters of {candidates} candidates were tried in cross-validation on the training rows, all on the "
    "same folds. The test took no part.": (
        "{trials} jeux de paramètres de {candidates} candidats ont été essayés en validation croisée sur les lignes "
        "d’apprentissage, tous sur les mêmes blocs. Le test n’y a pas pris part."
    ),
    "Bayesian (TPE): each trial learns from those before it": "bayésienne (TPE) : chaque essai tire parti des précédents",
    "random": "aléatoire",
    "grid": "grille",
    "none: defaults only": "aucune : valeurs par défaut seulement",
    "{done} finished, {pruned} given up early, {failed} failed": (
        "{done} terminés, {pruned} abandonnés tôt, {failed} en échec"
    ),
    "Goes by": "Critère",
    "Trials": "Essais",
    "Trial": "Essai",
    "Time": "Durée",
    "{time} with {workers} at work": "{time} avec {workers}",
    "one process": "un processus",
    "{number} processes": "{number} processus",
    "Taken over": "Repris",
    "{number} from an interrupted run": "{number} d’une exécution interrompue",
    "Log loss over trials: the best went from {first} to {last}.": (
        "Perte logarithmique au fil des essais : la meilleure est passée de {first} à {last}."
    ),
    "**The best was found at trial {number} of {all}.** Each point is one set of parameters, the line is the best so far; "
    "lower is better. Where the line has been flat for long, more trials would hardly help.": (
        "**Le meilleur a été trouvé à l’essai {number} sur {all}.** Chaque point est un jeu de paramètres, la ligne le meilleur "
        "jusque-là ; plus bas, c’est mieux. Une ligne plate depuis longtemps : d’autres essais n’aideraient guère."
    ),
    "Log loss, cross-validation": "Perte logarithmique, validation croisée",
    "Log loss, defaults": "Perte log., défaut",
    "Log loss, best": "Perte log., meilleure",
    "Log loss": "Perte logarithmique",
    "{currency} per {unit}, best": "{currency} par {unit}, meilleur",
    "{currency} per {unit}": "{currency} par {unit}",
    "By candidate, before calibration.": "Par candidat, avant calibration.",
    "Parameters": "Paramètres",
    "defaults": "valeurs par défaut",
    "The {number} best trials": "Les {number} meilleurs essais",
    "In cross-validation.": "En validation croisée.",
    "learned from": "apprentissage",
    "new rows": "nouvelles lignes",
    # candidates
    "Candidates, from simple to complex": "Les candidats, du simple au complexe",
    "Candidates": "Candidats",
    "Candidate": "Candidat",
    "Over- and under-fitting": "Surajustement et sous-ajustement",
    "Not judged.": "Non jugé.",
    "Note: {note}": "Note : {note}",
    ": ": " : ",
    "Earned per {unit}, cross-validation": "Gain par {unit}, validation croisée",
    "AUC, cross-validation": "AUC, validation croisée",
    "**What they earn.** Mean of the folds, and one standard deviation each way. The blue one was chosen.": (
        "**Ce qu’ils rapportent.** Moyenne des blocs, et un écart-type de part et d’autre. Le bleu a été retenu."
    ),
    "**How well they rank.** 0.5 is chance and 1 is perfect. A gain in AUC is worth having only where it earns more.": (
        "**Comment ils classent.** 0,5 : le hasard ; 1 : parfait. Un gain d’AUC ne vaut que s’il rapporte davantage."
    ),
    "{currency} per {unit}, CV": "{currency} par {unit}, VC",
    "{currency} per {unit}, test": "{currency} par {unit}, test",
    "AUC, CV": "AUC, VC",
    "AUC, test": "AUC, test",
    "Average precision": "Précision moyenne",
    "Precision": "Précision",
    "Recall": "Rappel",
    "Calibr. error": "Err. calibr.",
    "Lift at 10%": "Lift à 10 %",
    "Fit time": "Temps d’ajustement",
    "Mean and standard deviation over the folds": "Moyenne et écart-type sur les blocs",
    "Area under the ROC curve: mean and standard deviation over the folds": (
        "Aire sous la courbe ROC : moyenne et écart-type sur les blocs"
    ),
    "Area under the precision-recall curve, test": "Aire sous la courbe précision-rappel, test",
    "Share of positives among those acted on, test": "Part de positifs parmi les visés, test",
    "Share of the positives acted on, test": "Part des positifs visés, test",
    "Harmonic mean of precision and recall, test": "Moyenne harmonique de la précision et du rappel, test",
    "Mean squared error of the probability, test; lower is better": (
        "Erreur quadratique moyenne de la probabilité, test ; plus bas, c’est mieux"
    ),
    "Expected calibration error, test; lower is better": "Erreur de calibration attendue, test ; plus bas, c’est mieux",
    "Share of positives in the best tenth over the share among all, test": (
        "Part de positifs dans le meilleur dixième rapportée à l’ensemble, test"
    ),
    "chosen": "retenu",
    "Chosen on the cross-validated money (CV); the test columns come from rows that chose nothing.": (
        "Retenu sur le gain en validation croisée (VC) ; les colonnes « test » viennent de lignes qui n’ont rien choisi."
    ),
    # pairs
    "Is {winner} really better?": "Le candidat retenu ({winner}) est-il vraiment meilleur ?",
    "{winner} brings more, per {unit}": "{winner} : gain en plus, par {unit}",
    "**Right of the dashed line the winner earns more.** Lines are 95% intervals on the same cross-validated rows; blue: "
    "told apart beyond chance, grey: the same as far as the data can tell.": (
        "**À droite du pointillé, le candidat retenu rapporte plus.** Les traits sont des intervalles à 95 % sur les mêmes "
        "lignes de validation croisée ; bleu : écart au-delà du hasard, gris : équivalents, autant que les données le disent."
    ),
    "Against": "Face à",
    "Brings more, per {unit}": "Gain en plus, par {unit}",
    "Saves log loss": "Perte log. évitée",
    "Of the paired test that both bring the same, corrected for the number of candidates (Holm)": (
        "Du test apparié d’égalité des gains, corrigé du nombre de candidats (Holm)"
    ),
    "Verdict": "Verdict",
    "The winner beside each other candidate, in cross-validation.": (
        "Le candidat retenu face à chaque autre, en validation croisée."
    ),
    "the same": "équivalents",
    "better": "meilleur",
    "worse": "moins bon",
    # curves
    "Would more rows or other settings help?": "Plus de lignes ou d’autres réglages aideraient-ils ?",
    "Rows learned from": "Lignes d’apprentissage",
    "{point}: {loss}": "{point} : {loss}",
    "Log loss on new rows over “{over}”. {said}.": "Perte logarithmique sur de nouvelles lignes selon « {over} ». {said}.",
    "Lower is better; the band is one standard error over the folds.": (
        "Plus bas, c’est mieux ; la bande est une erreur type sur les blocs."
    ),
    # quality
    "How good the scores are": "Ce que valent les scores",
    "All of this is measured on the {rows} test rows, {positives} of them positive ({words.positive}). AUC {auc}, "
    "average precision {precision}, Brier score {brier}, calibration error {error}.": (
        "Tout est mesuré sur les {rows} lignes de test, dont {positives} positives ({words.positive}). AUC {auc}, précision "
        "moyenne {precision}, score de Brier {brier}, erreur de calibration {error}."
    ),
    "Only one outcome occurs among the test rows: how well they are ranked cannot be told.": (
        "Une seule issue figure parmi les lignes de test : la qualité du classement ne peut être jugée."
    ),
    "Grey: the other candidates.": "En gris : les autres candidats.",
    "ROC curve, area {auc}. The decision finds {recall} of the positives at {alarms} false alarms.": (
        "Courbe ROC, aire {auc}. La décision trouve {recall} des positifs pour {alarms} de fausses alertes."
    ),
    "**ROC: AUC {auc}.** Shown one who {words.positive} and one who does not, the model ranks them rightly "
    "{share} of the time. The dashed line is chance.": (
        "**ROC : AUC {auc}.** Entre un {words.one} qui {words.positive} et un autre, le modèle les classe correctement "
        "{share} du temps. Le pointillé est le hasard."
    ),
    "Precision-recall curve, average precision {precision}; at random {rate}.": (
        "Courbe précision-rappel, précision moyenne {precision} ; au hasard {rate}."
    ),
    "**Precision and recall: average precision {precision}.** Further right more of the positives are found; "
    "higher up fewer are {words.dones} for nothing. At random precision is {rate} (dashed).": (
        "**Précision et rappel : précision moyenne {precision}.** Plus à droite, plus de positifs sont trouvés ; plus haut, "
        "moins de {words.many} sont {words.dones} pour rien. Au hasard, la précision est de {rate} (pointillé)."
    ),
    "The decision may lie off the curve: it ranks by money, not by probability.": (
        "La décision peut s’écarter de la courbe : elle classe par gain, non par probabilité."
    ),
    "{predicted} predicted, {observed} true": "{predicted} prédits, {observed} réalisés",
    "Calibration: {said}.": "Calibration : {said}.",
    "**Are the probabilities true? Error {error}.** Each point is {each} {words.many} with about the same "
    "probability; on the dashed line what was predicted is what happened. Above it the model is too careful, below "
    "too bold. The band is the 95% interval.": (
        "**Les probabilités sont-elles justes ? Erreur {error}.** Chaque point réunit {each} {words.many} de probabilité "
        "voisine ; sur le pointillé, ce qui est prédit se réalise. Au-dessus, le modèle est trop prudent ; au-dessous, trop "
        "hardi. La bande est l’intervalle à 95 %."
    ),
    "Distribution of the predicted probability by outcome.": "Distribution de la probabilité prédite selon l’issue.",
    "**How the two groups separate.** Predicted probability in each group, both adding up to 100%; the less they "
    "overlap the better.": (
        "**Comment les deux groupes se séparent.** Probabilité prédite dans chaque groupe, chacun totalisant 100 % ; moins ils "
        "se recouvrent, mieux c’est."
    ),
    "Cumulative gains: the best 10% hold {first} of the positives, the best 30% {third}.": (
        "Gains cumulés : les 10 % meilleurs réunissent {first} des positifs, les 30 % meilleurs {third}."
    ),
    "**Gains. The best 10% hold {first} of the positives, the best 30% {third}.** The dashed line is choosing at "
    "random.": (
        "**Gains. Les 10 % meilleurs réunissent {first} des positifs, les 30 % meilleurs {third}.** Le pointillé est un choix "
        "au hasard."
    ),
    "Share of positives by tenth: {said}.": "Part de positifs par dixième : {said}.",
    "**Lift {lift}.** In the best tenth {best} are positive against {rate} of all {words.many} (dashed). Bars must "
    "fall from left to right.": (
        "**Lift {lift}.** Dans le meilleur dixième, {best} sont positifs contre {rate} de tous les {words.many} (pointillé). Les "
        "barres doivent descendre de gauche à droite."
    ),
    "Not {words.dones}": "Non {words.dones}",
    "The decision on the test rows. Precision {precision}, recall {recall}, F1 {f1}.": (
        "La décision sur les lignes de test. Précision {precision}, rappel {recall}, F1 {f1}."
    ),
    # calibration
    "Can a probability be taken at its word?": "Peut-on prendre une probabilité au mot ?",
    "Measure": "Mesure",
    "On the test": "Sur le test",
    "Right is": "Idéal",
    "What it means": "Ce que cela veut dire",
    "Slope": "Pente",
    "Offset": "Décalage",
    "Expected error": "Erreur attendue",
    "Below 1: the highest probabilities are too high and the lowest too low.": (
        "Sous 1 : les plus hautes probabilités sont trop hautes, les plus basses trop basses."
    ),
    "Above 0: more came true than was predicted, in log-odds.": "Au-dessus de 0 : il s’en réalise plus que prédit, en log-cote.",
    "Mean distance between what was predicted and what came true.": "Écart moyen entre le prédit et le réalisé.",
    "Calibration on the test rows, which chose neither model nor map.": (
        "Calibration sur les lignes de test, qui n’ont choisi ni le modèle ni la calibration."
    ),
    "They are too low on the whole: more came true than was predicted.": (
        "Elles sont trop basses dans l’ensemble : il s’en est réalisé plus que prédit."
    ),
    "They are too high on the whole: less came true than was predicted.": (
        "Elles sont trop hautes dans l’ensemble : il s’en est réalisé moins que prédit."
    ),
    "They are right on the whole, and too extreme at both ends.": (
        "Elles sont justes dans l’ensemble, mais trop tranchées aux deux extrémités."
    ),
    "They are right on the whole, and too timid at both ends.": (
        "Elles sont justes dans l’ensemble, mais trop timides aux deux extrémités."
    ),
    "Yes, as far as these rows can tell: slope and offset are right within their intervals.": (
        "Oui, autant que ces lignes le disent : la pente et le décalage sont justes à leurs intervalles près."
    ),
    "Maps tried on the winner, by cross-validated log loss: {said}. Chosen: {chosen}.": (
        "Calibrations essayées, selon la perte logarithmique en validation croisée : {said}. Retenue : {chosen}."
    ),
}
"""English → French."""
