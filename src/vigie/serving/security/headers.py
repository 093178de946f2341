"""Headers that tell a browser, a proxy or a cache what it must not do with an answer."""

from __future__ import annotations

import base64
import re
from hashlib import sha256

Headers = tuple[tuple[bytes, bytes], ...]

_ALL: Headers = ((b"x-content-type-options", b"nosniff"), (b"cache-control", b"no-store"))
_TLS: Headers = ((b"strict-transport-security", b"max-age=31536000"),)


def of_data(*, tls: bool) -> Headers:
    """For answers: of customers, so that nothing keeps them."""
    return _ALL + (_TLS if tls else ())


def of_page(html: str, *, tls: bool) -> Headers:
    """For a page of ours: it runs and wears what stands in it, asks this server alone, and is framed by nobody.

    Args:
        html: The whole page, whose scripts and styles are allowed by their hash.
        tls: Whether the server speaks TLS.
    """
    rules = [
        "default-src 'none'",
        f"script-src {_hashes(html, 'script')}",
        f"style-src {_hashes(html, 'style')}",
        "connect-src 'self'",
        "img-src data:",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
    ]
    more: Headers = (
        (b"content-security-policy", "; ".join(rules).encode()),
        (b"x-frame-options", b"DENY"),
        (b"referrer-policy", b"no-referrer"),
    )
    return of_data(tls=tls) + more


def _hashes(html: str, tag: str) -> str:
    found = re.findall(rf"<{tag}>(.*?)</{tag}>", html, re.DOTALL)
    digests = (base64.b64encode(sha256(one.encode()).digest()).decode() for one in found)
    return " ".join(f"'sha256-{one}'" for one in digests) or "'none'"
