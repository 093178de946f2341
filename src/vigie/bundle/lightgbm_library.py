"""LightGBM's compiled library, called directly: its Python package would bring SciPy, scikit-learn and pandas along."""

from __future__ import annotations

import contextlib
import ctypes
import importlib.util
import sys
import threading
import weakref
from collections.abc import Callable, Iterator
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from vigie.economics.payoff import Array
from vigie.errors import BundleError

FLOAT32, FLOAT64 = 0, 1
_NORMAL, _CONTRIBUTIONS = 0, 3
_SINGLE_THREADED_ROWS = 2_000
"""Below, starting threads costs more than they save."""


_here = threading.local()


@contextlib.contextmanager
def one_thread_each() -> Iterator[None]:
    """In this thread, trees are read by one thread: for callers that occupy all processors with batches of their own."""
    before = getattr(_here, "alone", False)
    _here.alone = True
    try:
        yield
    finally:
        _here.alone = before


@cache
def _library_file() -> Path:
    spec = importlib.util.find_spec("lightgbm")
    folder = Path(spec.origin).parent if spec is not None and spec.origin is not None else None
    suffix = ".dylib" if sys.platform == "darwin" else ".so"
    for place in () if folder is None else (folder / "lib", folder, folder.parent / "lightgbm.libs"):
        if (place / f"lib_lightgbm{suffix}").is_file():
            return place / f"lib_lightgbm{suffix}"
    raise BundleError(
        "LightGBM's library is not installed, and this bundle's model is a set of trees",
        where="model",
        remedy="pip install lightgbm",
    )


@cache
def _library() -> ctypes.CDLL:
    """The library as called for long work: other threads run meanwhile."""
    try:
        library = ctypes.CDLL(str(_library_file()))
    except OSError as error:
        raise BundleError(
            f"LightGBM's library cannot be loaded: {error}",
            where="model",
            remedy="install the system's OpenMP runtime (libgomp1, or libomp on a Mac)",
        ) from error
    library.LGBM_GetLastError.restype = ctypes.c_char_p
    return library


@cache
def _quick_library() -> ctypes.PyDLL:
    """The library as called for one row: giving the interpreter away and waiting for it again would take longer."""
    _library()
    return ctypes.PyDLL(str(_library_file()))


def _call(function: str, *arguments: Any) -> None:
    library = _library()
    if getattr(library, function)(*arguments) != 0:
        message = library.LGBM_GetLastError().decode(errors="replace")
        raise BundleError(f"LightGBM: {message}", where="model")


class Booster:
    """A loaded set of trees. Frees its memory when nobody holds it any more.

    Args:
        text: LightGBM's text format, checked: LightGBM itself does not notice every damage.
        dtype: :data:`FLOAT64`, or :data:`FLOAT32` to round inputs as scikit-learn's forests do.

    Raises:
        BundleError: LightGBM cannot read the text.
    """

    def __init__(self, text: bytes, dtype: int) -> None:
        self._dtype = dtype
        self._handle = ctypes.c_void_p()
        iterations = ctypes.c_int()
        _call(
            "LGBM_BoosterLoadModelFromString",
            ctypes.c_char_p(text),
            ctypes.byref(iterations),
            ctypes.byref(self._handle),
        )
        weakref.finalize(self, _free_booster, self._handle)
        width, classes = ctypes.c_int(), ctypes.c_int()
        _call("LGBM_BoosterGetNumFeature", self._handle, ctypes.byref(width))
        _call("LGBM_BoosterGetNumClasses", self._handle, ctypes.byref(classes))
        self.width, self.classes, self.trees = width.value, classes.value, iterations.value

    def predict(self, X: Array) -> Array:
        """One number a row, shape (n,).

        Args:
            X: float64 of shape (n, width).
        """
        return self._predict(X, _NORMAL, np.empty(len(X)))

    def contributions(self, X: Array) -> Array:
        """What each column adds to the sum over the trees, shape (n, width + 1), the base last (Lundberg et al. 2018)."""
        return self._predict(X, _CONTRIBUTIONS, np.empty((len(X), self.width + 1)))

    def _predict(self, X: Array, what: int, out: Array) -> Array:
        matrix = np.ascontiguousarray(X, dtype=np.float32 if self._dtype == FLOAT32 else np.float64)
        length = ctypes.c_int64()
        if not len(matrix):
            return out
        threads = "num_threads=1" if len(matrix) < _SINGLE_THREADED_ROWS or getattr(_here, "alone", False) else ""
        _call(
            "LGBM_BoosterPredictForMat",
            self._handle,
            matrix.ctypes.data_as(ctypes.c_void_p),
            ctypes.c_int(self._dtype),
            ctypes.c_int32(matrix.shape[0]),
            ctypes.c_int32(matrix.shape[1]),
            ctypes.c_int(1),
            ctypes.c_int(what),
            ctypes.c_int(0),
            ctypes.c_int(-1),
            ctypes.c_char_p(threads.encode()),
            ctypes.byref(length),
            out.ctypes.data_as(ctypes.POINTER(ctypes.c_double)),
        )
        return out

    def row(self) -> Callable[[bytes], float]:
        """A function from one packed row to its number; rows of several threads do not disturb each other."""
        prepared = ctypes.c_void_p()
        _call(
            "LGBM_BoosterPredictForMatSingleRowFastInit",
            self._handle,
            ctypes.c_int(_NORMAL),
            ctypes.c_int(0),
            ctypes.c_int(-1),
            ctypes.c_int(self._dtype),
            ctypes.c_int32(self.width),
            ctypes.c_char_p(b"num_threads=1"),
            ctypes.byref(prepared),
        )
        predict = _quick_library()["LGBM_BoosterPredictForMatSingleRowFast"]
        predict.argtypes = [ctypes.c_void_p, ctypes.c_char_p, ctypes.c_void_p, ctypes.c_void_p]
        predict.restype = ctypes.c_int
        length = ctypes.c_int64()
        length_at = ctypes.addressof(length)

        def one(packed: bytes) -> float:
            out = ctypes.c_double()
            if predict(prepared, packed, length_at, ctypes.byref(out)) != 0:
                message = _library().LGBM_GetLastError().decode(errors="replace")
                raise BundleError(f"LightGBM: {message}", where="model")
            return out.value

        # The prepared call and the length live as long as the function, the booster at least as long as both.
        one.__dict__["keeps"] = (self, length)
        weakref.finalize(one, _free_prepared, prepared)
        return one


def _free_booster(handle: ctypes.c_void_p) -> None:
    _library().LGBM_BoosterFree(handle)


def _free_prepared(handle: ctypes.c_void_p) -> None:
    _library().LGBM_FastConfigFree(handle)
