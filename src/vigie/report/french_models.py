"""French: names of candidates, what is said of them, and of the run as a whole."""

from __future__ import annotations

NAMES: dict[str, str] = {
    "Dummy (share of positives)": "Témoin (part de positifs)",
    "Business rule": "Règle métier",
    "Logistic regression": "Régression logistique",
    "Explainable boosting machine": "Boosting explicable (EBM)",
    "Random forest": "Forêt aléatoire",
    "Neural network": "Réseau de neurones",
    "LightGBM": "LightGBM",
    "XGBoost": "XGBoost",
    "CatBoost": "CatBoost",
    "Stack of the best": "Empilement des meilleurs",
}
"""Titles of candidates, which are also said inside sentences."""

CATALOGUE: dict[str, str] = NAMES | {
    # choice
    "has the lowest log loss": "a la plus faible perte logarithmique",
    "is the simplest of those with the lowest log loss": "est le plus simple de ceux dont la perte logarithmique est la plus faible",
    "{title} is the only candidate.": "{title} est le seul candidat.",
    "{title} brings the most money in cross-validation, by more than one standard error.": (
        "{title} : le plus de gain en validation croisée, de plus d’une erreur type."
    ),
    "{title} brings as much money in cross-validation as one other within one standard error, and {why}.": (
        "{title} : autant de gain en validation croisée qu’un autre, à une erreur type près, et {why}."
    ),
    "{title} brings as much money in cross-validation as {others} others within one standard error, and {why}.": (
        "{title} : autant de gain en validation croisée que {others} autres, à une erreur type près, et {why}."
    ),
    # comparison
    "There is nothing to compare {title} with.": "Il n’y a rien à comparer avec {title}.",
    "{title} is worth more than every other candidate, beyond chance (5 %, corrected for {count} comparisons).": (
        "{title} vaut plus que chaque autre candidat, au-delà du hasard (5 %, corrigé pour {count} comparaisons)."
    ),
    "The data tell {title} apart from every other candidate (5 %, corrected for {count} comparisons).": (
        "Les données distinguent {title} de chaque autre candidat (5 %, corrigé pour {count} comparaisons)."
    ),
    "These {count} are the same: {names}. The data cannot tell what they bring apart; no difference to {title} can well be more "
    "than {most:,.2f} {currency} per customer.": (
        "Ces {count} candidats sont équivalents : {names}. Les données ne distinguent pas leurs gains ; aucun écart avec {title} "
        "ne dépasse vraisemblablement {most:,.2f} {currency} par client."
    ),
    "{first} Its probabilities are better than those of {names}.": "{first} Ses probabilités sont meilleures que celles de {names}.",
    # selection and stacking
    "reads {kept} of {all} features": "lit {kept} variables sur {all}",
    "With {size} of {features} features something is lost: the model keeps all.": (
        "Avec {size} variables sur {features}, quelque chose se perd : le modèle les garde toutes."
    ),
    "{size} of {features} features do as well as all of them in cross-validation: the model reads these and leaves the others "
    "out.": (
        "{size} variables sur {features} font aussi bien que toutes en validation croisée : le modèle lit celles-ci et laisse les "
        "autres."
    ),
    "{size} of {features} features come within one standard error of all of them, and a little is lost: the model keeps all.": (
        "{size} variables sur {features} approchent l’ensemble à une erreur type près, avec une légère perte : le modèle les garde "
        "toutes."
    ),
    "{title}: {note}": "{title} : {note}",
    "{first}; {second}": "{first} ; {second}",
    # curves
    "More rows would help: with {rows:,} instead of {half:,} rows the log loss on new rows fell from {before:.4f} to {after:.4f}, "
    "and it was still falling ({train:.4f} on the rows learned from)": (
        "Plus de lignes aideraient : avec {rows:,} lignes au lieu de {half:,}, la perte logarithmique sur de nouvelles lignes est "
        "passée de {before:.4f} à {after:.4f} et baissait encore ({train:.4f} sur les lignes d’apprentissage)"
    ),
    "More rows would hardly help: with {rows:,} instead of {half:,} rows the log loss on new rows went from {before:.4f} to "
    "{after:.4f}. The rows learned from are much easier for it ({train:.4f}): it learns by heart what does not carry over": (
        "Plus de lignes n’aideraient guère : avec {rows:,} lignes au lieu de {half:,}, la perte logarithmique sur de nouvelles "
        "lignes est passée de {before:.4f} à {after:.4f}. Les lignes d’apprentissage lui sont bien plus faciles ({train:.4f}) : il "
        "apprend par cœur ce qui ne se généralise pas"
    ),
    "More rows would hardly help: with {rows:,} instead of {half:,} rows the log loss on new rows went from {before:.4f} to "
    "{after:.4f}, near that of the rows learned from ({train:.4f}); better features would": (
        "Plus de lignes n’aideraient guère : avec {rows:,} lignes au lieu de {half:,}, la perte logarithmique sur de nouvelles "
        "lignes est passée de {before:.4f} à {after:.4f}, près de celle de l’apprentissage ({train:.4f}) ; de meilleures variables, si"
    ),
    "Along “{name}” the log loss on new rows is least, {least:.4f}, at {best:.4g}": (
        "Le long de « {name} », la perte logarithmique sur de nouvelles lignes est la plus faible, {least:.4f}, à {best:.4g}"
    ),
    "“{name}” = {chosen:.4g} is well chosen: no other value looked at makes the log loss on new rows ({loss:.4f}) better by a "
    "hundredth": (
        "« {name} » = {chosen:.4g} est bien choisi : aucune autre valeur essayée n’améliore d’un centième la perte logarithmique sur "
        "de nouvelles lignes ({loss:.4f})"
    ),
    "Over-fitted at “{name}” = {chosen:.4g}: with {best:.4g} the log loss on new rows is {least:.4f} instead of {loss:.4f}": (
        "Surajusté à « {name} » = {chosen:.4g} : avec {best:.4g}, la perte logarithmique sur de nouvelles lignes est de {least:.4f} au "
        "lieu de {loss:.4f}"
    ),
    "Under-fitted at “{name}” = {chosen:.4g}: with {best:.4g} the log loss on new rows is {least:.4f} instead of {loss:.4f}": (
        "Sous-ajusté à « {name} » = {chosen:.4g} : avec {best:.4g}, la perte logarithmique sur de nouvelles lignes est de {least:.4f} "
        "au lieu de {loss:.4f}"
    ),
    # diagnosis
    "AUC {train:.3f} on its training rows, {cv:.3f} in cross-validation, {test:.3f} on the test": (
        "AUC {train:.3f} sur ses lignes d’apprentissage, {cv:.3f} en validation croisée, {test:.3f} sur le test"
    ),
    "{verdict} ({figures}).": "{verdict} ({figures}).",
    "{verdict} ({figures}). The test is worse than cross-validation: the test rows differ from the training rows.": (
        "{verdict} ({figures}). Le test est moins bon que la validation croisée : ses lignes diffèrent de celles d’apprentissage."
    ),
    "{verdict} ({figures}). Folds differ by {spread:.2f}: read each figure as rough.": (
        "{verdict} ({figures}). Les blocs diffèrent de {spread:.2f} : lisez chaque chiffre comme approximatif."
    ),
    "Nothing is learned from features, so there is nothing to over-fit.": (
        "Rien n’est appris des variables : il n’y a donc rien à surajuster."
    ),
    "The fit cannot be judged: one class is missing from a part of the rows.": (
        "L’ajustement ne peut être jugé : une classe manque dans une partie des lignes."
    ),
    "Under-fitted: the features say little about the outcome, or the model is too simple for them": (
        "Sous-ajusté : les variables disent peu de l’issue, ou le modèle est trop simple pour elles"
    ),
    "Clearly over-fitted: it remembers training rows": "Nettement surajusté : il retient les lignes d’apprentissage par cœur",
    "Somewhat over-fitted: it knows its training rows better than new ones": (
        "Un peu surajusté : il connaît mieux ses lignes d’apprentissage que les nouvelles"
    ),
    "Good fit: new rows are ranked nearly as well as training rows": (
        "Bon ajustement : les nouvelles lignes sont classées presque aussi bien que celles d’apprentissage"
    ),
    # search objectives
    "log loss": "perte logarithmique",
    "money for one customer": "gain par client",
    "area under the ROC curve": "aire sous la courbe ROC",
    # fairness
    "the share acted on": "la part visée",
    "the share acted on among those whose outcome is true": "la part visée parmi ceux dont l’issue est positive",
    "mean probability minus share of positives": "la probabilité moyenne moins la part de positifs",
    "{measure} differs by {gap:.1%} (interval {low:.1%} to {high:.1%}) between “{highest}” and “{lowest}”; the policy allows "
    "{limit:.1%}": (
        "{measure} diffère de {gap:.1%} (intervalle de {low:.1%} à {high:.1%}) entre « {highest} » et « {lowest} » ; la politique "
        "admet {limit:.1%}"
    ),
    "fewer than {least:,} test rows each: {groups}": "moins de {least:,} lignes de test chacun : {groups}",
    "the model reads “{feature}”": "le modèle lit « {feature} »",
    "up to {high:,.6g}": "jusqu’à {high:,.6g}",
    "above {low:,.6g} up to {high:,.6g}": "au-dessus de {low:,.6g} jusqu’à {high:,.6g}",
    "above {low:,.6g}": "au-dessus de {low:,.6g}",
    "{value:,.6g}": "{value:,.6g}",
    # segments and fleets
    "The common model: {rows:,} training rows, {rarer:,} of them of the rarer outcome, are too few to try a model of its own "
    "({least:,} and {least_of_class:,} are needed, and {validated:,} that were validated).": (
        "Le modèle commun : {rows:,} lignes d’apprentissage, dont {rarer:,} de l’issue la plus rare, sont trop peu pour essayer un "
        "modèle propre (il en faut {least:,} et {least_of_class:,}, et {validated:,} validées)."
    ),
    "The common model, for its own failed: {reason}.": "Le modèle commun, car le sien a échoué : {reason}.",
    "A model of its own, {title}: on the same cross-validated rows it brings {money:+,.2f} more for one customer than "
    "the common model and saves {loss:.4f} of log loss, more than chance explains among {tried:,} segments.": (
        "Un modèle propre, {title} : sur les mêmes lignes de validation croisée, il rapporte {money:+,.2f} de plus par client que le "
        "modèle commun et évite {loss:.4f} de perte logarithmique, plus que le hasard n’explique parmi {tried:,} segments."
    ),
    "segment {done:,} of {all:,}": "segment {done:,} sur {all:,}",
    "its process died": "son processus est mort",
    "{done:,} of {all:,}, {bad:,} failed": "{done:,} sur {all:,}, {bad:,} en échec",
    "source '{name}': {what}": "source « {name} » : {what}",
    "it replaces a champion that reads other inputs and cannot be compared": (
        "il remplace un champion qui lit d’autres entrées et ne peut être comparé"
    ),
    "the champion stays: it learned from every row of the test": "le champion reste : il a appris de toutes les lignes du test",
    "it replaces a champion that cannot be read: {what}": "il remplace un champion illisible : {what}",
    "The common model: its own ({title}) brought {money:+,.2f} for one customer beside it and saved {loss:.4f} of "
    "log loss on the same cross-validated rows, no more than chance explains among {tried:,} segments.": (
        "Le modèle commun : le sien ({title}) a rapporté {money:+,.2f} par client par rapport à lui et évité {loss:.4f} de perte "
        "logarithmique sur les mêmes lignes de validation croisée, pas plus que le hasard n’explique parmi {tried:,} segments."
    ),
    "on {rows:,} test rows it brings {value:+,.2f} {currency} for one customer beside the champion": (
        "sur {rows:,} lignes de test, il rapporte {value:+,.2f} {currency} par client par rapport au champion"
    ),
    "the champion stays: on {rows:,} test rows the new model brings {value:+,.2f} {currency} for one customer "
    "beside it, less by more than one standard error": (
        "le champion reste : sur {rows:,} lignes de test, le nouveau modèle rapporte {value:+,.2f} {currency} par client par rapport à "
        "lui, moins de plus d’une erreur type"
    ),
    "no column has two values": "aucune colonne n’a deux valeurs",
}
"""English → French."""
