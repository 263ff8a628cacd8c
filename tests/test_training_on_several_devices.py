"""Several processes train as one does; they stop, fail and go on together."""

from __future__ import annotations

import os
import random
import shutil
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import nbformat
import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st
from nbclient import NotebookClient

from lstmwidgets.training import fit, iter_fit, memory
from lstmwidgets.training.batches import Share
from lstmwidgets.training.random_numbers import RandomNumbers

from .several_processes import BASE, COUNT, GPUS, LONG, OTHERS, SHARED, shared
from .trainings import QUIET, assert_equal, means, model_of, series, weights

ROOT = Path(__file__).resolve().parent.parent
TOO_LONG = 120.0


def command(*arguments: Any, launcher: tuple[str, ...] = ()) -> list[str]:
    start = launcher or (sys.executable,)
    return [*start, "-m", "tests.several_processes", *map(str, arguments)]


def environment() -> dict[str, str]:
    """Return the variables for a script of its own: none of a launcher's."""
    return {**os.environ, "OMP_NUM_THREADS": "1"}


def run(arguments: list[str]) -> None:
    done = subprocess.run(
        arguments, cwd=ROOT, env=environment(), timeout=TOO_LONG, check=False, capture_output=True
    )
    assert done.returncode == 0, done.stderr.decode()


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("both")


@pytest.fixture(scope="module")
def both(folder: Path) -> list[dict[str, Any]]:
    """Return what each of two processes has of all cases."""
    run(command(folder, 2, *SHARED, *(case for case in OTHERS if case != "on gpus"), "resumed"))
    return [torch.load(folder / str(rank), weights_only=False) for rank in range(2)]


@pytest.mark.parametrize("case", SHARED)
def test_two_processes_train_as_one_does(case: str, both: list[dict[str, Any]]) -> None:
    alone = shared(case, 1)

    first, second = (each[case] for each in both)

    assert (first["rank"], second["rank"]) == (0, 1)
    assert first["epochs"] == second["epochs"]
    assert_equal(first["weights"], second["weights"])
    for ours, theirs in zip(first["epochs"], alone["epochs"], strict=True):
        assert ours[:4] == pytest.approx(theirs[:4], rel=1e-4)
        assert ours[4] == theirs[4]
    for name, each in alone["weights"].items():
        torch.testing.assert_close(first["weights"][name], each, rtol=1e-3, atol=1e-4)
    assert alone["epochs"][-1][0] < alone["epochs"][0][0]


def test_every_cell_has_the_same_weights_in_both(both: list[dict[str, Any]]) -> None:
    assert_equal(*(each["every cell"]["weights"] for each in both))


def test_all_stop_where_one_is_told_to(both: list[dict[str, Any]]) -> None:
    first, second = (each["told by one"] for each in both)
    assert (first["stopped"], first["epochs"]) == ("interrupted", 1)
    assert first["batches"] == second["batches"] == 6
    assert_equal(first["weights"], second["weights"])


@pytest.mark.parametrize(
    ("case", "message"),
    [
        ("other data", "process 1 was called with other arguments than process 0: training is '61"),
        ("half empty", "1 of 2 processes got no batch from their DataLoader"),
        ("own sampler", "a DataLoader with a sampler of its own would give all processes the same"),
        ("diverging", "DivergedError: the training loss became"),
    ],
)
def test_what_is_wrong_is_told_in_both(case: str, message: str, both: list[dict[str, Any]]) -> None:
    first, second = (each[case] for each in both)
    assert message in first["error"]
    assert first["error"] == second["error"]
    if case == "diverging":
        assert_equal(first["weights"], second["weights"])


# --- accumulated gradients --------------------------------------------------------------------


