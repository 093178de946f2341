"""Plain data as bytes: one text for one value, so that hashes can be compared."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypeVar

import msgspec

from vigie.errors import BundleError
from vigie.wording import Said

T = TypeVar("T")


def stored(data: Any) -> bytes:
    """*data* as JSON: keys sorted, numbers in their shortest exact form, nothing superfluous; NaN becomes null.

    Of a sentence that remembers how it was made (:class:`vigie.wording.Said`) the text is kept.
    """
    return msgspec.json.encode(data, order="sorted", enc_hook=_text)


def _text(value: Any) -> str:
    if isinstance(value, Said):
        return str(value)
    raise NotImplementedError(f"{type(value).__name__} is not plain data")


def read_stored(files: Mapping[str, bytes], name: str, kind: type[T]) -> T:
    """The value of type *kind* in the file *name*.

    Raises:
        BundleError: There is no such file, or it does not hold such a value.
    """
    if name not in files:
        raise BundleError(f"{name} is missing", where="bundle", remedy="fetch the bundle again from the registry")
    try:
        return msgspec.json.decode(files[name], type=kind)
    except (msgspec.MsgspecError, UnicodeDecodeError, RecursionError) as error:
        raise BundleError(f"{name} cannot be read: {error}", where="bundle") from error
