from __future__ import annotations

import math

import pytest

from vigie.clock import DAY, parse_moment
from vigie.definition import Events, Kind, Table, days, moment
from vigie.definition.expression import OPERATIONS
from vigie.errors import FeatureError
from vigie.features.rowwise import OPERATE, OPERATE_WITH, evaluate, leaves
from vigie.features.values import Values

T = Table("t", key="id")
N = Values.of(Kind.NUMBER, [3, 0, -2, None])
M = Values.of(Kind.NUMBER, [2, 0, None, 1])
C = Values.of(Kind.CATEGORY, ["b", "a", None, "é"])
D = Values.of(Kind.CATEGORY, ["b", "z", "a", None])
B = Values.of(Kind.BOOLEAN, [True, False, None, True])
E = Values.of(Kind.BOOLEAN, [None, None, None, False])
W = Values.of(
    Kind.TIME, [parse_moment(x) for x in ("2024-02-29T23:00:00", "1969-12-31T00:00:00", "2000-01-01")] + [None]
)
TEXTS = Values.of(Kind.TEXT, ["b", "x", None, "é"])
LEAVES = {"t_n": N, "t_m": M, "t_c": C, "t_d": D, "t_b": B, "t_e": E, "t_w": W, "t_x": TEXTS, "moment": W}
n, m, c, d, b, e, w, x = (T[name] for name in "nmcdbewx")

CASES = [
    (n + m, [5.0, 0.0, None, None]),
    (1 - n, [-2.0, 1.0, 3.0, None]),
    (n * 2, [6.0, 0.0, -4.0, None]),
    (n / m, [1.5, None, None, None]),
    (-n, [-3.0, 0.0, 2.0, None]),
    (abs(n), [3.0, 0.0, 2.0, None]),
    (n.log(), [math.log(3), None, None, None]),
    (n.log1p(), [math.log1p(3), 0.0, None, None]),
    (n == 3, [True, False, False, None]),
    (n != m, [True, False, None, None]),
    (n < 0, [False, False, True, None]),
    (n <= 0, [False, True, True, None]),
    (n > m, [True, False, None, None]),
    (n >= 0, [True, True, False, None]),
    (c == "b", [True, False, None, False]),
    (c == "nowhere", [False, False, None, False]),
    (c == d, [True, False, None, None]),
    (c < d, [False, True, None, None]),
    (c < "b", [False, True, None, False]),
    (c == x, [True, False, None, True]),
    (w >= "2000-01-01", [True, False, True, None]),
    (b & e, [None, False, None, False]),
    (b | e, [True, None, None, True]),
    (~b, [False, True, None, False]),
    (b == True, [True, False, None, True]),
    (c.is_in(["a", "é"]), [False, True, None, True]),
    (n.is_in([3, 0]), [True, True, False, None]),
    (n.is_in(["3"]), [False, False, False, None]),
    (b.is_in([True]), [True, False, None, True]),
    (w.is_in(["2000-01-01"]), [False, False, True, None]),
    (x.is_in(["x"]), [False, True, None, False]),
    (n.is_null(), [False, False, False, True]),
    (x.is_null(), [False, False, True, False]),
    (n.if_null(7), [3.0, 0.0, -2.0, 7.0]),
    (c.if_null("new"), ["b", "a", "new", "é"]),
    (c.if_null(d), ["b", "a", "a", "é"]),
    (b.if_null(False), [True, False, False, True]),
    (n.bucket(-1, 0, 3), [3.0, 2.0, 0.0, None]),
    (w.year(), [2024.0, 1969.0, 2000.0, None]),
    (w.month(), [2.0, 12.0, 1.0, None]),
    (w.weekday(), [3.0, 2.0, 5.0, None]),
    (w.hour(), [23.0, 0.0, 0.0, None]),
    (w.days_ago(), [0.0, 0.0, 0.0, None]),
    (moment - w, [0.0, 0.0, 0.0, None]),
    (w.days_since(w), [0.0, 0.0, 0.0, None]),
    ((n + 1) / (m + 1) > 0.5, [True, True, None, None]),
]


@pytest.mark.parametrize(
    ("expression", "expected"), CASES, ids=lambda case: case.slug() if hasattr(case, "slug") else ""
)
def test_operations_and_their_nulls(expression, expected):
    values = evaluate(expression, LEAVES, 4)
    assert values.to_list() == expected
    assert values.kind is expression.kind({"t": {key[2:]: v.kind for key, v in LEAVES.items() if key != "moment"}})
    for i in range(4):  # row by row is the same as all at once
        one = {name: v.take(slice(i, i + 1)) for name, v in LEAVES.items()}
        assert evaluate(expression, one, 1).to_list() == expected[i : i + 1]


def test_every_operation_of_the_language_is_done():
    assert OPERATE.keys() | OPERATE_WITH.keys() == OPERATIONS
    assert not OPERATE.keys() & OPERATE_WITH.keys()


def test_no_rows():
    empty = {name: v.take(slice(0, 0)) for name, v in LEAVES.items()}
    for expression, _ in CASES:
        assert len(evaluate(expression, empty, 0)) == 0


def test_days_have_fractions():
    assert (
        evaluate(w.days_ago(), {"t_w": W, "moment": Values.of(Kind.TIME, [DAY + DAY // 2, DAY, None, 0])}, 4).to_list()[
            1
        ]
        == 2.0
    )


def test_leaves_are_found_under_operations_once():
    orders = Events("orders", key="id", time="at")
    count = orders.count(days(30))
    found = leaves([count / orders.count(days(90)) + count, w.days_ago(), orders["amount"].at_moment() * 2, n + 1])
    assert list(found) == ["orders_count_30d", "orders_count_90d", "t_w", "moment", "orders_amount", "t_n"]


def test_leaves_of_one_name_and_two_meanings_are_refused():
    with pytest.raises(FeatureError, match="two different features"):
        leaves([n + 1, m.named("t_n")])


def test_a_missing_leaf_is_named():
    with pytest.raises(FeatureError, match="no values for 't_n'"):
        evaluate(n + 1, {"t_m": M}, 4)


def test_a_text_that_is_no_date_is_refused():
    with pytest.raises(FeatureError, match="not a date"):
        evaluate(w > "soon", LEAVES, 4)