@settings(deadline=None, max_examples=30)
@given(
    lengths=st.lists(st.integers(1, 9), min_size=2, max_size=9),
    size=st.integers(2, 9),
    parts=st.integers(2, 9),
    window=st.sampled_from([None, 1, 4]),
    kind=st.sampled_from(["values", "values at steps", "classes", "classes at steps"]),
)
def test_a_batch_in_parts_is_the_batch(
    lengths: list[int], size: int, parts: int, window: int | None, kind: str
) -> None:
    rng = np.random.default_rng(len(lengths))
    data = [rng.normal(size=(n, 2)) for n in lengths]
    at_steps = kind.endswith("steps")
    made: dict[str, Any] = {"pooling": None} if at_steps else {"pooling": "mean"}
    options: dict[str, Any] = {"window": window if at_steps else None}
    if kind.startswith("classes"):
        made |= {"task": "classification", "output_size": 3}
        options |= {"class_weight": [0.0, 1.0, 4.0], "label_smoothing": 0.2}
        labels = iter(rng.permutation(sum(lengths)) % 3)
        targets: Any = [[int(next(labels)) for _ in range(n)] for n in lengths]
        targets[0][0], targets[1][0] = 0, 1
    else:
        targets = [rng.normal(size=n) for n in lengths]
    if not at_steps:
        targets = [each[0] for each in targets]
    found = []
    for accumulate in (1, min(parts, size)):
        model = model_of(input_size=2, dtype=torch.float64, **made)
        if "classes" in kind:
            model.classes = [0, 1, 2]
        epochs = iter_fit(
            model, data, targets, epochs=2, batch_size=size, accumulate=accumulate, lr=0.1,
            optimizer="sgd", device="cpu", seed=1, **options,
        )  # fmt: skip
        losses = [(one.train_loss, one.train_score, one.gradient_norm) for one in epochs]
        found.append((np.array(losses, float), weights(model)))

    np.testing.assert_allclose(found[1][0], found[0][0], rtol=1e-9, atol=1e-12)
    for name, each in found[0][1].items():
        torch.testing.assert_close(found[1][1][name], each, rtol=1e-8, atol=1e-10)


def test_processes_drop_out_other_units_in_the_same_order_of_sequences() -> None:
    drawn = []
    for rank in range(3):
        with RandomNumbers(5, 2, torch.device("cpu"), rank) as numbers:
            drawn.append((torch.rand(4), torch.randperm(20, generator=numbers.generator)))
    assert all(torch.equal(drawn[0][1], order) for _, order in drawn)
    assert len({tuple(units.tolist()) for units, _ in drawn}) == 3


@given(rows=st.integers(1, 30), world=st.integers(1, 5), parts=st.integers(1, 5))
def test_shares_have_every_row_once(rows: int, world: int, parts: int) -> None:
    chosen = torch.arange(rows) * 3
    shares = [Share(rank, world, parts).of(chosen) for rank in range(world)]
    found = [part for share in shares for part in share]
    assert sorted(torch.cat(found).tolist()) == chosen.tolist()
    assert all(0 < len(part) <= Share(0, world, parts).rows(rows) for part in found)
    assert all(len(share) <= parts for share in shares)


