"""What packages say that they hold, and what their docstrings say of it."""

import importlib
import inspect
import pkgutil
import re
from collections.abc import Iterator
from inspect import Parameter
from typing import Any

import pytest

import lstmwidgets

PACKAGES = [
    "lstmwidgets",
    *(
        f"lstmwidgets.{module.name}"
        for module in pkgutil.iter_modules(lstmwidgets.__path__)
        if module.ispkg and module.name != "kernels"  # its users are the packages beside it
    ),
]

MADE_INSIDE = (BaseException, tuple)
"""Users get these and do not make them."""


def public(package: str) -> Iterator[tuple[str, Any]]:
    module = importlib.import_module(package)
    for name in getattr(module, "__all__", ()):
        yield name, getattr(module, name)


@pytest.mark.parametrize("package", PACKAGES)
def test_a_package_lists_what_it_holds(package: str) -> None:
    module = importlib.import_module(package)
    listed = list(module.__all__)
    assert listed == sorted(set(listed), key=listed.index)
    held = {
        name
        for name, value in vars(module).items()
        if not name.startswith("_")
        and not inspect.ismodule(value)
        and getattr(value, "__module__", "").startswith(package)
    }
    assert held <= {*listed, "TYPE_CHECKING"}
    for name in listed:
        assert getattr(module, name) is not None
        assert name in dir(module)


def described(value: Any) -> set[str]:
    """Return the names that a docstring has under Parameters and Attributes."""
    doc = inspect.getdoc(value) or ""
    sections = re.findall(r"^(?:Parameters|Attributes)\n-+\n((?:.|\n)*?)(?=\n\n\w|\Z)", doc, re.M)
    lines = re.findall(r"^(\S.*?)(?: :.*)?$", "\n".join(sections), re.M)
    return {name.strip(" *") for line in lines for name in line.split(",")}


@pytest.mark.parametrize(
    ("package", "name"), [(package, name) for package in PACKAGES for name, _ in public(package)]
)
def test_every_parameter_is_described_in_place(package: str, name: str) -> None:
    value = dict(public(package))[name]
    if not callable(value) or (isinstance(value, type) and issubclass(value, MADE_INSIDE)):
        return
    assert inspect.getdoc(value)
    named = {Parameter.POSITIONAL_OR_KEYWORD, Parameter.KEYWORD_ONLY}
    parameters = inspect.signature(value).parameters.values()
    wanted = {each.name for each in parameters if each.kind in named}
    assert wanted <= described(value)
