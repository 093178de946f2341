"""Numbers as people read them: money with its currency, shares in percent, dates, durations. ``nan`` is an en dash.

They are written in the language of the page, see :func:`vigie.report.language.speaking`.
"""

from __future__ import annotations

import math

from vigie.clock import iso
from vigie.report.language import french_number, say, spoken

NOTHING = "–"
"""Stands for a number that is not defined."""

_SYMBOLS = {"EUR": "€", "USD": "$", "GBP": "£", "JPY": "¥", "INR": "₹"}


def currency_prefix(currency: str) -> str:
    r"""What stands before an amount: the symbol where it is unmistakable, else the ISO code and a narrow space.

    >>> currency_prefix("EUR"), currency_prefix("CHF")
    ('€', 'CHF\u202f')
    """
    if spoken() == "fr":
        return ""
    return _SYMBOLS.get(currency, f"{currency}\u202f")


def currency_suffix(currency: str) -> str:
    """What stands behind an amount: nothing in English."""
    return f"\u202f{_SYMBOLS.get(currency, currency)}" if spoken() == "fr" else ""


def money(amount: float, currency: str, *, sign: bool = False, whole: bool = False) -> str:
    r"""An amount: cents below 1,000 units, none above, millions spelled out.

    Args:
        amount: In units of *currency*.
        currency: ISO 4217 code.
        sign: Write ``+`` before a gain.
        whole: Never write cents.

    >>> money(-3.2, "EUR"), money(1234567.8, "CHF"), money(float("nan"), "EUR")
    ('−€3.20', 'CHF\u202f1.23 million', '–')
    """
    if not math.isfinite(amount):
        return NOTHING
    size = abs(amount)
    million = size >= 1e6
    if million:
        digits = f"{size / 1e6:,.2f}"
    elif size >= 1000 or whole:
        digits = f"{size:,.0f}"
    else:
        digits = f"{size:,.2f}"
    zero = not digits.strip("0.,")
    mark = "" if zero else "−" if amount < 0 else "+" if sign else ""
    if spoken() == "fr":
        unit = _SYMBOLS.get(currency, currency)
        joint = "" if unit in _SYMBOLS.values() else "\u202f"
        behind = f"\u202fM{joint}{unit}" if million else f"\u202f{unit}"
        return f"{mark}{french_number(digits)}{behind}"
    return f"{mark}{currency_prefix(currency)}{digits}{' million' if million else ''}"


def percent(share: float, digits: int = 1) -> str:
    """A share between 0 and 1 in percent.

    >>> percent(0.123), percent(0.0004), percent(1)
    ('12.3%', '<0.1%', '100%')
    """
    if not math.isfinite(share):
        return NOTHING
    if share in (0, 1):
        return _local(f"{share:.0%}")
    least = 10.0 ** (-digits - 2)
    if 0 < share < least / 2:
        return f"<{_local(f'{100 * least:.{digits}f}%')}"
    if 1 - least / 2 < share < 1:
        return f">{_local(f'{100 * (1 - least):.{digits}f}%')}"
    return _local(f"{100 * share:.{digits}f}%")


def points(difference: float, digits: int = 1) -> str:
    """A difference of two shares, in percentage points.

    >>> points(0.071)
    '7.1 points'
    """
    if not math.isfinite(difference):
        return NOTHING
    return say("{number} points", number=_local(f"{100 * difference:.{digits}f}"))


def count(number: float) -> str:
    """A whole number with thousands set apart.

    >>> count(69659)
    '69,659'
    """
    return _local(f"{number:,.0f}") if math.isfinite(number) else NOTHING


def decimal(number: float, digits: int = 3, *, sign: bool = False) -> str:
    """A plain number with so many digits after the point.

    >>> decimal(0.84612), decimal(float("nan"))
    ('0.846', '–')
    """
    return _local(f"{number:{'+' if sign else ''},.{digits}f}") if math.isfinite(number) else NOTHING


def short(number: float) -> str:
    """A number of any size with about three significant digits.

    >>> short(1234.5), short(0.01234), short(2.0), short(1.5e9)
    ('1,234', '0.0123', '2', '1.5e+09')
    """
    if not math.isfinite(number):
        return NOTHING
    size = abs(number)
    if size >= 1e7 or 0 < size < 1e-4:
        text = f"{number:.3g}"
    elif size >= 1000:
        text = f"{number:,.0f}"
    else:
        text = f"{number:.3g}"
    return text if "e" in text else _local(text)


def date(moment: int | None) -> str:
    """The day of a moment (µs, UTC).

    >>> date(86_400_000_000)
    '1970-01-02'
    """
    if moment is None:
        return NOTHING
    day = iso(moment)[:10]
    return "/".join(reversed(day.split("-"))) if spoken() == "fr" else day


def time(moment: int | None) -> str:
    """A moment (µs, UTC) to the minute.

    >>> time(86_400_000_000)
    '1970-01-02 00:00 UTC'
    """
    return NOTHING if moment is None else f"{date(moment)} {iso(moment)[11:16]} UTC"


def duration(seconds: float) -> str:
    """A length of time.

    >>> duration(0.25), duration(75), duration(7300)
    ('0.25 s', '1 min 15 s', '2 h 1 min')
    """
    if not math.isfinite(seconds):
        return NOTHING
    if seconds < 0.01:
        return f"<{_local('0.01')} s"
    if seconds < 10:
        return f"{_local(f'{seconds:.2g}')} s"
    whole = round(seconds)
    if whole < 60:
        return f"{whole} s"
    if whole < 3600:
        return f"{whole // 60} min {whole % 60} s"
    return f"{whole // 3600} h {whole % 3600 // 60} min"


def plural(number: float, one: str, many: str = "") -> str:
    """A count with its noun, both in the language of the page.

    >>> plural(1, "moment"), plural(2300, "moment")
    ('1 moment', '2,300 moments')
    """
    single = abs(number) < 2 if spoken() == "fr" else number == 1
    return f"{count(number)} {say(one) if single else say(many or one + 's')}"


def _local(written: str) -> str:
    return french_number(written) if spoken() == "fr" else written.replace("-", "−")
