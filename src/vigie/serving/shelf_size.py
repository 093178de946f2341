"""How much memory an object holds, as far as Python can see it.

Everything reachable is added up once. What belongs to the program and not to the object is left out: modules, classes,
the globals of functions. Memory of compiled libraries is not visible; whoever knows it adds it.
"""

from __future__ import annotations

import gc
import sys
from types import BuiltinFunctionType, CodeType, FrameType, FunctionType, MethodType, ModuleType
from typing import Any

_PROGRAM = (type, ModuleType, CodeType, FrameType, BuiltinFunctionType)


def bytes_of(root: Any) -> int:
    """Bytes of *root* and of all that it alone leads to; an array's memory counts where it is owned."""
    seen: set[int] = set()
    waiting: list[Any] = [root]
    total = 0
    while waiting:
        one = waiting.pop()
        if id(one) in seen or isinstance(one, _PROGRAM):
            continue
        seen.add(id(one))
        total += sys.getsizeof(one)
        if isinstance(one, FunctionType):
            # Its globals are the module's.
            waiting += [one.__closure__, one.__defaults__, one.__kwdefaults__, one.__dict__]
        elif isinstance(one, MethodType):
            waiting.append(one.__self__)
        else:
            waiting += gc.get_referents(one)
            base = getattr(one, "base", None) if type(one).__module__ == "numpy" else None
            if base is not None:
                waiting.append(base)
    return total
