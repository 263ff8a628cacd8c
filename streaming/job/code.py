"""Models that a user's own code makes: ``module:name`` or ``file.py:name``."""

from __future__ import annotations

import importlib
import importlib.util
import re
import sys
from pathlib import Path
from types import ModuleType
from typing import Any, NamedTuple
from zlib import crc32

from ..errors import StreamError

CODE = re.compile(r"(?P<place>.+):(?P<name>[^\W\d]\w*(\.[^\W\d]\w*)*)")
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)*")


class Code(NamedTuple):
    """Where a model is made.

    Attributes
    ----------
    place : str
        A module's name, or the path of a file that ends with ``.py``.
    name : str
        What is in it: an estimator, its class, or a function that returns one.
    """

    place: str
    name: str


def code_of(name: str) -> Code | None:
    """Return the code that a name stands for; None of a file with a model.

    Examples
    --------
    >>> code_of("models.py:flow"), code_of("shop.models:flow"), code_of("model.safetensors")
    (Code(place='models.py', name='flow'), Code(place='shop.models', name='flow'), None)
    """
    found = CODE.fullmatch(name)
    if found is None:
        return None
    place = found["place"]
    if place.endswith(".py") or (MODULE.fullmatch(place) and not Path(name).exists()):
        return Code(place, found["name"])
    return None


def model_by(code: Code) -> Any:
    """Run code, and return the model that it makes.

    Raises
    ------
    StreamError
        If there is no such code, or what it makes is no model.
    """
    module = _module(code.place)
    made: Any = module
    for part in code.name.split("."):
        if not hasattr(made, part):
            names = [name for name in vars(module) if not name.startswith("_")]
            raise StreamError(
                f"there is no {code.name!r} in {code.place}; it has {', '.join(names) or 'nothing'}"
            )
        made = getattr(made, part)
    is_model = hasattr(made, "learn_one") and not isinstance(made, type)
    if not is_model and callable(made):
        try:
            made = made()
        except TypeError as error:
            raise StreamError(
                f"{code.place}:{code.name} could not be called without arguments: {error}; name a "
                "function that takes none"
            ) from error
    return made


def file_of(code: Code) -> Path | None:
    """Return the file that code is in, if it is in one."""
    if code.place.endswith(".py"):
        return Path(code.place)
    found = sys.modules.get(code.place)
    name = getattr(found, "__file__", None)
    return None if name is None else Path(name)


def _module(place: str) -> ModuleType:
    """Import a module, or a file as one; its neighbours can be imported as well."""
    is_file = place.endswith(".py")
    folder = str(Path(place).parent.resolve() if is_file else Path().resolve())
    if folder not in sys.path:
        sys.path.insert(0, folder)
    if is_file:
        return _module_in(place)
    try:
        return importlib.import_module(place)
    except ModuleNotFoundError as error:
        raise StreamError(
            f"there is no module {error.name!r} to import {place} from; name a file.py, or start "
            "in the folder that it is in"
        ) from error


def _module_in(place: str) -> ModuleType:
    """Import a file by a name of its own, by which what it makes can be pickled."""
    path = Path(place).resolve()
    if not path.is_file():
        raise StreamError(f"cannot read {place}: No such file or directory")
    name = f"lstmwidgets_{path.stem}_{crc32(place.encode()):08x}"
    known = sys.modules.get(name)
    if known is not None and known.__file__ == str(path):
        return known
    spec = importlib.util.spec_from_file_location(name, path)
    if spec is None or spec.loader is None:
        raise StreamError(f"{place} cannot be imported")
    module = sys.modules[name] = importlib.util.module_from_spec(spec)
    try:
        spec.loader.exec_module(module)
    except BaseException:
        del sys.modules[name]
        raise
    return module
