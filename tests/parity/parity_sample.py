"""Generated histories, and what of the language is compared on them: the rows of the parity matrix."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field

from vigie.clock import DAY, parse_moment
from vigie.definition import Events, Feature, Kind, Table, days, hours, moment
from vigie.definition.aggregate import FUNCTIONS
from vigie.definition.expression import OPERATIONS
from vigie.definition.related import Related
from vigie.features.reference import Record

HOUR = 3_600_000_000
BEGIN = parse_moment("2026-03-01")
KINDS = {
    "amount": Kind.NUMBER,
    "flag": Kind.BOOLEAN,
    "channel": Kind.CATEGORY,
    "due": Kind.TIME,
    "note": Kind.TEXT,
    "shop": Kind.CATEGORY,
}
ORDERS = Events("orders", key="c", time="at", id="id")
LATE = Events("late", key="c", time="at", id="id", known_at="known")
RECENT = Events("recent", key="c", time="at", id="id", known_at="known")
"""Only ever looked at through short windows, so that an online store may forget what is older."""
PROFILE = Table("profile", key="c")
VERSIONS = Table("versions", key="c", known_at="known")
SHOPS = Table("shops", key="s", known_at="known")
VISITS = Events("visits", key="s", time="at", id="id", known_at="known")
SOURCES = {source.name: source for source in (ORDERS, LATE, RECENT, PROFILE, VERSIONS, SHOPS, VISITS)}
ENTITIES = ("shops", "visits")
"""Sources of shops, which customers belong to; all others are of customers."""
SCHEMA = {name: {**KINDS, source.key: Kind.CATEGORY} for name, source in SOURCES.items()}

SPAN = 12
"""Hours × 6 that the bulk of the events spreads over."""
LAST = BEGIN + SPAN * 6 * HOUR
"""No moment after it."""

_AMOUNTS = [
    0.1,
    0.2,
    0.3,
    -0.1,
    19.99,
    1e-17,
    5e-324,
    1e30,
    -1e30,
    2.0**40,
    2.0**53,
    1.5,
    3.0,
    -0.0,
    0.0,
    float("inf"),
    float("-inf"),
]
_CHANNELS = ["web", "boutique à 東京", "", "b"]
_SHOPS = ["s1", "s2", "10", "é"]
_IDS = ["9", "10", "-3", "09", "a", "é", "1e3"]
_STRANGE = [0, 1, -DAY, parse_moment("1970-01-02"), parse_moment("2999-12-31"), LAST + 1, LAST + DAY]  # fmt: skip

History = Mapping[str, Sequence[Record]]


@dataclass(frozen=True)
class Sample:
    """Customers and shops with all that is known of them.

    Attributes:
        histories: By source, then by key: records in order of arrival.
        pairs: Customers at moments.
    """

    histories: Mapping[str, Mapping[str, Sequence[Record]]]
    pairs: Sequence[tuple[str, int]]
    customers: Sequence[str] = field(default=())

    def own(self, customer: str) -> dict[str, Sequence[Record]]:
        """The records of one customer, by source."""
        return {name: found.get(customer, ()) for name, found in self.histories.items() if name not in ENTITIES}

    @property
    def relations(self) -> dict[str, Mapping[str, Sequence[Record]]]:
        """The records of shops, by source and key."""
        return {name: self.histories[name] for name in ENTITIES}


def sample(seed: int, customers: int, moments: int) -> Sample:
    """Customers, half of them with much history, and shops, at *moments* each.

    Times lie on a coarse grid, so that events, their becoming known and the ends of windows meet; some lie a microsecond
    beside it, in 1970, in 2999. Ids repeat, arrival is in no order, values may be null, −0, tiny, huge or infinite.

    Only an event that an online store forgets at once has no second one of its id: of two that contradict each other in
    their time, a store that has forgotten the first takes the second for a new one.
    """
    chance = random.Random(seed)
    arrival = iter(range(1 << 30))

    def time() -> int:
        if chance.random() < 0.04:
            return chance.choice(_STRANGE)
        return BEGIN + chance.randint(-2, SPAN) * 6 * HOUR + chance.choice([0, 0, 0, 0, 1, -1, HOUR])

    def values() -> dict[str, object]:
        return {
            "amount": chance.choice([None, chance.choice(_AMOUNTS), chance.uniform(-1e3, 1e3), float(chance.randint(-100, 100))]),
            "flag": chance.choice([None, True, False]),
            "channel": chance.choice([None, *_CHANNELS]),
            "due": chance.choice([None, time()]),
            "note": chance.choice([None, "x", "ÿ", "two words"]),
            "shop": chance.choice([None, "nowhere", *_SHOPS]),
        }  # fmt: skip

    def records(name: str, most: int) -> list[Record]:
        source, found = SOURCES[name], []
        for _ in range(chance.randint(0, most)):
            at = time()
            late = isinstance(source, Events) and source.known_at is not None
            known = at + chance.choice([0, 0, 1, HOUR, 6 * HOUR, 12 * HOUR, 24 * HOUR, -HOUR]) if late else None
            repeated = chance.random() < 0.4 and not (name == "recent" and at < BEGIN - 2 * DAY)
            key = chance.choice(_IDS) if repeated else f"e{chance.randint(0, 10**6)}"
            found.append(Record(at, values(), key if isinstance(source, Events) else "", known, next(arrival)))
        return found

    names = [str(i) if i % 3 else f"ç{i}" for i in range(customers)]
    histories: dict[str, dict[str, list[Record]]] = {}
    for name, source in SOURCES.items():
        keys = _SHOPS[:-1] if name == "shops" else _SHOPS if name == "visits" else names
        most = 3 if isinstance(source, Table) else 25
        found = {key: records(name, most if chance.random() < 0.5 else 4) for key in keys}
        if name == "profile":
            found = {key: rows[:1] for key, rows in found.items()}
        histories[name] = {key: rows for key, rows in found.items() if rows}
    grid = [BEGIN + k * 6 * HOUR for k in range(SPAN + 1)]
    pairs = [(name, t) for name in names for t in sorted(chance.sample(grid, min(moments, len(grid))))]
    return Sample(histories, pairs, names)


# -- the rows --------------------------------------------------------------------------------------------------------

_WINDOWS = (None, days(1), hours(17), days(2))
_BY_KIND = {Kind.NUMBER: "amount", Kind.BOOLEAN: "flag", Kind.CATEGORY: "channel", Kind.TIME: "due", Kind.TEXT: "note"}
_CONSTANT = {Kind.CATEGORY: "web", Kind.BOOLEAN: True}
_SHOP = LATE["shop"].last(days(2))


def _aggregates(name: str, events: Events, windows: Sequence[object]) -> Iterator[Feature]:
    function = FUNCTIONS[name]
    for window in windows:
        if not function.takes:
            yield getattr(events, name)(window)
        for kind in sorted(function.takes):
            constant = [_CONSTANT[kind]] if name == "share" else []
            yield getattr(events[_BY_KIND[kind]], name)(*constant, window)


def _of_every_kind(name: str) -> list[Feature]:
    return [
        *_aggregates(name, ORDERS, _WINDOWS),
        *_aggregates(name, LATE, _WINDOWS),
        *_aggregates(name, RECENT, _WINDOWS[1:]),
        *_aggregates(name, LATE.where(channel=["web", "b"]).named("chosen"), _WINDOWS[:2]),
    ]


def _related_aggregates() -> list[Feature]:
    inner = [f for name in FUNCTIONS for f in _aggregates(name, VISITS, (None, days(1)))]
    inner += [VISITS.where(VISITS["amount"] > 0).count(days(2)), (VISITS["amount"] * 2).sum(days(2))]
    # The same features by two keys: of the profile, and of the last event.
    return [Related(key, feature) for key in (PROFILE["shop"], _SHOP) for feature in inner]


def _operations() -> list[Feature]:
    a, b = LATE["amount"].sum(days(2)), VERSIONS["amount"]
    flag, other = VERSIONS["flag"], LATE["flag"].last(days(2))
    due, word = LATE["due"].max(days(2)), VERSIONS["channel"]
    return [
        a + b, a - b, a * 3, a / b, -a, abs(a), a.log(), a.log1p(), a == b, a != 0.1, a < b, a <= b, a > b, a >= 1.5,
        word == "web", word < LATE["channel"].mode(days(2)), due >= "2026-03-01", flag & other, flag | other, ~flag,
        word.is_in(["web", ""]), a.is_null(), a.if_null(b), word.if_null("none"), a.bucket(-1, 0, 20),
        VERSIONS["due"].days_since(due), due - VERSIONS["due"], due.days_ago(), due.age(),
        due.year(), due.month(), due.weekday(), due.hour(), moment.month(), moment.hour(),
        (ORDERS["amount"] / ORDERS["amount"].if_null(2.0)).sum(days(1)),
        ORDERS["channel"].if_null("none").mode(days(1)), ORDERS["due"].days_since(ORDERS["due"]).mean(),
        (ORDERS["amount"].bucket(0, 10) + ORDERS["due"].hour()).max(),
    ]  # fmt: skip


ROWS: dict[str, list[Feature]] = {
    **{name: _of_every_kind(name) for name in FUNCTIONS},
    "column of a table": [PROFILE[name] for name in KINDS],
    "column as known then": [VERSIONS[name] for name in KINDS],
    "filters": [
        events.where(condition).count(days(2))
        for events in (ORDERS, LATE)
        for condition in (
            events["amount"] > 0, events["flag"], events["amount"].is_null() | (events["channel"] == "b"),
            ~(events["due"] < "2026-03-02"), events["note"].is_in(["x"]), abs(events["amount"]) > 1,
        )
    ],
    "operations": _operations(),
    "of(...): column": [
        *(key.of(SHOPS)[name] for key in (PROFILE["shop"], _SHOP) for name in KINDS),
        PROFILE["shop"].of(SHOPS)["amount"] + LATE.count(),
    ],
    "of(...): aggregation": _related_aggregates(),
    "of(...) of(...)": [
        PROFILE["shop"].of(SHOPS)["shop"].of(SHOPS)["amount"],
        _SHOP.of(VISITS)["shop"].last().of(SHOPS)["shop"].of(VISITS).count(days(2)),
        PROFILE["shop"].of(SHOPS)["shop"].if_null(_SHOP).of(VISITS)["amount"].std(),
    ],
}  # fmt: skip
"""What is compared, by the name of the row."""

WITHOUT_RELATIONS = [name for name in ROWS if not name.startswith("of(")]


def operations_used() -> set[str]:
    """The operations that some compared feature uses; all of them, or a test fails."""
    used = {getattr(node, "operation", "") for features in ROWS.values() for f in features for node in f.walk()}
    return used & OPERATIONS
