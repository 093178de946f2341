"""French: the page for people who read one page, and the verdict."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    # words of a decision
    "{positive}: yes": "{positive} : oui",
    "{positive}: no": "{positive} : non",
    "{act} nobody": "ne {act} personne",
    "{act} everybody": "{act} tout le monde",
    "{doing} nobody": "« ne {doing} personne »",
    "{doing} everybody": "« {doing} tout le monde »",
    "{doing} at a score of 0.5 or more": "« {doing} à partir d’un score de 0,5 »",
    "Today’s rule": "Règle actuelle",
    "today’s rule": "la règle actuelle",
    "Score of 0.5 or more": "Score d’au moins 0,5",
    "Vigie’s decision": "Décision de Vigie",
    # units and periods
    "{one} and {period}": "{one} et par {period}",
    "{one} and moment": "{one} et par date",
    "{rows} decisions ({customers} at {moments})": "{rows} décisions ({customers} à {moments})",
    "hour": "heure",
    "day": "jour",
    "week": "semaine",
    "month": "mois",
    "quarter": "trimestre",
    "year": "an",
    "each hour": "chaque heure",
    "each day": "chaque jour",
    "each week": "chaque semaine",
    "each month": "chaque mois",
    "each quarter": "chaque trimestre",
    "each year": "chaque année",
    "each time": "à chaque fois",
    "once": "une fois",
    # verdict
    "No check objects.": "Aucun contrôle n’y trouve à redire.",
    "On the test rows it earns no more than {rival}.": "Sur les lignes de test, il ne rapporte pas plus que {rival}.",
    "Its lead over {rival} may be chance: the 95% interval includes zero.": (
        "Son avance sur {rival} peut être due au hasard : l’intervalle à 95 % contient zéro."
    ),
    "[{number}](#findings): {titles}.": "[{number}](#findings) : {titles}.",
    "The test holds only {positives}: its figures may be off by much.": (
        "Le test ne compte que {positives} : ses chiffres peuvent être loin de la réalité."
    ),
    "It was tested on customers drawn at random, not on a later time.": (
        "Il a été testé sur des clients tirés au hasard, et non sur une période ultérieure."
    ),
    "How well it fits was not judged.": "La qualité de l’ajustement n’a pas été jugée.",
    "Do not use it yet": "À ne pas utiliser pour l’instant",
    "Use it with care": "À utiliser avec précaution",
    "Fit for use": "Bon pour l’usage",
    "95% interval {low} to {high}": "intervalle à 95 % : de {low} à {high}",
    "Tested on the future: it learned from {train} up to {until} and was tried on {test} from {start} to {end}.": (
        "Testé sur l’avenir : il a appris sur {train} jusqu’au {until} et a été éprouvé sur {test} du {start} au {end}."
    ),
    "Tested on {test} drawn at random that it had not seen; it learned from {train}.": (
        "Testé sur {test} tirés au hasard, qu’il n’avait pas vus ; il a appris sur {train}."
    ),
    # the page
    "On one page": "L’essentiel en une page",
    "**The question.** {description}": "**La question.** {description}",
    "**The question.** Which {words.many} {words.do}, and which of them is it worth {words.doing}?": (
        "**La question.** Quels {words.many} {words.do}, et lesquels vaut-il la peine de {words.act} ?"
    ),
    "On {tested} it had never seen, deciding with Vigie brings **{value} per {unit}**, {total} in all.": (
        "Sur {tested} jamais vus par le modèle, décider avec Vigie rapporte **{value} par {unit}**, soit {total} au total."
    ),
    "On {tested} whose outcome it did not know, deciding with Vigie brings **{value} per {unit}**, {total} in all.": (
        "Sur {tested} dont il ignorait l’issue, décider avec Vigie rapporte **{value} par {unit}**, soit {total} au total."
    ),
    "That is **no more than** {rival}: there is no reason to use it.": (
        "Ce n’est **pas plus que** {rival} : il n’y a aucune raison de l’utiliser."
    ),
    "That is **{lead} more per {unit}** than the best alternative, {rival}; {doubt}.": (
        "C’est **{lead} de plus par {unit}** que la meilleure autre solution, {rival} ; {doubt}."
    ),
    "That is **{lead} more per {unit}** than the best alternative, {rival}.": (
        "C’est **{lead} de plus par {unit}** que la meilleure autre solution, {rival}."
    ),
    "That is **{lead} less per {unit}** than {rival}; {doubt}: there is no reason to use it.": (
        "C’est **{lead} de moins par {unit}** que {rival} ; {doubt} : il n’y a aucune raison de l’utiliser."
    ),
    "That is **{lead} less per {unit}** than {rival}: there is no reason to use it.": (
        "C’est **{lead} de moins par {unit}** que {rival} : il n’y a aucune raison de l’utiliser."
    ),
    "per {unit} with Vigie’s decision": "par {unit} avec la décision de Vigie",
    "in all, on the test": "au total, sur le test",
    "in all against {rival}, the best alternative": "au total face à {rival}, la meilleure autre solution",
    "of them are {words.dones}": "d’entre eux sont {words.dones}",
    "of those {words.dones} do {words.do}": "des {words.many} {words.dones} {words.do} effectivement",
    "{middle} ({low} to {high})": "{middle} (de {low} à {high})",
    "**For the whole base** of {size} {words.many}: **{now}** against {rival}, if it is like the test.": (
        "**Pour toute la base** de {size} {words.many} : **{now}** face à {rival}, si elle ressemble au test."
    ),
    "**For the whole base**, {size} {words.many} {each}: **{now}** {each} against {rival}, **{year}** a year, if the "
    "future is like the test.": (
        "**Pour toute la base**, {size} {words.many} {each} : **{now}** {each} face à {rival}, **{year}** par an, si l’avenir "
        "ressemble au test."
    ),
    "How far to trust it: ": "Jusqu’où s’y fier : ",
    "When to distrust it": "Quand s’en méfier",
    "Far fewer or far more {words.many} {words.do} than the {rate} of the test: below {low} or above {high}, "
    "train again.": (
        "Beaucoup moins ou beaucoup plus de {words.many} {words.do} que les {rate} du test : en dessous de {low} ou au-dessus "
        "de {high}, réentraînez."
    ),
    "The way `{feature}` is recorded changes: the score leans on it more than on anything else.": (
        "La façon d’enregistrer `{feature}` change : c’est sur cette variable que le score s’appuie le plus."
    ),
    "Prices, costs or offers change: the [cost matrix](#question) decides who is {words.done}, and it has to follow.": (
        "Prix, coûts ou offres changent : la [matrice de coûts](#question) décide qui est {words.done}, elle doit suivre."
    ),
    "A single probability is quoted to a customer or an auditor: they are off in their spread "
    "(calibration slope {slope}, 1 is right).": (
        "Une probabilité isolée est citée à un client ou à un auditeur : leur dispersion n’est pas juste (pente de "
        "calibration {slope} ; 1 est juste)."
    ),
    "Much time goes by: it has been tried on customers up to {last} and on nobody since.": (
        "Le temps passe : il a été éprouvé sur des clients jusqu’au {last}, et sur personne depuis."
    ),
    "Money per {unit} by strategy. {said}.": "Gain par {unit} selon la stratégie. {said}.",
    "What each way to decide brought per {unit} on the test rows. The longer to the right, the better.": (
        "Ce que chaque façon de décider a rapporté par {unit} sur les lignes de test. Plus la barre va à droite, mieux c’est."
    ),
    "Against the alternatives": "Face aux autres solutions",
    "Resolve what blocks it ({codes}): [findings](#findings).": "Levez ce qui bloque ({codes}) : [constats](#findings).",
    "Keep to {rival} for now. Add features that say more about the outcome, or more history, and train again.": (
        "Restez-en à {rival} pour l’instant. Ajoutez des variables qui en disent plus sur le résultat, ou davantage "
        "d’historique, puis réentraînez."
    ),
    "Read the [findings](#findings) before anybody acts on a score.": (
        "Lisez les [constats](#findings) avant que quiconque n’agisse sur un score."
    ),
    "Score everybody with `vigie score` and {words.act} those whose decision is “{decision}”.": (
        "Scorez toute la base avec `vigie score`, pour {words.act} ceux dont la décision est « {decision} »."
    ),
    "Or ask for one at a time: `vigie serve`.": "Ou interrogez le score client par client : `vigie serve`.",
    "Leave a few percent of the chosen {words.many} alone, at random: only that shows what acting truly changes.": (
        "Laissez de côté, au hasard, quelques pour cent des {words.many} retenus : seul ce groupe témoin montre ce que "
        "l’action change vraiment."
    ),
    "Check the money with whoever owns the budget: every amount here follows from the [cost matrix](#question), and "
    "is as right as that is.": (
        "Faites valider les montants par le responsable du budget : tous découlent de la [matrice de coûts](#question), et ne "
        "sont justes que si elle l’est."
    ),
    "What to do next": "Que faire maintenant",
    # signatures
    "Owner of the decision and its budget": "Responsable de la décision et du budget",
    "The question and the cost matrix are right.": "La question et la matrice de coûts sont justes.",
    "Owner of the model": "Responsable du modèle",
    "Data, test and figures are as described.": "Données, test et chiffres sont conformes à ce rapport.",
    "Risk, compliance, data protection": "Risques, conformité, protection des données",
    "Groups, limits and use are acceptable.": "Groupes, limites et usage sont acceptables.",
    "Who signs": "Signataire",
    "What for": "Pour",
    "Name": "Nom",
    "Date": "Date",
    "Signature": "Signature",
    "Signed before use": "À signer avant usage",
}
"""English → French."""
