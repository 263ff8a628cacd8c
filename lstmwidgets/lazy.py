"""Names of a package that are imported when they are first used."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from importlib import import_module
from typing import Any


def lazily(package: str, modules: Mapping[str, str]) -> Callable[[str], Any]:
    """Return a package's ``__getattr__``, which brings names and modules when they are asked for.

    Parameters
    ----------
    package : str
        The package's ``__name__``.
    modules : mapping of str to str
        For each name the module of the package that defines it.

    Examples
    --------
    >>> get = lazily("lstmwidgets", {"LSTM": "lstm"})
    >>> get("LSTM").__module__, get("lstm").__name__
    ('lstmwidgets.lstm', 'lstmwidgets.lstm')
    >>> get("LSMT")
    Traceback (most recent call last):
    AttributeError: module 'lstmwidgets' has no attribute 'LSMT'
    """
    submodules = set(modules.values())

    def get(name: str) -> Any:
        if name in modules:
            return getattr(import_module(f".{modules[name]}", package), name)
        if name in submodules:
            return import_module(f".{name}", package)
        raise AttributeError(f"module {package!r} has no attribute {name!r}")

    return get
