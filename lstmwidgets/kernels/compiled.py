"""How kernels are compiled, and what of it is kept on disk."""

from __future__ import annotations

import gc
import re
import sys
from collections.abc import Callable
from hashlib import sha256
from pathlib import Path
from time import perf_counter
from typing import Any, TypeVar

from numba import config, njit
from numba.core import event
from numba.extending import register_jitable

from . import COMPILING

_COMPILES = not getattr(config, "DISABLE_JIT")  # noqa: B009  # made while Numba is imported

Function = TypeVar("Function", bound=Callable[..., Any])

OPTIONS: Any = {
    # Fused multiply-add changes results by less than a rounding; reordering sums is not allowed, so
    # that a stream's numbers do not depend on which other streams are stepped beside it.
    "fastmath": {"contract", "nsz", "arcp"},
    # Python's check for a zero divisor would keep every loop with a division from vectorising.
    "error_model": "numpy",
    # Kernels allocate nothing: without reference counts an array argument costs a third.
    "_nrt": False,
    "no_cfunc_wrapper": True,
}


INSIDE = OPTIONS | {"no_cpython_wrapper": True}
"""Of what only compiled code calls."""


def compiled(function: Function) -> Function:
    """Compile what kernels call, as part of each of them."""
    made: Function = njit(**INSIDE)(function)
    return made


def inlined(function: Function) -> Function:
    """Compile a function as lines of those that call it; what constants rule out is left away.

    For what needs constants, and for what does little but call: Numba copies the lines of large
    functions slowly, and optimises small ones anew for every function around them. Constants are
    numbers, globals and what closures have; Numba takes an attribute of a module for a variable.
    """
    made: Function = njit(**INSIDE, inline="always")(function)
    return made


def compiled_sum(function: Function) -> Function:
    """Compile a sum that may be taken in another order, which lets it vectorise."""
    made: Function = njit(**INSIDE | {"fastmath": OPTIONS["fastmath"] | {"reassoc"}})(function)
    return made


def compiled_least(function: Function) -> Function:
    """Compile the search for the least of numbers none of which is NaN, which lets it vectorise."""
    more = {"reassoc", "nnan"}
    made: Function = njit(**INSIDE | {"fastmath": OPTIONS["fastmath"] | more})(function)
    return made


def compiled_strictly(function: Function) -> Function:
    """Compile so that nothing is fused: the numbers do not depend on the kernel it is part of."""
    made: Function = njit(**INSIDE | {"fastmath": False})(function)
    return made


def compiled_too(function: Function) -> Function:
    """Let a function of Python be part of kernels as well."""
    made: Function = register_jitable(**INSIDE)(function)
    return made


def kernel(name: str, *signatures: Any) -> Callable[[Function], Function]:
    """Compile what Python calls, on its first call; keep the machine code on disk if possible.

    Numba looks for ``__pycache__`` beside the source, then for the user's cache folder;
    ``NUMBA_CACHE_DIR`` names another one. With ``NUMBA_DISABLE_JIT=1`` nothing is compiled: slow,
    but a debugger can walk through it.

    Parameters
    ----------
    name : str
        What tells kernels of one function apart that differ in their constants.
    signatures : optional
        Types of arguments that it is compiled for at once; it raises TypeError for all others.
    """

    def decorate(function: Function) -> Function:
        if not _COMPILES:
            return function
        # A part of the cached file's name.
        function.__qualname__ += f"-{name}-{_SOURCES[Path(function.__code__.co_filename)][:12]}"
        try:
            made = njit(cache=True, **OPTIONS)(function)
        except RuntimeError:  # Numba's word for: no folder can be written
            made = njit(**OPTIONS)(function)
        _kernels.add(made)
        for signature in signatures:
            made.compile(signature)
            made.disable_compile()
        result: Function = made
        return result

    return decorate


def _sources(path: Path) -> str:
    """Hash a file of kernels and those that it imports: Numba looks at one function only."""
    text = path.read_bytes()
    found = re.findall(r"^from \.(\w*) import (\w+)", text.decode(), re.MULTILINE)
    paths = [path.with_name(f"{module or name}.py") for module, name in found]
    parts = [_sources(each) for each in paths if each.exists()]
    return sha256(text + "".join(parts).encode()).hexdigest()


class _Watch(event.Listener):
    """Says once that kernels are compiled and not loaded, and how long that takes.

    In the meantime no garbage is looked for: nearly all that Numba makes is in use to the end, and
    looking through it takes an eighth of the time.
    """

    def __init__(self) -> None:
        self._began = 0.0
        self._collecting = True

    def on_start(self, event: Any) -> None:
        """Say so if it is a kernel of ours, the first one that is compiled."""
        if event.data["dispatcher"] in _kernels:
            self._began = perf_counter()
            if not COMPILING.kernels:
                sys.stderr.write(f"{NOTICE}\n")
            COMPILING.kernels += 1
            self._collecting = gc.isenabled()
            gc.disable()

    def on_end(self, event: Any) -> None:
        """Count the seconds."""
        if event.data["dispatcher"] in _kernels:
            COMPILING.seconds += perf_counter() - self._began
            if self._collecting:
                gc.enable()


NOTICE = (
    "lstmwidgets compiles its kernels for this machine, once: some 10 seconds for a model "
    "(ahead for all models: lstmwidgets warmup)"
)

_SOURCES = {path: _sources(path) for path in Path(__file__).parent.glob("*.py")}
_kernels: set[Any] = set()
_register: Callable[[str, event.Listener], None] = event.register
_register("numba:compile", _Watch())
