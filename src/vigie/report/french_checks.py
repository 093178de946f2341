"""French: titles and remedies of further findings, of the checks before and after a training."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "A feature is the outcome in other words": "Une variable est l’issue en d’autres termes",
    "Two features together decide the outcome": "Deux variables ensemble décident de l’issue",
    "A running number tells the outcome": "Un numéro courant trahit l’issue",
    "leave it out: it names rows, and the numbers of new customers lie beyond all that were learned from": (
        "retirez-la : elle nomme des lignes, et les numéros des nouveaux clients dépassent tous ceux de l’apprentissage"
    ),
    "Dates after the moment of scoring": "Dates postérieures à la date de score",
    "leave it in if it was planned beforehand, such as the end of a contract; otherwise declare known_at= on its table, make "
    "events of it, or leave it out": (
        "gardez-la si elle était prévue d’avance, comme la fin d’un contrat ; sinon déclarez known_at= sur sa table, faites-en "
        "des événements, ou retirez-la"
    ),
    "A feature seems to hold part of the outcome's window": "Une variable semble contenir une partie de la période à prédire",
    "check the time column of its events: is it when they were known, or the beginning of a period that they sum up?": (
        "vérifiez la colonne de temps de ses événements : est-ce le moment où ils étaient connus, ou le début d’une période "
        "qu’ils résument ?"
    ),
    "A column without time knows later outcomes better": "Une colonne sans date connaît mieux les issues tardives",
    "declare known_at= on its table and keep its history, make events of it, or leave it out": (
        "déclarez known_at= sur sa table et gardez-en l’historique, faites-en des événements, ou retirez-la"
    ),
    "Features nearly constant or mostly missing": "Variables presque constantes ou surtout manquantes",
    "leave them out unless the few rows are the point": "retirez-les, sauf si ces quelques lignes sont l’essentiel",
    "A category of very many levels": "Une catégorie aux modalités très nombreuses",
    "group its levels, or use what they stand for (a region, a count, a share); rare ones count as one level": (
        "regroupez ses modalités, ou utilisez ce qu’elles représentent (une région, un nombre, une part) ; les rares comptent "
        "pour une seule"
    ),
    "Levels that training never saw": "Modalités jamais vues à l’apprentissage",
    "check whether levels were renamed or added; map old names to new ones at the source, or train on rows that have them": (
        "vérifiez si des modalités ont été renommées ou ajoutées ; faites correspondre les noms à la source, ou entraînez sur des "
        "lignes qui les ont"
    ),
    "The same customer under two keys": "Le même client sous deux clés",
    "find out why a customer has two keys and join them: otherwise the test asks what was learned by heart": (
        "cherchez pourquoi un client a deux clés et fusionnez-les : sinon le test porte sur ce qui a été appris par cœur"
    ),
    "Customers on both sides of the split": "Clients des deux côtés de la séparation",
    "split by customer, or by time": "séparez par client, ou dans le temps",
    "Equal rows with different outcomes": "Lignes égales aux issues différentes",
    "if they are copies, find out which is right; if not, add features that tell these customers apart": (
        "si ce sont des copies, cherchez laquelle est juste ; sinon, ajoutez des variables qui distinguent ces clients"
    ),
    "Test rows can be told from training rows": "Les lignes de test se distinguent de celles d’apprentissage",
    "expected of features that grow with history; otherwise check what changed in these features at that time": (
        "attendu pour les variables qui croissent avec l’historique ; sinon, cherchez ce qui a changé dans ces variables à cette "
        "date"
    ),
    "The outcome is silent for a stretch of time": "L’issue reste muette sur une période",
    "check since when and until when the outcome was recorded, and score only moments in between: every(..., start=...)": (
        "vérifiez depuis quand et jusqu’à quand l’issue a été enregistrée, et ne scorez que les dates entre les deux : every(..., "
        "start=...)"
    ),
    "Labels dealt at random can be learned": "Des étiquettes distribuées au hasard s’apprennent",
    "look for what names customers: keys of one person or company under several names, rows joined twice": (
        "cherchez ce qui nomme les clients : clés d’une même personne ou société sous plusieurs noms, lignes jointes deux fois"
    ),
    "A feature's relation with the outcome changes over time": "Le lien d’une variable avec l’issue change dans le temps",
    "check whether its meaning or its source changed; leave it out, or train on rows of after the change": (
        "vérifiez si son sens ou sa source a changé ; retirez-la, ou entraînez sur des lignes postérieures au changement"
    ),
    "The features say nothing about the outcome": "Les variables ne disent rien de l’issue",
    "check that outcome and features belong to the same customers; then add features": (
        "vérifiez que l’issue et les variables sont bien celles des mêmes clients ; puis ajoutez des variables"
    ),
    "The model does worse on later rows": "Le modèle fait moins bien sur des lignes ultérieures",
    "look at the features that changed (VGT006, VGT017, VGT020); train on more recent rows, and retrain more often": (
        "regardez les variables qui ont changé (VGT006, VGT017, VGT020) ; entraînez sur des lignes plus récentes, et plus souvent"
    ),
    "More rows would help": "Davantage de lignes aiderait",
    "load more history, or score a wider population": "chargez davantage d’historique, ou scorez une population plus large",
    "The outcome is nearly always the same": "L’issue est presque toujours la même",
    "judge the model by money and by calibration, not by accuracy; widen the horizon if the question allows": (
        "jugez le modèle sur le gain et la calibration, non sur l’exactitude ; allongez l’horizon si la question le permet"
    ),
    "A hyper-parameter could be better": "Un hyperparamètre pourrait être meilleur",
    "search longer (--trials), or set the value that the validation curve prefers": (
        "cherchez plus longtemps (--trials), ou fixez la valeur que préfère la courbe de validation"
    ),
    "Customers who were acted on are left out": "Les clients visés par une action sont écartés",
    "hold some customers out for good, [rollout] holdout = 0.05: only they show what becomes of those the model acts on": (
        "gardez un groupe témoin permanent, [rollout] holdout = 0.05 : lui seul montre ce que deviennent les clients que le modèle vise"
    ),
    "Groups are treated further apart than the policy allows": "Des groupes sont traités plus différemment que ne l’admet la politique",
    "look at which features make the difference and whether they are needed; decide with those who answer for the policy": (
        "voyez quelles variables font la différence et si elles sont nécessaires ; décidez avec les responsables de la politique"
    ),
    "Groups too small to judge": "Groupes trop petits pour être jugés",
    "collect more rows of these groups, or join them; no figure of theirs counts against the policy": (
        "recueillez plus de lignes de ces groupes, ou réunissez-les ; aucun de leurs chiffres n’est retenu contre la politique"
    ),
    "The model reads what fairness is judged by": "Le modèle lit ce sur quoi l’équité est jugée",
    "check that using it is lawful and meant; leaving it out does not make a model fair by itself": (
        "vérifiez que son usage est licite et voulu ; la retirer ne rend pas à soi seul un modèle équitable"
    ),
    "One action is right whatever the outcome": "Une action est bonne quelle que soit l’issue",
    "correct the sums of the decision, or take these customers out of the population: no score changes what is done with them": (
        "corrigez les montants de la décision, ou sortez ces clients de la population : aucun score ne change ce qui est fait d’eux"
    ),
    "The cost matrix is upside down": "La matrice de coûts est à l’envers",
    "check the signs of the amounts: gains are positive, and acting has to pay where the outcome is true": (
        "vérifiez les signes des montants : les gains sont positifs, et agir doit rapporter quand l’issue est positive"
    ),
    "The break-even probability is out of reach": "Le seuil de rentabilité est hors d’atteinte",
    "check that all amounts are in one unit: a contact in cents beside a value in thousands decides everything by itself": (
        "vérifiez que tous les montants sont dans la même unité : un contact en centimes face à une valeur en milliers décide de "
        "tout à lui seul"
    ),
    "{moments:,} moments with a known outcome and a horizon of {days:g} days leave no later rows to test on; the test rows were "
    "drawn at random instead, customer by customer": (
        "{moments:,} dates à l’issue connue et un horizon de {days:g} jours ne laissent pas de lignes postérieures pour le test ; "
        "ses lignes ont été tirées au hasard, client par client"
    ),
}
