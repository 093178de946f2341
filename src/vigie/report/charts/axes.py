"""Axes that charts share: shares in percent, money with its currency."""

from __future__ import annotations

import json
from typing import Any

import altair as alt

from vigie.report.numerals import currency_prefix, currency_suffix


def share_axis(title: str, *, ticks: int = 5, **more: Any) -> alt.Axis:
    """Shares between 0 and 1, in percent."""
    return alt.Axis(title=title, format=".2~%", tickCount=ticks, **more)


def money_axis(title: str, currency: str, *, ticks: int = 5, **more: Any) -> alt.Axis:
    """Amounts in *currency*."""
    prefix, suffix = json.dumps(currency_prefix(currency)), json.dumps(currency_suffix(currency))
    number = "abs(datum.value) >= 1e5 ? format(abs(datum.value), '.3~s') : format(abs(datum.value), ',.2~f')"
    return alt.Axis(
        title=title,
        labelExpr=f"(datum.value < 0 ? '−' : '') + {prefix} + ({number}) + {suffix}",
        tickCount=ticks,
        **more,
    )
