"""French: titles and remedies of the findings of a training run."""

from __future__ import annotations

CATALOGUE: dict[str, str] = {
    "ask who fills this column in and when; if that is after the moment of scoring, leave it out, "
    "or declare known_at= on its table so that only what was known counts": (
        "demandez qui remplit cette colonne et quand ; si c’est après la date de score, retirez-la, ou déclarez known_at= "
        "sur sa table pour que seul compte ce qui était connu"
    ),
    "One feature predicts almost everything": "Une seule variable prédit presque tout",
    "Some values all but decide the outcome": "Certaines valeurs décident presque à elles seules du résultat",
    "A missing value tells the outcome": "Une valeur manquante trahit le résultat",
    "Names that suggest values of a later day": "Des noms qui évoquent des valeurs postérieures",
    "Columns filled in together on part of the rows": "Colonnes renseignées ensemble sur une partie des lignes",
    "Suspiciously good score": "Score étonnamment bon",
    "look at the most important features first: is each known at the moment of scoring?": (
        "commencez par les variables les plus importantes : chacune est-elle connue à la date de score ?"
    ),
    "No out-of-time test": "Pas de test sur une période ultérieure",
    "load more history or shorten the horizon; until then expect the model to do worse than the test says": (
        "chargez davantage d’historique ou raccourcissez l’horizon ; d’ici là, attendez-vous à de moins bons résultats que "
        "ne le dit le test"
    ),
    "Few rows of one class": "Peu de lignes dans une classe",
    "take more history, a longer horizon or a wider population; read every figure with its uncertainty": (
        "prenez davantage d’historique, un horizon plus long ou une population plus large ; lisez chaque chiffre avec son "
        "incertitude"
    ),
    "Constant features": "Variables constantes",
    "leave them out: they carry nothing": "retirez-les : elles n’apportent rien",
    "A feature looks like an identifier": "Une variable ressemble à un identifiant",
    "leave it out: it names rows": "retirez-la : elle ne fait que nommer les lignes",
    "Test rows that are also in the training rows": "Lignes de test présentes aussi dans l’apprentissage",
    "remove duplicates of the source, or declare id= so that they are recognised": (
        "supprimez les doublons de la source, ou déclarez id= pour qu’ils soient reconnus"
    ),
    "Test rows look different from training rows": "Les lignes de test diffèrent de celles d’apprentissage",
    "expected of features that grow with history; otherwise check the source for a change at that time": (
        "attendu pour les variables qui croissent avec l’historique ; sinon, cherchez un changement de la source à cette date"
    ),
    "No model beats the simple ways": "Aucun modèle ne fait mieux que les méthodes simples",
    "add features, check the cost matrix, or stay with the simple way: it costs nothing to run": (
        "ajoutez des variables, vérifiez la matrice de coûts, ou gardez la méthode simple : elle ne coûte rien à exploiter"
    ),
    "The winner is over-fitted": "Le modèle retenu est surajusté",
    "take more rows, fewer features or a simpler model": (
        "prenez plus de lignes, moins de variables ou un modèle plus simple"
    ),
    "Probabilities are off on later rows": "Les probabilités sont décalées sur les lignes ultérieures",
    "the share of positives has moved: train on more recent rows, or retrain more often": (
        "la part de positifs a bougé : entraînez sur des lignes plus récentes, ou réentraînez plus souvent"
    ),
    "Most rows have no known outcome": "La plupart des lignes n’ont pas de résultat connu",
    "shorten the horizon, or check that the source of the outcome is loaded up to date": (
        "raccourcissez l’horizon, ou vérifiez que la source du résultat est chargée à jour"
    ),
    "Capacity without effect": "Capacité sans effet",
    "capacity ranks customers scored at one moment; with moments=at(...) each is decided alone: leave it out": (
        "la capacité classe les clients scorés à une même date ; avec moments=at(...) chacun est décidé seul : retirez-la"
    ),
    "The cost matrix is not known for some customers": "La matrice de coûts est inconnue pour certains clients",
    "fill the column in, or give a value for missing ones: customers['clv'].if_null(100)": (
        "renseignez la colonne, ou donnez une valeur aux manquants : customers['clv'].if_null(100)"
    ),
    "The decision is the same for everybody": "La décision est la même pour tous",
    "check the cost matrix, and give the model better features: so far nothing tells customers apart by enough to change "
    "what is done": (
        "vérifiez la matrice de coûts et donnez au modèle de meilleures variables : jusqu’ici rien ne distingue assez les "
        "clients pour changer ce qui est fait"
    ),
}
"""English → French."""
