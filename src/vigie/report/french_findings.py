"""French: what the checks of a training saw."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "nobody": "personne",
    "everybody": "tout le monde",
    "training rows": "lignes d’apprentissage",
    "test rows": "lignes de test",
    "on the test rows {whom} is acted on: probabilities go from {low:.1%} to {high:.1%}, and acting breaks even at {line:.1%} "
    "(median customer)": (
        "sur les lignes de test, visés : {whom} ; les probabilités vont de {low:.1%} à {high:.1%}, et agir est rentable à partir de "
        "{line:.1%} (client médian)"
    ),
    "on the test rows {whom} is acted on": "sur les lignes de test, visés : {whom}",
    "the outcome is true on {share:.2%} of {rows:,} rows: accuracy means nothing here, and money depends on probabilities that "
    "small being right": (
        "l’issue est positive sur {share:.2%} de {rows:,} lignes : l’exactitude n’a ici aucun sens, et le gain dépend de la justesse "
        "de probabilités aussi petites"
    ),
    "in {silent} of {stretches} stretches of time, {rows:,} rows, the outcome is the same on every row; in the others it is true on "
    "{others:.1%}": (
        "sur {silent} périodes sur {stretches}, soit {rows:,} lignes, l’issue est la même partout ; sur les autres, elle est positive "
        "pour {others:.1%}"
    ),
    "of {total:,} rows {immature:,} are younger than the horizon and {unknown:,} have no outcome; {rows:,} are used": (
        "sur {total:,} lignes, {immature:,} sont plus récentes que l’horizon et {unknown:,} n’ont pas d’issue ; {rows:,} sont utilisées"
    ),
    "of {rows:,} rows {acted:,} ({share:.1%}) are left out because an action changed their outcome; {standing:,} rows of "
    "customers held out stand for them": (
        "sur {rows:,} lignes, {acted:,} ({share:.1%}) sont écartées parce qu’une action a changé leur issue ; {standing:,} lignes de "
        "clients du groupe témoin les représentent"
    ),
    "of {rows:,} rows {acted:,} ({share:.1%}) are left out because an action changed their outcome, and nobody was held out: "
    "what becomes of such customers without it is not seen, and every figure is about the others": (
        "sur {rows:,} lignes, {acted:,} ({share:.1%}) sont écartées parce qu’une action a changé leur issue, et il n’y a pas de groupe "
        "témoin : ce que deviennent ces clients sans action n’est pas observé, et tous les chiffres portent sur les autres"
    ),
    "{rare} rows of the rarer class among {rows:,}; {fewest} are few. An AUC of {auc:.2f} measured on so many is known to ± "
    "{margin:.2f} only": (
        "{rare} lignes de la classe la plus rare sur {rows:,} ; {fewest} sont déjà peu. Une AUC de {auc:.2f} mesurée sur si peu n’est "
        "connue qu’à ± {margin:.2f}"
    ),
    "{some} of {all} features have one value on every row": "{some} variables sur {all} ont la même valeur sur toutes les lignes",
    "share of rows with the most frequent value: {listed}": "part de lignes à la valeur la plus fréquente : {listed}",
    "share of rows without a value: {listed}": "part de lignes sans valeur : {listed}",
    "{rare:,} of its {levels:,} levels have fewer than {rows} rows, together {share:.1%} of the rows": (
        "{rare:,} de ses {levels:,} modalités ont moins de {rows} lignes, ensemble {share:.1%} des lignes"
    ),
    "{share:.1%} of the test rows have a level that no training row has: {examples}": (
        "{share:.1%} des lignes de test ont une modalité absente de l’apprentissage : {examples}"
    ),
    "{rows:,} of {all:,} test rows are of customers who also have training rows ({shared:,} customers): the test asks what was "
    "learned by heart": (
        "{rows:,} des {all:,} lignes de test sont de clients présents aussi à l’apprentissage ({shared:,} clients) : le test porte "
        "sur ce qui a été appris par cœur"
    ),
    "labels dealt to customers at random are predicted on the test rows with an AUC of {auc:.3f} ± {error:.3f}; it must be 0.5: who "
    "is in the test is known from the training rows": (
        "des étiquettes distribuées au hasard aux clients sont prédites sur le test avec une AUC de {auc:.3f} ± {error:.3f} ; elle "
        "devrait être de 0,5 : les lignes d’apprentissage connaissent ceux du test"
    ),
    "share of rows that would have to change to look alike (total variation distance, 0 … 1): {listed}": (
        "part de lignes à changer pour qu’elles se ressemblent (distance en variation totale, 0 … 1) : {listed}"
    ),
    "a classifier tells test rows from training rows with an AUC of {auc:.2f} (0.5: not at all), by {listed}": (
        "un classifieur distingue les lignes de test de celles d’apprentissage avec une AUC de {auc:.2f} (0,5 : pas du tout), par "
        "{listed}"
    ),
    "{share:.1%} of the test rows are equal in every feature to a training row; with few and coarse features that is natural, "
    "otherwise the test is too easy": (
        "{share:.1%} des lignes de test égalent en toute variable une ligne d’apprentissage ; naturel avec peu de variables "
        "grossières, sinon le test est trop facile"
    ),
    "{share:.1%} of the rows equal others in every feature and have both outcomes: no model of these features can rank them better "
    "than an AUC of {bound:.3f}": (
        "{share:.1%} des lignes en égalent d’autres en toute variable avec les deux issues : aucun modèle de ces variables ne peut "
        "les classer au-delà d’une AUC de {bound:.3f}"
    ),
    "{copied:,} of {tested:,} customers of the test ({share:.1%}) have, but for at most {but} of {columns} columns, the row of a "
    "training customer with another key, down to values that hardly anybody else has": (
        "{copied:,} des {tested:,} clients du test ({share:.1%}) ont, à {but} colonnes près sur {columns}, la ligne d’un client "
        "d’apprentissage d’une autre clé, jusqu’à des valeurs que presque personne d’autre n’a"
    ),
    "{rows:,} of {all:,} rows ({share:.1%}) have a copy with the opposite outcome, down to values that hardly anybody else has: one "
    "of the two is wrong": (
        "{rows:,} lignes sur {all:,} ({share:.1%}) ont une copie à l’issue opposée, jusqu’à des valeurs que presque personne d’autre "
        "n’a : l’une des deux est fausse"
    ),
    "on the test rows the declared rule brings {rule:.4g} for one customer, the model {model:.4g}": (
        "sur les lignes de test, la règle déclarée rapporte {rule:.4g} par client, le modèle {model:.4g}"
    ),
    "AUC {train:.3f} on the training rows against {cv:.3f} in cross-validation, where {title}, which is simpler, gives better "
    "probabilities (log loss {better:.4f} against {loss:.4f})": (
        "AUC {train:.3f} sur l’apprentissage contre {cv:.3f} en validation croisée, où {title}, plus simple, donne de meilleures "
        "probabilités (perte logarithmique {better:.4f} contre {loss:.4f})"
    ),
    "AUC {train:.3f} on the training rows against {cv:.3f} in cross-validation; nothing simpler does better on new rows": (
        "AUC {train:.3f} sur l’apprentissage contre {cv:.3f} en validation croisée ; rien de plus simple ne fait mieux sur de "
        "nouvelles lignes"
    ),
    "AUC {cv:.3f} in cross-validation and {test:.3f} on the test rows; chance explains a difference of {error:.3f}": (
        "AUC {cv:.3f} en validation croisée et {test:.3f} sur le test ; le hasard explique un écart de {error:.3f}"
    ),
    "probabilities are off by {ece:.1%} on average on the test rows ({share:.1%} are positive); chance explains {chance:.1%}": (
        "les probabilités s’écartent en moyenne de {ece:.1%} sur le test ({share:.1%} de positifs) ; le hasard en explique "
        "{chance:.1%}"
    ),
    "the best model, {title}, ranks customers in cross-validation with an AUC of {auc:.3f}; by chance alone it would be 0.5 ± "
    "{error:.3f}": (
        "le meilleur modèle, {title}, classe les clients en validation croisée avec une AUC de {auc:.3f} ; le hasard seul donnerait "
        "0,5 ± {error:.3f}"
    ),
    "under-fitted, or hardly anything to fit: the best model, {title}, ranks customers in cross-validation with an AUC of {auc:.3f} "
    "(0.5 is chance)": (
        "sous-ajusté, ou presque rien à ajuster : le meilleur modèle, {title}, classe les clients en validation croisée avec une AUC "
        "de {auc:.3f} (0,5 : le hasard)"
    ),
    "{winner} brings {value:.4g} for one customer in cross-validation, the best model ({title}) {other:.4g}": (
        "{winner} rapporte {value:.4g} par client en validation croisée, le meilleur modèle ({title}) {other:.4g}"
    ),
    "alone it ranks customers with an AUC of {auc:.3f} (0.5 is chance, above {line} is rare for what is honestly known beforehand)": (
        "à elle seule, elle classe les clients avec une AUC de {auc:.3f} (0,5 : le hasard ; au-dessus de {line}, rare pour ce qui est "
        "honnêtement connu d’avance)"
    ),
    "this column of a table without known_at= has the name of a value that somebody or something sets as the case goes on, and alone "
    "it ranks customers with an AUC of {auc:.3f}": (
        "cette colonne d’une table sans known_at= porte le nom d’une valeur fixée au fil du dossier, et classe à elle seule les "
        "clients avec une AUC de {auc:.3f}"
    ),
    "empty on exactly the same {share:.1%} of the rows: one process fills them in, for some customers only": (
        "vides exactement sur les mêmes {share:.1%} des lignes : un même processus les remplit, pour certains clients seulement"
    ),
    "on {share:.1%} of the rows its value all but decides the outcome: {examples} positive, against {base:.1%} overall": (
        "sur {share:.1%} des lignes, sa valeur décide presque de l’issue : {examples} de positifs, contre {base:.1%} dans l’ensemble"
    ),
    "{missing:.1%} of the rows have no value; {without:.1%} of them are positive, against {with_value:.1%} of the others: it may be "
    "filled in once the outcome is near": (
        "{missing:.1%} des lignes n’ont pas de valeur ; {without:.1%} d’entre elles sont positives, contre {with_value:.1%} des "
        "autres : elle est peut-être renseignée à l’approche de l’issue"
    ),
    "these columns of tables without known_at= have names of values that somebody or something sets as the case goes on; what is "
    "read here is the value of the day the table was exported": (
        "ces colonnes de tables sans known_at= portent des noms de valeurs fixées au fil du dossier ; ce qui est lu ici est la valeur "
        "du jour de l’export"
    ),
    "capacity={capacity:,} with moments at events": "capacity={capacity:,} avec des dates prises aux événements",
    "'{act}' breaks even at a probability of {line:.3g} (median customer: {if_true:+,.4g} {currency} when the outcome is true, "
    "{if_false:+,.4g} when it is false): hardly a score lies on the other side": (
        "« {act} » devient rentable à une probabilité de {line:.3g} (client médian : {if_true:+,.4g} {currency} si l’issue est positive, "
        "{if_false:+,.4g} sinon) : presque aucun score n’est de l’autre côté"
    ),
    "for {unknown:,} of {rows:,} rows a sum of money is missing; nobody of them is acted on and they count as 0": (
        "pour {unknown:,} lignes sur {rows:,}, un montant manque ; aucune n’est visée et elles comptent pour 0"
    ),
    "for {share:.1%} of the customers '{act}' loses money when the outcome is true and earns when it is false (median "
    "{if_true:+,.4g} and {if_false:+,.4g} {currency})": (
        "pour {share:.1%} des clients, « {act} » perd quand l’issue est positive et gagne quand elle est négative (médianes "
        "{if_true:+,.4g} et {if_false:+,.4g} {currency})"
    ),
    "for {share:.1%} of the customers '{action}' is right whatever the outcome: acting instead of not acting brings {if_true:+,.4g} "
    "{currency} when it is true and {if_false:+,.4g} when it is false (medians)": (
        "pour {share:.1%} des clients, « {action} » est bon quelle que soit l’issue : agir plutôt que non rapporte {if_true:+,.4g} "
        "{currency} si elle est positive et {if_false:+,.4g} sinon (médianes)"
    ),
    "is {values}": "vaut {values}",
    "in groups of both": "par groupes des deux",
    "at most {cut:g}": "au plus {cut:g}",
    "above {cut:g}": "plus de {cut:g}",
    "by being equal or not": "par leur égalité ou non",
    "by which is greater": "par la plus grande des deux",
    "{how} they rank customers with an AUC of {auc:.3f}, alone with {one:.3f} and {other:.3f}": (
        "{how}, elles classent les clients avec une AUC de {auc:.3f}, seules avec {one:.3f} et {other:.3f}"
    ),
    "“{rule}” agrees with the outcome on {agrees:.1%} of the rows (F1 of the rarer class {f1:.2f}): it is the outcome in other "
    "words, or was written because of it": (
        "« {rule} » concorde avec l’issue sur {agrees:.1%} des lignes (F1 de la classe rare {f1:.2f}) : c’est l’issue en d’autres "
        "termes, ou cela a été écrit à cause d’elle"
    ),
    "{share:.1%} of {customers:,} customers have a value of their own, and by its order alone it ranks them with an AUC of "
    "{auc:.3f}: numbers given out one after the other tell when, and with the rows of another time mean something else": (
        "{share:.1%} des {customers:,} clients ont une valeur à eux, et son seul ordre les classe avec une AUC de {auc:.3f} : des "
        "numéros attribués à la suite disent quand, et n’ont pas le même sens à une autre période"
    ),
    "{share:.1%} of {customers:,} customers have a value of their own": "{share:.1%} des {customers:,} clients ont une valeur à eux",
    "{share:.1%} of {customers:,} customers have a value of their own; its whole numbers are spread unevenly, as amounts are": (
        "{share:.1%} des {customers:,} clients ont une valeur à eux ; ses nombres entiers sont répartis inégalement, comme des montants"
    ),
    "it tells in both halves of the training time (AUC {before:.2f} and {after:.2f}), and the opposite: values that went with the "
    "outcome go against it later": (
        "elle parle dans les deux moitiés de l’apprentissage (AUC {before:.2f} et {after:.2f}), mais en sens contraire : des valeurs "
        "allant avec l’issue vont ensuite contre elle"
    ),
    "alone it ranks customers with an AUC of {before:.2f} in the first half of the training time and of {after:.2f} in the second": (
        "à elle seule, elle classe les clients avec une AUC de {before:.2f} dans la première moitié de l’apprentissage et de "
        "{after:.2f} dans la seconde"
    ),
    "an AUC of {auc:.3f} on the test (at least {least:.3f}); for decisions of this kind {low:.2f} to {high:.2f} is usual and above "
    "{line:.2f} is rare: most often a feature contains the outcome": (
        "une AUC de {auc:.3f} sur le test (au moins {least:.3f}) ; pour ce genre de décision, {low:.2f} à {high:.2f} est habituel et "
        "plus de {line:.2f} rare : le plus souvent, une variable contient l’issue"
    ),
    "on {share:.1%} of the rows the date lies after the moment of scoring; {positive:.1%} of these rows are positive, against "
    "{others:.1%} of the others": (
        "sur {share:.1%} des lignes, la date est postérieure à celle du score ; {positive:.1%} d’entre elles sont positives, contre "
        "{others:.1%} des autres"
    ),
    "it predicts the outcome of its own moment with an AUC of {own:.3f}; the same customer's value {days:.0f} days earlier with "
    "{earlier:.3f}, and {days:.0f} days later, when the outcome has happened, with {later:.3f} only: it seems to hold part of what was "
    "to be predicted": (
        "elle prédit l’issue de sa propre date avec une AUC de {own:.3f} ; la valeur du même client {days:.0f} jours plus tôt avec "
        "{earlier:.3f}, et {days:.0f} jours plus tard, l’issue passée, avec {later:.3f} seulement : elle semble contenir une partie de ce "
        "qui était à prédire"
    ),
    "it has one value a customer, that of the day of the export, and ranks customers with an AUC of {early:.3f} in the first half of "
    "the training time and of {late:.3f} in the test: the nearer the export, the more it knows": (
        "elle n’a qu’une valeur par client, celle du jour de l’export, et classe les clients avec une AUC de {early:.3f} dans la première "
        "moitié de l’apprentissage et de {late:.3f} sur le test : plus l’export est proche, plus elle en sait"
    ),
    "AUC {cv:.3f} in cross-validation and {test:.3f} on the test rows, where probabilities are off by {ece:.1%} on average; chance "
    "explains a difference in AUC of {error:.3f}": (
        "AUC {cv:.3f} en validation croisée et {test:.3f} sur le test, où les probabilités s’écartent en moyenne de {ece:.1%} ; le "
        "hasard explique un écart d’AUC de {error:.3f}"
    ),
}
"""English → French."""