def test_a_batch_in_parts_needs_less_memory_than_a_whole_one(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    data = [np.zeros((10_000, 1))] * 4
    monkeypatch.setattr(memory, "free_bytes", lambda device: 2 * 10**7)
    model = model_of(input_size=1, hidden_size=20)
    with pytest.raises(ValueError, match="a batch of 4 as long needs at least"):
        iter_fit(model, data, [0.0] * 4, device="cpu")
    monkeypatch.setattr(memory, "free_bytes", lambda device: 10**7)
    with pytest.raises(ValueError, match="a batch of 2 as long needs at least"):
        iter_fit(model, data, [0.0] * 4, batch_size=4, accumulate=2, device="cpu")


# --- going on ---------------------------------------------------------------------------------


def test_two_go_on_bit_for_bit(both: list[dict[str, Any]]) -> None:
    for each in both:
        assert_equal(each["resumed"]["whole"], each["resumed"]["resumed"])


def test_one_goes_on_where_two_have_been(
    both: list[dict[str, Any]], folder: Path, tmp_path: Path
) -> None:
    path = Path(shutil.copy(folder / "resumed.ckpt", tmp_path))
    data = series(COUNT)
    model = model_of(input_size=2, dropout=0.3)

    result = fit(model, data, means(data), checkpoint=path, **BASE | LONG | QUIET | {"epochs": 5})

    assert len(result.epochs) == 5
    assert result.epochs[-1].train_loss < result.epochs[0].train_loss


@pytest.mark.slow
@pytest.mark.parametrize("whom", ["the first", "the second", "both"])
def test_killed_at_any_moment_they_go_on_bit_for_bit(whom: str, tmp_path: Path) -> None:
    draw = random.Random(whom)
    run(command(tmp_path / "whole", 2, "to be killed"))
    wanted = torch.load(tmp_path / "whole" / "0", weights_only=False)["to be killed"]
    there = tmp_path / "killed"
    kept = there / "to be killed.ckpt"
    for _ in range(3):
        pair = Pair(there)
        pair.wait_for_epoch(kept)
        time.sleep(draw.uniform(0, 0.5))
        pair.kill(whom)
    Pair(there).wait()
    for rank in range(2):
        found = torch.load(there / str(rank), weights_only=False)["to be killed"]
        assert_equal(found, wanted)


class Pair:
    """Two processes that train, as one command starts them."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(exist_ok=True)
        self._folder = folder
        with (folder / "log").open("ab") as log:
            self._first = subprocess.Popen(
                command(folder, 2, "to be killed"),
                cwd=ROOT, env=environment(), stdout=log, stderr=log, start_new_session=True,
            )  # fmt: skip

    @property
    def has_ended(self) -> bool:
        return self._first.poll() is not None

    def wait_for_epoch(self, kept: Path) -> None:
        """Wait until these processes have written a checkpoint."""
        before = kept.stat().st_mtime_ns if kept.exists() else 0
        self.wait_until(lambda: kept.exists() and kept.stat().st_mtime_ns > before)

    def wait(self) -> None:
        assert self._first.wait(TOO_LONG) == 0, (self._folder / "log").read_text()

    def wait_until(self, true: Callable[[], bool]) -> None:
        deadline = time.monotonic() + TOO_LONG
        while not true():
            assert time.monotonic() < deadline, (self._folder / "log").read_text()
            time.sleep(0.01)

    def kill(self, whom: str) -> None:
        """Kill one or both in their midst; return when nothing is left of them."""
        (second,) = self._children()
        assert not self.has_ended, (self._folder / "log").read_text()
        assert not (self._folder / "0").exists()
        if whom != "the second":
            os.kill(self._first.pid, signal.SIGKILL)
        if whom != "the first":
            os.kill(second, signal.SIGKILL)
        self._first.wait(TOO_LONG)
        self.wait_until(lambda: not _is_running(second))

    def _children(self) -> list[int]:
        task = Path(f"/proc/{self._first.pid}/task")
        lists = [each.read_text() for each in task.glob("*/children")]
        return [int(pid) for each in lists for pid in each.split()]


def _is_running(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except FileNotFoundError:
        return False


# --- other ways to begin ----------------------------------------------------------------------


@pytest.mark.slow
def test_two_nodes_train_as_one_does(tmp_path: Path, both: list[dict[str, Any]]) -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    where = ("--master-addr=127.0.0.1", f"--master-port={port}", "--nnodes=2")
    start = (sys.executable, "-m", "torch.distributed.run", *where)
    nodes = [
        subprocess.Popen(
            command(tmp_path, "auto", "numbers", launcher=(*start, f"--node-rank={rank}")),
            cwd=ROOT,
            env=environment(),
        )
        for rank in range(2)
    ]
    assert [each.wait(TOO_LONG) for each in nodes] == [0, 0]
    found = torch.load(tmp_path / "1", weights_only=False)["numbers"]["weights"]
    assert_equal(found, both[0]["numbers"]["weights"])


WITHOUT_A_SCRIPT = """
from lstmwidgets.training import DivergedError
from tests.several_processes import *
path, *strategies = sys.argv[1:]
found = {how: shared("numbers", 2, strategy=how) for how in strategies}
try:
    fit(model_of(input_size=2), *diverging(0), lr=1e30, clip=None, optimizer="sgd",
        devices=2, strategy="ddp_notebook", **BASE)
except DivergedError as error:
    found["error"] = str(error)
torch.save(found, path)
"""


def assert_trained_from_a_function(
    found: dict[str, Any], both: list[dict[str, Any]], strategies: list[str]
) -> None:
    for how in strategies:
        assert found[how]["rank"] == 0
        assert found[how]["epochs"] == both[0]["numbers"]["epochs"]
        assert_equal(found[how]["weights"], both[0]["numbers"]["weights"])
    assert "the training loss became" in found["error"]


@pytest.mark.parametrize(
    "strategies", [["ddp"], pytest.param(["ddp_fork", "ddp_spawn"], marks=pytest.mark.slow)]
)
def test_processes_are_forked_or_spawned_where_there_is_no_script(
    strategies: list[str], tmp_path: Path, both: list[dict[str, Any]]
) -> None:
    path = tmp_path / "found"
    run([sys.executable, "-c", WITHOUT_A_SCRIPT, str(path), *strategies])
    assert_trained_from_a_function(torch.load(path, weights_only=False), both, strategies)


def test_a_notebook_trains_in_processes(tmp_path: Path, both: list[dict[str, Any]]) -> None:
    path = tmp_path / "found"
    code = f"import sys; sys.path.insert(0, {str(ROOT)!r}); sys.argv[1:] = [{str(path)!r}, 'auto']"
    shown = "fit(model_of(input_size=2), *other_data(0), devices=2, **BASE)"
    cells = [nbformat.v4.new_code_cell(each) for each in (code, WITHOUT_A_SCRIPT, shown)]
    notebook = nbformat.v4.new_notebook(cells=cells)
    NotebookClient(notebook, timeout=TOO_LONG).execute()
    assert_trained_from_a_function(torch.load(path, weights_only=False), both, ["auto"])
    widget = "application/vnd.jupyter.widget-view+json"
    assert any(widget in each.get("data", {}) for each in notebook.cells[2].outputs)


INTERRUPTED = """
import os
from tests.several_processes import *
data = series(400)
result = fit(model_of(input_size=2), data, means(data), validation=0.2, devices=2,
             checkpoint=sys.argv[1], **{**BASE, "epochs": 10**6}, progress=False)
said = f"{result.stopped} {len(result.epochs)} {result.model.training}\\n"
os.write(1, said.encode())  # in one piece, beside the other process
"""


@pytest.mark.parametrize("script", [True, pytest.param(False, marks=pytest.mark.slow)])
def test_ctrl_c_ends_all_with_the_best_weights(script: bool, tmp_path: Path) -> None:
    (tmp_path / "script.py").write_text(INTERRUPTED)
    start = [str(tmp_path / "script.py")] if script else ["-c", INTERRUPTED]
    path = tmp_path / "c"
    job = subprocess.Popen(
        [sys.executable, *start, str(path)], cwd=ROOT,
        env=environment() | {"PYTHONPATH": str(ROOT)},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True, start_new_session=True,
    )  # fmt: skip
    try:
        deadline = time.monotonic() + TOO_LONG
        while not path.exists() and time.monotonic() < deadline:
            time.sleep(0.01)
        os.killpg(job.pid, signal.SIGINT)
        said, _ = job.communicate(timeout=TOO_LONG)
    finally:
        if job.poll() is None:
            os.killpg(job.pid, signal.SIGKILL)
    assert job.returncode == 0, said
    ended = [line for line in said.splitlines() if line.startswith("interrupted")]
    assert len(ended) == 1 + script
    assert all(line.endswith("False") and int(line.split()[1]) for line in ended)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"devices": 0}, "devices must be a number from 1, -1 for all GPUs"),
        ({"devices": "2"}, "devices must be a number from 1"),
        ({"devices": [0, 1]}, r"devices=\[0, 1\] names GPUs, and device='cpu'"),
        ({"devices": 2, "device": "cuda:1"}, "device='cuda:1' is one device, and devices=2"),
        ({"num_nodes": 0}, "num_nodes"),
        ({"strategy": "fsdp"}, "strategy"),
        ({"accumulate": 33}, "accumulate=33 parts need as many sequences: batch_size=32"),
        pytest.param(
            {"devices": -1, "device": "auto"},
            "devices=-1 is all GPUs, and there is none here",
            marks=pytest.mark.skipif(torch.cuda.is_available(), reason="there are GPUs here"),
        ),
        ({"devices": [7, 8], "device": "auto"}, r"devices=\[7, 8\] names GPUs that are not here"),
        ({"devices": 2, "strategy": "ddp_spawn"}, "iter_fit cannot start 2 processes from here"),
        ({"devices": 2, "num_nodes": 2, "strategy": "ddp_fork"}, "is for one node"),
    ],
)
def test_what_cannot_be_is_refused(options: dict[str, Any], message: str) -> None:
    data = series(5)
    with pytest.raises(ValueError, match=message):
        iter_fit(model_of(input_size=2), data, means(data), **{"device": "cpu"} | options)


def test_another_number_than_torchruns_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in {
        "TORCHELASTIC_RUN_ID": "a",
        "WORLD_SIZE": "4",
        "LOCAL_WORLD_SIZE": "4",
    }.items():
        monkeypatch.setenv(name, value)
    data = series(5)
    with pytest.raises(ValueError, match=r"torchrun has started 4 processes, and devices=1 with"):
        fit(model_of(input_size=2), data, means(data), devices=1, **QUIET)


@pytest.mark.cuda
@pytest.mark.skipif(torch.cuda.device_count() < 2, reason="needs two CUDA devices")
def test_two_gpus_train_as_one_does(tmp_path: Path) -> None:
    run(command(tmp_path, 2, "on gpus"))
    first, second = (torch.load(tmp_path / str(n), weights_only=False) for n in range(2))
    alone = shared("numbers", 1, **GPUS)
    assert_equal(first["on gpus"]["weights"], second["on gpus"]["weights"])
    for ours, theirs in zip(first["on gpus"]["epochs"], alone["epochs"], strict=True):
        assert ours[:4] == pytest.approx(theirs[:4], rel=1e-4)
