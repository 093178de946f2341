"""Errors of servers, told without what must not be told."""

from __future__ import annotations

import urllib.parse

from vigie.errors import StoreError


def place_of(url: str) -> str:
    """Where a server is, for messages: its URL without user, password and options.

    >>> place_of("redis://ana:s3cret@cache:6379/0?ssl_password=x")
    'redis://cache:6379/0'
    """
    scheme, _, rest = url.partition("://")
    # The last @ ends the credentials: a password may hold one that was not escaped.
    return f"{scheme}://{rest.partition('?')[0].rpartition('@')[2]}"


def store_error(error: Exception, url: str) -> StoreError:
    """What a driver said, as our own error; no password of *url* is in it, however the driver writes it."""
    text = " ".join(str(error).split()) or type(error).__name__
    rest, _, options = url.partition("://")[2].partition("?")
    secrets = [rest.rpartition("@")[0].partition(":")[2], *(option.partition("=")[2] for option in options.split("&"))]
    written = {form for secret in secrets for form in (secret, urllib.parse.unquote(secret)) if form}
    for secret in sorted(written, key=len, reverse=True):
        text = text.replace(secret, "***")
    return StoreError(
        f"the online store cannot be used: {text}",
        where=place_of(url),
        remedy="see that the server runs and [online] url is right; the same can be tried again",
    )
