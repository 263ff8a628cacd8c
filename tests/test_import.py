"""Importing is light, what is exported is documented, and kernels compile wherever they can."""

from __future__ import annotations

import inspect
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from numba import njit
from numpy.typing import NDArray

import lstmwidgets
from lstmwidgets.kernels import activations
from lstmwidgets.kernels.compiled import OPTIONS

Array = NDArray[Any]
Apply = Callable[[Array], Array]


def run(script: str, **environment: str) -> str:
    """Run a script in a Python of its own, where every warning is an error; return its output."""
    done = subprocess.run(
        [sys.executable, "-P", "-W", "error", "-c", script],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


# --- importing --------------------------------------------------------------------------------


HEAVY = {"IPython", "anywidget", "bokeh", "ipywidgets", "lightning", "matplotlib", "pandas"}
HEAVY |= {
    "confluent_kafka",
    "onnx",
    "onnxruntime",
    "pyarrow",
    "pyspark",
    "redis",
    "sklearn",
    "tornado",
}


def packages(modules: str) -> set[str]:
    """Return the packages of modules whose names come with spaces between."""
    return {name.partition(".")[0] for name in modules.split()}


def test_importing_brings_nothing_heavy() -> None:
    brought = packages(run("import sys, lstmwidgets; print(*sys.modules)"))

    assert "lstmwidgets" in brought
    assert not brought & (HEAVY | {"llvmlite", "msgspec", "numba", "numpy", "rich", "river"})
    assert not brought & {"scipy", "torch", "typer"}


def test_what_trains_brings_torch_and_numpy_and_nothing_heavy() -> None:
    script = """
import sys
import numpy, torch
before = set(sys.modules)
from lstmwidgets import *
print(*set(sys.modules) - before)
"""
    brought = packages(run(script))

    assert "lstmwidgets" in brought
    assert not brought & (HEAVY | {"llvmlite", "msgspec", "numba", "rich", "river", "scipy"})


def test_modules_of_what_is_exported_can_be_reached() -> None:
    script = """
import lstmwidgets
assert lstmwidgets.training.fit is lstmwidgets.fit
assert not hasattr(lstmwidgets, "nothing")
assert {"LSTM", "fit", "__version__"} <= set(dir(lstmwidgets))
"""
    run(script)


def test_the_command_answers_before_torch_and_numba_are_there() -> None:
    brought = packages(run("import sys, lstmwidgets.streaming.cli; print(*sys.modules)"))

    assert not brought & (HEAVY | {"numba", "numpy", "river", "scipy", "torch"})


def test_a_job_does_without_what_only_others_need(tmp_path: Path) -> None:
    script = f"""
import atexit, sys
from lstmwidgets.streaming.cli import main
atexit.register(lambda: print("modules:", *sys.modules))
sys.argv = ["lstmwidgets", "stream", "river:WaterFlow", "--report", {str(tmp_path / "r.html")!r}]
main()
"""
    modules = run(script).partition("modules:")[2]

    # Bokeh draws the report, and Numba needs SciPy's linear algebra.
    assert not packages(modules) & (HEAVY - {"bokeh"})
    others = {
        "lstmwidgets.streaming.pictures.live_server",
        "lstmwidgets.training",
        "river.datasets",
    }
    others |= {"river.metrics", "river.stream", "scipy.io", "scipy.sparse", "scipy.stats"}
    assert not set(modules.split()) & others


def test_numba_comes_with_the_first_compiled_stepper() -> None:
    script = """
import sys
from lstmwidgets import LSTM
lstm = LSTM(2, 3)
lstm.step(lstm.weight_ih_l0[:1])
assert "numba" not in sys.modules
lstm.stepper()
assert "numba" in sys.modules
"""
    run(script)


def test_what_is_exported_is_sorted_and_each_name_exists_once() -> None:
    def constants_classes_functions(name: str) -> tuple[int, str]:
        return (0 if name.isupper() else 1 if name[0].isupper() else 2), name

    names = lstmwidgets.__all__
    assert names == sorted(names, key=constants_classes_functions)
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", lstmwidgets.__all__)
def test_what_is_exported_is_documented(name: str) -> None:
    exported = getattr(lstmwidgets, name)
    own = vars(exported).get("__doc__") if inspect.isclass(exported) else exported.__doc__

    assert own
    assert not own.startswith(f"{name}(")  # what a named tuple writes about itself
    if inspect.isclass(exported):
        public = {n: v for n, v in vars(exported).items() if not n.startswith("_")}
        for member in public.values():
            if inspect.isfunction(member) or isinstance(member, property):
                assert member.__doc__, f"{name}: {member}"


# --- compiling --------------------------------------------------------------------------------

SMALL_KERNEL = """
import numpy as np
import lstmwidgets
from lstmwidgets.kernels.embeddings import learn_rows as small
zeros = np.zeros((1, 1), np.float32), np.zeros((1, 2, 1), np.float32), np.zeros(1, np.int64)
errors, pace = np.ones((1, 1), np.float32), np.ones(1, np.float32)
small(1, np.zeros(5), 1.0, *zeros, np.zeros(1, np.int64), errors, pace)
assert zeros[2][0] == 1
"""


def test_machine_code_is_kept_on_disk_and_found_again(tmp_path: Path) -> None:
    report = """
stats = small.stats
print(sum(stats.cache_hits.values()), sum(stats.cache_misses.values()))
print(stats.cache_path)
"""
    first = run(SMALL_KERNEL + report, NUMBA_CACHE_DIR=str(tmp_path)).split()
    kept = {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")}
    second = run(SMALL_KERNEL + report, NUMBA_CACHE_DIR=str(tmp_path)).split()

    assert {path.suffix for path in kept} == {".nbc", ".nbi"}
    assert first[:2] == ["0", "1"]
    assert second[:2] == ["1", "0"]
    assert {path: path.stat().st_mtime_ns for path in tmp_path.rglob("*.nb?")} == kept
    assert all(Path(folder).parent == tmp_path for folder in first[2:])


def test_kernels_work_where_no_folder_can_be_written(tmp_path: Path) -> None:
    # Root may write anywhere, but not even root can make a folder where a file lies.
    package = tmp_path / "lstmwidgets"
    original = Path(lstmwidgets.__file__).parent
    shutil.copytree(original, package, ignore=shutil.ignore_patterns("__pycache__"))
    blocked = tmp_path / "blocked"
    blocked.touch()
    (package / "kernels" / "__pycache__").touch()
    environment = {
        "PYTHONPATH": str(tmp_path),
        "NUMBA_CACHE_DIR": str(blocked / "numba"),
        "XDG_CACHE_HOME": str(blocked / "cache"),
        "HOME": str(blocked / "home"),
    }
    cannot_cache = """
print(lstmwidgets.__file__)
print(small.stats.cache_path)
from lstmwidgets.kernels import activations
from numba import njit
try:
    njit(cache=True)(activations.exp)
except RuntimeError as error:
    assert "cannot cache function" in str(error), error
else:
    raise AssertionError("this test shuts no cache folder")
"""

    output = run(SMALL_KERNEL + cannot_cache, **environment)

    assert output.split() == [str(package / "__init__.py"), "None"]
    assert not list(tmp_path.rglob("*.nb?"))


# --- activations ------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def kernels() -> dict[str, Apply]:
    """σ, tanh and exp as the kernels compile them, over arrays."""
    sigmoid, tanh, exp = activations.sigmoid, activations.tanh, activations.exp

    @njit(**OPTIONS | {"_nrt": True})
    def sigmoids(x: Array) -> Array:
        y = np.empty_like(x)
        for k in range(x.shape[0]):
            y[k] = sigmoid(x[k])
        return y

    @njit(**OPTIONS | {"_nrt": True})
    def tanhs(x: Array) -> Array:
        y = np.empty_like(x)
        for k in range(x.shape[0]):
            y[k] = tanh(x[k])
        return y

    @njit(**OPTIONS | {"_nrt": True})
    def exps(x: Array) -> Array:
        y = np.empty_like(x)
        for k in range(x.shape[0]):
            y[k] = exp(x[k])
        return y

    return {"sigmoid": sigmoids, "tanh": tanhs, "exp": exps}


ORACLE: dict[str, Apply] = {
    "sigmoid": lambda x: 0.5 + 0.5 * np.tanh(x / 2),
    "tanh": np.tanh,
    "exp": np.exp,
}
WITHIN = {np.float32: 2e-7, np.float64: 1e-15}

every_format = pytest.mark.parametrize("real", WITHIN)
every_gate = pytest.mark.parametrize("name", ["sigmoid", "tanh"])


def numbers(real: type[np.floating[Any]]) -> Array:
    """Return finite numbers of all sizes, the ordinary ones densely."""
    limits = np.finfo(real)
    sizes = np.geomspace(float(limits.tiny), float(limits.max) / 2, 20_000)
    special = np.array([0, limits.smallest_subnormal, limits.max, 87, 88, 104, 708, 709, 746])
    dense = np.linspace(-50, 50, 1_000_001)
    return np.concatenate([dense, sizes, -sizes, special, -special]).astype(real)


@every_gate
@every_format
def test_activations_are_those_of_numpy(
    kernels: dict[str, Apply], name: str, real: type[np.floating[Any]]
) -> None:
    x = numbers(real)

    y = kernels[name](x)

    assert y.dtype == real
    errors = np.abs(y.astype(np.float64) - ORACLE[name](x.astype(np.float64)))
    assert errors.max() <= WITHIN[real]


@every_format
def test_exp_is_that_of_numpy_between_its_bounds(
    kernels: dict[str, Apply], real: type[np.floating[Any]]
) -> None:
    bound = 87 if real is np.float32 else 708
    x = np.linspace(-bound, bound, 1_000_001).astype(real)

    y = kernels["exp"](x).astype(np.float64)

    relative = np.abs(y / np.exp(x.astype(np.float64)) - 1)
    assert relative.max() <= 2 * WITHIN[real]
    beyond = np.array([bound + 1, np.inf, np.finfo(real).max], real)
    assert np.array_equal(kernels["exp"](beyond), kernels["exp"](np.full(3, bound, real)))


@every_gate
@every_format
def test_activations_saturate_and_keep_nan(
    kernels: dict[str, Apply], name: str, real: type[np.floating[Any]]
) -> None:
    low, high = {"sigmoid": (0, 1), "tanh": (-1, 1)}[name]
    x = np.array([-np.inf, np.inf, np.nan, -np.nan] * 8, real)  # enough to run in vectors too

    y = kernels[name](x).reshape(8, 4)

    assert np.abs(y[:, 0] - low).max() <= WITHIN[real]
    assert (y[:, 1] == high).all()
    assert np.isnan(y[:, 2:]).all()
    every = kernels[name](numbers(real))
    assert low <= every.min() <= every.max() <= high


@pytest.mark.parametrize("real", [np.float32, np.float64])
def test_activations_are_in_python_what_they_are_in_kernels(real: Any) -> None:
    functions = {
        activations.exp: np.exp,
        activations.sigmoid: lambda x: 1 / (1 + np.exp(-x)),
        activations.tanh: np.tanh,
    }
    for function, true in functions.items():
        for x in np.linspace(-9, 9, 37, dtype=real):
            assert function(x).dtype == real
            np.testing.assert_allclose(function(x), true(np.float64(x)), rtol=8e-7, atol=2e-7)


def test_importing_costs_little_beside_torch() -> None:
    """Below a tenth of the processor's time for PyTorch and NumPy, where a fiftieth is usual."""
    script = """
from time import process_time
begin = process_time()
import torch, numpy
middle = process_time()
from lstmwidgets import *
print((process_time() - middle) / (middle - begin))
"""
    assert min(float(run(script)) for _ in range(2)) < 0.1
