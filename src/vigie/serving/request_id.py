"""The id of a request as its caller chose it, in a header."""

from __future__ import annotations

import re
from collections.abc import Mapping

REQUEST_ID = re.compile(r"[A-Za-z0-9._:\-]{1,128}")
_HEADERS = (b"x-request-id", b"x-amzn-sagemaker-inference-id")


def request_id_of(headers: Mapping[bytes, bytes]) -> str:
    """The caller's id from a header; empty if there is none that could be sent back."""
    for name in _HEADERS:
        sent = headers.get(name)
        if sent is not None and REQUEST_ID.fullmatch(text := sent.decode("latin-1")):
            return text
    return ""
