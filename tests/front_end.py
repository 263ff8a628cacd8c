"""Notebook front ends on this machine, as after a fresh installation.

The server of JupyterLab serves Notebook 7 as well.
"""

from __future__ import annotations

import ctypes
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from textwrap import indent
from time import monotonic, sleep
from typing import Literal
from urllib.error import URLError
from urllib.request import ProxyHandler, Request, build_opener

import nbformat

SETTINGS = {  # without it Lab asks on the net for news, and the user whether it may
    "@jupyterlab/apputils-extension/notification": {"fetchNews": "false", "checkForUpdates": False}
}
local = build_opener(ProxyHandler({}))  # whatever proxy the environment names, it is not for this


@dataclass(frozen=True)
class Server:
    """A running front end: where it listens, and the folder of notebooks that it serves."""

    url: str
    folder: Path

    def end_kernels(self) -> None:
        """End what notebooks left running; Lab only."""
        with local.open(f"{self.url}/api/kernels") as answer:
            kernels = json.load(answer)
        for kernel in kernels:
            url = f"{self.url}/api/kernels/{kernel['id']}"
            local.open(Request(url, method="DELETE")).close()


@contextmanager
def front_end(
    kind: Literal["lab", "voila", "marimo"], notebooks: Path | None = None
) -> Iterator[Server]:
    """Serve a copy of a folder of notebooks, as a user would who has just installed everything."""
    with TemporaryDirectory(ignore_cleanup_errors=True) as name:
        home = Path(name)
        folder = home / "notebooks"
        shutil.copytree(notebooks, folder) if notebooks else folder.mkdir()
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = probe.getsockname()[1]
        log = home / "log"
        with log.open("wb") as output:
            process = subprocess.Popen(
                _command(kind, folder, port),
                cwd=folder,
                env=_environment(home),
                stdout=output,
                stderr=output,
                start_new_session=True,
                preexec_fn=_end_with_us if sys.platform == "linux" else None,
            )
        try:
            server = Server(f"http://127.0.0.1:{port}", folder)
            _wait_for(server.url + ("/api/status" if kind == "lab" else "/"), process, log)
            yield server
        finally:
            _end(process)


def _command(kind: str, folder: Path, port: int) -> list[str]:
    options = ["--no-browser", f"--port={port}"]
    if kind == "marimo":
        options = ["edit", "--headless", "--host=127.0.0.1", f"--port={port}", "--no-token"]
        return [sys.executable, "-m", "marimo", *options, "--skip-update-check", str(folder)]
    if kind == "lab":
        options += ["--expose-app-in-browser", "--allow-root", f"--ServerApp.root_dir={folder}"]
        options += ["--JupyterNotebookApp.expose_app_in_browser=True"]
        options += ["--ServerApp.ip=127.0.0.1", "--IdentityProvider.token="]
        options += ["--ServerApp.disable_check_xsrf=True"]  # so that we can end kernels
        return [sys.executable, "-m", "jupyterlab", *options]
    options += ["--Voila.ip=127.0.0.1", "--show_tracebacks=True", str(folder)]
    return [sys.executable, "-m", "voila", *options]


def _end_with_us() -> None:
    """Ask Linux to end the server when we end, however that happens."""
    ctypes.CDLL(None).prctl(1, signal.SIGTERM)  # PR_SET_PDEATHSIG


def _environment(home: Path) -> dict[str, str]:
    """Return what keeps the user's settings, history and kernels out, and each kernel on a core."""
    for name, values in SETTINGS.items():
        path = home / "settings" / f"{name}.jupyterlab-settings"
        path.parent.mkdir(parents=True)
        path.write_text(json.dumps(values))
    marimo = home / "config" / "marimo" / "marimo.toml"
    marimo.parent.mkdir(parents=True)
    marimo.write_text("[runtime]\nauto_instantiate = true\n")
    places = {
        "JUPYTER_CONFIG_DIR": "config",
        "JUPYTER_DATA_DIR": "data",
        "JUPYTER_RUNTIME_DIR": "runtime",
        "JUPYTERLAB_SETTINGS_DIR": "settings",
        "JUPYTERLAB_WORKSPACES_DIR": "workspaces",
        "IPYTHONDIR": "ipython",
        "XDG_CONFIG_HOME": "config",  # of marimo
        "XDG_STATE_HOME": "runtime",
    }
    threads = ("OMP_NUM_THREADS", "OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS")
    return {
        **os.environ,
        **{variable: str(home / place) for variable, place in places.items()},
        **dict.fromkeys(threads, "1"),
        "JUPYTER_PREFER_ENV_PATH": "1",
        "JUPYTER_PLATFORM_DIRS": "1",
    }


def _wait_for(url: str, process: subprocess.Popen[bytes], log: Path) -> None:
    deadline = monotonic() + 90
    while monotonic() < deadline and process.poll() is None:
        try:
            local.open(url, timeout=5).close()
        except (URLError, OSError):
            sleep(0.2)
        else:
            return
    raise RuntimeError(f"{url} did not start:\n{log.read_text()[-3000:]}")


def _end(process: subprocess.Popen[bytes]) -> None:
    """Let a server end its kernels and itself."""
    if process.poll() is None:
        os.killpg(process.pid, signal.SIGTERM)
    try:
        process.wait(10)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()


def write_marimo(path: Path, cells: Sequence[str]) -> None:
    """Write a notebook for marimo, which runs it when it is opened."""
    app = [f"@app.cell\ndef _():\n{indent(cell.strip(), '    ')}\n    return\n" for cell in cells]
    path.write_text("\n".join(["import marimo\n\napp = marimo.App(width='full')\n", *app]))


def write_notebook(path: Path, cells: Sequence[str]) -> None:
    """Write a notebook of code cells."""
    notebook = nbformat.v4.new_notebook(
        metadata={"kernelspec": {"name": "python3", "display_name": "Python 3"}},
        cells=[nbformat.v4.new_code_cell(cell) for cell in cells],
    )
    nbformat.write(notebook, path)
