"""French: the report of a rehearsal."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "Rehearsal of “{name}”": "Répétition de « {name} »",
    "{score} · {begin} to {end} · {decisions:,} decisions whose outcome is known": (
        "{score} · du {begin} au {end} · {decisions:,} décisions dont l’issue est connue"
    ),
    # the answer
    "Which policy would have paid": "Quelle politique aurait payé",
    "Answer": "Réponse",
    "never": "jamais",
    "daily": "chaque jour",
    "weekly": "chaque semaine",
    "monthly": "chaque mois",
    "quarterly": "chaque trimestre",
    "yearly": "chaque année",
    "on drift": "en cas de dérive",
    "on loss": "en cas de perte",
    "the project’s": "celle du projet",
    "the policy that brought most": "la politique qui a rapporté le plus",
    "more than never training again": "de plus que sans jamais réapprendre",
    "trainings after the first": "apprentissages après le premier",
    "brought by the first model alone": "rapportés par le premier modèle seul",
    "Training again did not pay: no policy brought more than keeping the first model.": (
        "Réapprendre n’a pas payé : aucune politique n’a rapporté plus que le premier modèle, gardé tel quel."
    ),
    "Training again paid: “{policy}” brought {more} beside never, with 95 % confidence {low} to {high}. It was picked as the best "
    "of several on these very data, which flatters it a little.": (
        "Réapprendre a payé : « {policy} » a rapporté {more} par rapport à jamais, de {low} à {high} avec une confiance de 95 %. "
        "Elle a été choisie comme la meilleure de plusieurs sur ces mêmes données, ce qui la flatte un peu."
    ),
    "It is not shown that training again pays: “{policy}” brought {more} beside never, but chance alone may do as much "
    "({low} to {high}).": (
        "Il n’est pas établi que réapprendre paie : « {policy} » a rapporté {more} par rapport à jamais, mais le hasard seul peut "
        "en faire autant (de {low} à {high})."
    ),
    "Policy": "Politique",
    "More than never": "De plus que jamais",
    "Trained": "Appris",
    "Released": "Mis en service",
    "Alarms": "Alarmes",
    "Confirmed": "Confirmées",
    "True": "Justes",
    "False": "Fausses",
    "Found after": "Trouvé après",
    "As soon by chance": "Aussi tôt par hasard",
    "{share} of {days:,} days": "{share} de {days:,} jours",
    "An alarm is true where it began after the change and one thing in it was taken, by more than half, from behind the change, "
    "of which the model had not learned; it is false where that is not so, where it rang not already and did not end too early to "
    "say, and where outcomes do not confirm it. What joins an alarm that rang already is found, too, but nobody is told anew. "
    "Beside it stands the share of days without a change that would have been found as soon.": (
        "Une alarme est juste quand elle a commencé après le changement et que l’une des choses qui y sonnent est tirée, pour plus "
        "de la moitié, de ce qui se trouve derrière le changement, dont le modèle n’avait rien appris ; elle est fausse quand il "
        "n’en est rien, qu’elle ne sonnait pas déjà et n’a pas cessé trop tôt pour en juger, et que les issues ne la confirment "
        "pas. Ce qui rejoint une alarme qui sonnait déjà est trouvé aussi, mais personne n’en est averti à nouveau. À côté figure "
        "la part des jours sans changement qui auraient été trouvés aussi tôt."
    ),
    "The change": "Le changement",
    "about it": "en parle",
    "another loss": "une autre perte",
    "rang already": "sonnait déjà",
    "too early to say": "trop tôt pour juger",
    "false alarm": "fausse alarme",
    "not found": "non trouvé",
    "{days:g} d": "{days:g} j",
    "What the decisions of each policy would have brought under the cost matrix, by the outcomes that came. Intervals resample "
    "the {customers:,} customers; the same decisions are compared. “Released” are the models that passed the gate; an alarm is "
    "confirmed where later outcomes show that the model was worse than its test said.": (
        "Ce que les décisions de chaque politique auraient rapporté selon la matrice de coûts, d’après les issues réelles. Les "
        "intervalles rééchantillonnent les {customers:,} clients ; les mêmes décisions sont comparées. « Mis en service » compte "
        "les modèles qui ont passé le contrôle ; une alarme est confirmée quand les issues ultérieures montrent que le modèle "
        "était moins bon que son test ne le disait."
    ),
    # over time
    "Value over time": "Valeur au fil du temps",
    "More than never, all decisions until then": "De plus que jamais, toutes décisions jusque-là",
    "Money that each policy brought beside never training again, over time": (
        "Ce que chaque politique a rapporté par rapport à ne jamais réapprendre, au fil du temps"
    ),
    "Above zero a policy has brought more than the first model alone. The band is the 95 % interval of the best one.": (
        "Au-dessus de zéro, une politique a rapporté plus que le premier modèle seul. La bande est l’intervalle à 95 % de la "
        "meilleure."
    ),
    "Month": "Mois",
    "Decisions": "Décisions",
    "By month": "Par mois",
    "Value of the decisions of each month.": "Valeur des décisions de chaque mois.",
    # the calendar
    "What would have happened": "Ce qui se serait passé",
    "Calendar": "Calendrier",
    "Releases, refusals and alarms of each policy over time": (
        "Mises en service, refus et alarmes de chaque politique au fil du temps"
    ),
    "a new model answers": "un nouveau modèle répond",
    "trained, and refused by the gate": "appris, et refusé au contrôle",
    "something rings": "quelque chose sonne",
    "The broken line is a change that is known.": "La ligne brisée est un changement connu.",
    "trained": "appris",
    "could not be trained": "n’a pas pu être appris",
    "refused by the gate": "refusé au contrôle",
    "answers": "répond",
    "alarm": "alarme",
    "alarm over": "fin d’alarme",
    "Day": "Jour",
    "What": "Quoi",
    "Model of": "Modèle du",
    "Why": "Pourquoi",
    "All that happened under “{policy}”, in the words of the ledger.": (
        "Tout ce qui s’est passé sous « {policy} », dans les mots anglais du registre."
    ),
    # alarms
    "Until": "Jusqu’au",
    "About": "Sujet",
    "What rang": "Ce qui a sonné",
    "Later outcomes": "Issues ultérieures",
    "drift": "dérive",
    "estimate": "estimation",
    "performance": "performance",
    "values of a feature": "valeurs d’une variable",
    "missing values": "valeurs manquantes",
    "unseen categories": "catégories inédites",
    "the score": "le score",
    "the decision rate": "le taux de décision",
    "the outcome rate": "le taux d’issue",
    "all features together": "toutes les variables ensemble",
    "a figure below its test": "un chiffre sous son test",
    "value below what scores promised": "une valeur sous la promesse des scores",
    "outcomes unlike scores": "des issues autres que les scores",
    "an estimate below its test": "une estimation sous son test",
    "estimated value below what scores promised": "une valeur estimée sous la promesse des scores",
    "intervals that do not hold": "des intervalles qui ne tiennent pas",
    "Nothing rang.": "Rien n’a sonné.",
    "A stretch of days on which something of one kind rang is one alarm. Drift that later outcomes do not confirm cost nothing: "
    "customers were others, and the scores were right about them.": (
        "Une suite de jours où quelque chose d’un même genre a sonné est une alarme. Une dérive que les issues ultérieures ne "
        "confirment pas n’a rien coûté : les clients étaient autres, et les scores avaient raison à leur sujet."
    ),
    "not known": "inconnu",
    "confirmed": "confirmée",
    "not confirmed": "non confirmée",
    # estimates
    "Estimates beside the truth": "Les estimations et la vérité",
    "Estimates": "Estimations",
    "AUC as it was estimated when customers were scored, and as it came": (
        "AUC estimée au moment des scores, et telle qu’elle est venue"
    ),
    "estimated, with its 95 % interval": "estimée, avec son intervalle à 95 %",
    "as it came": "telle qu’elle est venue",
    "The first model alone. Each estimate was made before any of these outcomes was known.": (
        "Le premier modèle seul. Chaque estimation a été faite avant que la moindre de ces issues ne soit connue."
    ),
    "Outcome rate": "Taux d’issue",
    "Share of the 95 % intervals that held what came, and in brackets how many could be checked.": (
        "Part des intervalles à 95 % qui contenaient ce qui est venu et, entre parenthèses, combien ont pu être vérifiés."
    ),
    # the method
    "How this was done, and what it does not say": "Comment cela a été fait, et ce que cela ne dit pas",
    "Every day was lived through with what was known on it: an outcome counts {horizon} days after its score, and no later event is "
    "read. The first model was trained on {begin}.": (
        "Chaque jour a été vécu avec ce qu’on en savait : une issue compte {horizon} jours après son score, et aucun événement "
        "ultérieur n’est lu. Le premier modèle a été appris le {begin}."
    ),
    "A new model has to pass the gate beside the one in use, on rows that neither learned from, and answers everybody {bake} days "
    "later.": (
        "Un nouveau modèle doit passer le contrôle face à celui en service, sur des lignes dont aucun des deux n’a appris, et "
        "répond à tous {bake} jours plus tard."
    ),
    "There was no gate: a new model answers everybody {bake} days after its training.": (
        "Il n’y avait pas de contrôle : un nouveau modèle répond à tous {bake} jours après son apprentissage."
    ),
    "History is what happened. Nobody of the past was acted on by these decisions, so that what acting changes is taken from the "
    "cost matrix and not seen; and if customers were acted on in truth, their outcomes are those of customers who were.": (
        "L’histoire est ce qui s’est passé. Personne n’a été visé par ces décisions : l’effet d’une action vient de la matrice de "
        "coûts et n’est pas observé ; et si des clients ont réellement été visés, leurs issues sont celles de clients qui l’ont "
        "été."
    ),
    "{waiting:,} decisions are not counted: their outcome is not known on {today}.": (
        "{waiting:,} décisions ne comptent pas : leur issue n’est pas connue au {today}."
    ),
    "Every training tried {models} at their defaults: the policies are compared, not ways to train.": (
        "Chaque apprentissage a essayé {models} avec leurs réglages par défaut : on compare les politiques, non les façons "
        "d’apprendre."
    ),
    "One past is one past. A policy that won here won on these months; intervals say what other customers, and not what other "
    "months, would have done.": (
        "Un passé n’est qu’un passé. Une politique qui gagne ici a gagné sur ces mois ; les intervalles disent ce que d’autres "
        "clients auraient fait, et non d’autres mois."
    ),
}
"""English → French."""
