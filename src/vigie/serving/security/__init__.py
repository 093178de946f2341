"""Who may call: API keys, OAuth2 tokens, roles and rates, in front of every route of the scoring API.

A request passes one gate (:mod:`~vigie.serving.security.gate`) before any route is looked for. Key stores keep hashes
and nothing that could be used; what is refused is counted, and told in the journal of administration.
"""
