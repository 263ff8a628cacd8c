"""What is built installs as one package, streaming inside it, and brings all its files."""

from __future__ import annotations

import os
import subprocess
import sys
import sysconfig
import tarfile
import venv
import zipfile
from pathlib import Path

import pytest
from filelock import FileLock

pytestmark = pytest.mark.xdist_group("wheel")

ROOT = Path(__file__).resolve().parent.parent
EMPTY = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


@pytest.fixture(scope="module")
def built(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the sdist, and the wheel out of the sdist, as a release does."""
    folder = tmp_path_factory.mktemp("dist")
    command = [sys.executable, "-m", "build", "--no-isolation", "--outdir", str(folder), str(ROOT)]
    # Another process of tests may build as well, and both would in the same folder of the checkout.
    with FileLock(tmp_path_factory.getbasetemp().parent / "build.lock"):
        done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder


def test_the_wheel_holds_every_module_and_no_global_streaming(built: Path) -> None:
    (wheel,) = built.glob("*.whl")
    names = zipfile.ZipFile(wheel).namelist()
    modules = {name for name in names if not name.startswith("lstmwidgets-")}
    expected = {
        str(path.relative_to(ROOT))
        for path in [*ROOT.glob("lstmwidgets/**/*.py"), *ROOT.glob("lstmwidgets/streaming/**/*.py")]
    }
    pages = {
        str(path.relative_to(ROOT))
        for pattern in ("*.js", "*.css")
        for path in ROOT.glob(f"lstmwidgets/*/{pattern}")
    }
    assert modules == expected | pages | {"lstmwidgets/py.typed"}
    assert "lstmwidgets/streaming/cli.py" in modules


def test_the_sdist_holds_streaming_as_files(built: Path) -> None:
    (sdist,) = built.glob("*.tar.gz")
    with tarfile.open(sdist) as archive:
        streaming = [m for m in archive.getmembers() if "/lstmwidgets/streaming/" in m.name]
    assert any(member.name.endswith("/runner.py") for member in streaming)
    assert all(member.isfile() or member.isdir() for member in streaming)


def test_the_wheel_imports_and_runs_in_an_empty_environment(built: Path, tmp_path: Path) -> None:
    """Dependencies come by a path entry, which leaves this checkout's own install inactive."""
    environment = tmp_path / "environment"
    venv.create(environment, with_pip=False)
    python = environment / "bin" / "python"
    (wheel,) = built.glob("*.whl")
    site = subprocess.run(
        [python, "-c", "import sysconfig; print(sysconfig.get_path('purelib'))"],
        check=True,
        capture_output=True,
        text=True,
    ).stdout.strip()
    subprocess.run(
        [sys.executable, "-m", "pip", "--python", python, "install", "--no-deps", "--quiet", wheel],
        check=True,
        env=EMPTY,
    )
    (Path(site) / "dependencies.pth").write_text(sysconfig.get_path("purelib") + "\n")
    script = (
        "import importlib.util, lstmwidgets, lstmwidgets.streaming as s\n"
        "assert importlib.util.find_spec('streaming') is None\n"
        f"assert s.__file__.startswith({site!r}), s.__file__\n"
        "print(lstmwidgets.LSTM(2, 3).stepper().step([1.0, 2.0]).shape)"
    )
    done = subprocess.run(
        [python, "-c", script], check=True, capture_output=True, text=True, cwd=tmp_path, env=EMPTY
    )
    assert done.stdout == "(3,)\n"
    command = environment / "bin" / "lstmwidgets"
    done = subprocess.run([command, "--version"], check=True, capture_output=True, text=True)
    assert done.stdout.startswith("lstmwidgets ")
