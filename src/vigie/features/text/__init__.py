"""Free text as numbers: a pre-trained sentence transformer, its cache, and the directions learned in training.

``transformer.py`` runs the model (``bert_graph.py`` builds its graph), ``cache.py`` keeps what it said, ``reduction.py``
projects embeddings on few directions, ``columns.py`` adds the components to histories, so that the kernel sees numbers.
"""
