"""French: the question, the data, and how to make the model again."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    # the document
    "Score “{name}”": "Score « {name} »",
    "Training report · {title} chosen of {candidates}, tested on a later time · ": (
        "Rapport d’entraînement · {title}, retenu parmi {candidates}, testé sur une période ultérieure · "
    ),
    "Training report · {title} chosen of {candidates}, tested on rows drawn at random · ": (
        "Rapport d’entraînement · {title}, retenu parmi {candidates}, testé sur des lignes tirées au hasard · "
    ),
    "No check has anything to say.": "Aucun contrôle n’a rien à signaler.",
    "{said}, the most severe first.": "{said}, les plus graves d’abord.",
    "{said}.": "{said}.",
    # the question
    "The question": "La question",
    "Everybody": "Tout le monde",
    "Who is scored": "Qui est scoré",
    "When": "Quand",
    "What is predicted": "Ce qui est prédit",
    "{positive}: {outcome}": "{positive} : {outcome}",
    "Known after": "Connu après",
    "at once": "immédiatement",
    "What is done": "Ce qui est fait",
    "{act} or {leave}": "{act} ou {leave}",
    "none declared": "aucune règle déclarée",
    "Capacity": "Capacité",
    "Decision": "Décision",
    "Owner": "Responsable",
    "What a decision costs and brings": "Ce que coûte et rapporte une décision",
    "Every {length}": "Tous les {length}",
    "At the beginning of every hour (UTC)": "Au début de chaque heure (UTC)",
    "At the beginning of every day (UTC)": "Au début de chaque jour (UTC)",
    "At the beginning of every week (UTC)": "Au début de chaque semaine (UTC)",
    "At the beginning of every month (UTC)": "Au début de chaque mois (UTC)",
    "At the beginning of every quarter (UTC)": "Au début de chaque trimestre (UTC)",
    "At the beginning of every year (UTC)": "Au début de chaque année (UTC)",
    "Whenever a row of {source} comes to be": "À l’arrivée de chaque ligne de {source}",
    "Once, {moment}": "Une fois, le {moment}",
    "No limit": "Sans limite",
    "At most {capacity} {many} at one moment": "Au plus {capacity} {many} à une même date",
    "{act} where that is expected to bring at least {amount} more than not to.": (
        "{act} quand le gain attendu dépasse d’au moins {amount} celui de ne rien faire."
    ),
    "{act} where that is expected to bring at least {amount} more than not to: from a probability between {low} "
    "and {high}, as amounts differ by {one}.": (
        "{act} quand le gain attendu dépasse d’au moins {amount} celui de ne rien faire : à partir d’une probabilité "
        "de {low} à {high}, car les montants diffèrent d’un {one} à l’autre."
    ),
    "{act} from a probability of {low}, where {words.doing} breaks even.": (
        "{act} à partir d’une probabilité de {low}, seuil de rentabilité de l’action ({words.act})."
    ),
    "{act} from a probability of {low}. By the cost matrix {words.doing} breaks even at {even}; the other line earned "
    "more in cross-validation.": (
        "{act} à partir d’une probabilité de {low}. D’après la matrice de coûts, {words.act} devient rentable à {even} ; "
        "l’autre seuil a rapporté davantage en validation croisée."
    ),
    "{currency} for one {one} and one decision; gains positive, costs negative.": (
        "{currency} pour un {one} et une décision ; gains positifs, coûts négatifs."
    ),
    "Amounts differ by {one}: mean, and lowest to highest in the test.": (
        "Les montants diffèrent d’un {one} à l’autre : moyenne, puis minimum et maximum sur le test."
    ),
    "For {customers} an amount is missing: counted as 0, and never {words.done}.": (
        "Pour {customers}, un montant manque : compté pour 0, jamais {words.done}."
    ),
    "Amounts that differ are computed as": "Les montants qui diffèrent se calculent ainsi",
    # the data
    "The data": "Les données",
    "Features by outcome": "Variables selon l’issue",
    "{features} in a table": "{features} en tableau",
    "{rows}, each a {words.one} at a moment; {customers} {words.many}": (
        "{rows}, chacune un {words.one} à une date ; {customers} {words.many}"
    ),
    "Moments": "Dates",
    "{positives} ({share}): {words.positive}": "{positives} ({share}) : {words.positive}",
    "Left out": "Écartées",
    "Learn and test": "Apprentissage et test",
    "{train} rows learn, {test} test; {how}": "{train} lignes apprennent, {test} testent ; {how}",
    "Known as of": "Connu à la date du",
    "version {number}": "version {number}",
    "Sources": "Sources",
    "{number}, from {start} to {end}": "{number}, du {start} au {end}",
    "whose outcome is not known yet": "dont l’issue n’est pas encore connue",
    "whose outcome is missing": "dont l’issue manque",
    "whose outcome became known only during the test": "dont l’issue n’a été connue que pendant le test",
    "the test is later: {start} to {end}": "le test est postérieur : du {start} au {end}",
    "drawn at random with the same share of positives (seed {seed})": (
        "tirées au hasard à part égale de positifs (graine {seed})"
    ),
    "The test lies in the shaded time.": "Le test occupe la période grisée.",
    "Share of positives over time, from {low} to {high}.": "Part de positifs dans le temps, de {low} à {high}.",
    "**How often {words.many} {words.do}.** Share over time, from {low} to {high}; the band is its 95% interval.": (
        "**Combien de {words.many} {words.do}.** Part dans le temps, de {low} à {high} ; la bande est l’intervalle à 95 %."
    ),
    "{many} scored over time.": "{many} scorés dans le temps.",
    "**How many.** {many} scored at each moment.": "**Combien.** {many} scorés à chaque date.",
    "Numbers: both groups add up to 100%, so where red stands above blue the outcome is more frequent than on average; "
    "the outermost bars hold all that lies beyond. Categories: the bar is the share that {words.do}, the dashed "
    "line the average. Most important features first.": (
        "Nombres : chaque groupe totalise 100 % ; là où le rouge dépasse le bleu, l’issue est plus fréquente que la moyenne ; "
        "les barres extrêmes réunissent tout ce qui est au-delà. Catégories : la barre est la part qui {words.positive}, le "
        "pointillé la moyenne. Les variables les plus importantes d’abord."
    ),
    "{features} in the table below.": "{features} dans le tableau ci-dessous.",
    "{number} more": "{number} de plus",
    "{share} missing": "{share} manquants",
    "Distribution by outcome of {label}": "Distribution selon l’issue de {label}",
    "Share that {words.do} by {name}: {said}.": "Part qui {words.positive} selon {name} : {said}.",
    "No feature has a missing value.": "Aucune variable n’a de valeur manquante.",
    "Share of missing values by outcome: {said}.": "Part de valeurs manquantes selon l’issue : {said}.",
    "The {number} with most are drawn.": "Les {number} qui en ont le plus sont dessinées.",
    "**{features} of {all} with missing values.**": "**{features} sur {all} avec des valeurs manquantes.**",
    "Strongest pair: {one} and {other} ({correlation}).": "Paire la plus liée : {one} et {other} ({correlation}).",
    "{pairs} above 0.9: the model needs only one of each, and shuffling one of them alone understates its "
    "importance.": (
        "{pairs} au-dessus de 0,9 : le modèle n’a besoin que d’une variable sur deux, et en permuter une seule sous-estime "
        "son importance."
    ),
    "Rank correlations of {number} numeric features.": "Corrélations de rang de {number} variables numériques.",
    "Rank correlations of the {number} most important numeric features.": (
        "Corrélations de rang des {number} variables numériques les plus importantes."
    ),
    "**What moves together.** Rank correlation of the {number} most important numeric features.": (
        "**Ce qui varie ensemble.** Corrélation de rang des {number} variables numériques les plus importantes."
    ),
    "Features that move together": "Variables qui varient ensemble",
    "Kind": "Nature",
    "Every feature, the most important first.": "Toutes les variables, les plus importantes d’abord.",
    "boolean": "booléen",
    "no values at all": "aucune valeur",
    "always {value}": "toujours {value}",
    "always “{value}”": "toujours « {value} »",
    "median {middle}, half between {first} and {third}, all between {low} and {high}": (
        "médiane {middle}, la moitié entre {first} et {third}, tout entre {low} et {high}"
    ),
    "{reading}; {share} extreme": "{reading} ; {share} extrêmes",
    "from {start} to {end}": "du {start} au {end}",
    "true for {share}": "vrai pour {share}",
    "{values}, most often “{value}” ({share})": "{values}, le plus souvent « {value} » ({share})",
    "{reading}; {values} under {limit} grouped as other ({share})": (
        "{reading} ; {values} sous {limit} regroupées dans « autre » ({share})"
    ),
    "{number} others": "{number} autres",
    # reproduce
    "Reproduce": "Reproduire",
    "The same data, project file, options and library versions give the same bundle, bit for bit.": (
        "Mêmes données, même fichier de projet, mêmes options et mêmes versions des bibliothèques donnent le même paquet, au "
        "bit près."
    ),
    "Bundle": "Paquet",
    "not written": "non écrit",
    "Model": "Modèle",
    "{title}, calibration: {calibration}": "{title}, calibration : {calibration}",
    "none needed": "aucune nécessaire",
    "sigmoid (Platt)": "sigmoïde (Platt)",
    "isotonic": "isotonique",
    "beta": "bêta",
    "Score definition": "Définition du score",
    "Data versions": "Versions des données",
    "Seed": "Graine",
    "Folds": "Blocs",
    "Test share": "Part du test",
    "default": "par défaut",
    "Code version": "Version du code",
    "not given": "non indiquée",
    "Duration": "Durée",
    "As it was fitted.": "Tel qu’il a été ajusté.",
    "Parameter": "Paramètre",
    "Its lineage.": "Sa provenance.",
    "Fact": "Élément",
    "Parameters of the chosen candidate": "Paramètres du candidat retenu",
    "Everything recorded with the bundle": "Tout ce qui est consigné avec le paquet",
}
"""English → French."""
