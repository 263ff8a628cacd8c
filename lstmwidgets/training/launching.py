"""A training in processes that are started for it, where there is no script to be run again."""

from __future__ import annotations

import multiprocessing
import os
import pickle
import signal
import socket
import threading
import traceback
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from multiprocessing.connection import Connection, wait
from typing import Any, NoReturn

import torch
from torch import Tensor

from ..models import SequenceModel
from .epochs import Epoch, FitResult
from .fabric import STARTED, classes, count, placed
from .loop import LEARNED, DivergedError, Loop
from .onlookers import first_interrupt, run
from .options import Options
from .progress import shown
from .steering import TrainingRun

LOOKS = 1.0
"""Seconds from one look of a process at whether the one that started it is still there."""


@dataclass(frozen=True)
class Outcome:
    """What a training in another process came to.

    Attributes
    ----------
    weights : dict of str to Tensor
        The best ones, on the CPU.
    learned : dict
        What else the model knows of its data.
    dropout : float
        Of the model.
    epochs, stopped, trivial_loss
        As of `FitResult`.
    """

    weights: dict[str, Tensor]
    learned: dict[str, Any]
    dropout: float
    epochs: list[Epoch]
    stopped: str
    trivial_loss: float | None

    @classmethod
    def of(cls, result: FitResult) -> Outcome:
        """Return what there is in a result."""
        model = result.model
        weights = {name: each.detach().cpu() for name, each in model.state_dict().items()}
        learned = {name: getattr(model, name) for name in (*LEARNED, "series")}
        rest = (result.epochs, result.stopped, result.trivial_loss)
        return cls(weights, learned, float(model.dropout), *rest)

    def result(self, model: SequenceModel) -> FitResult:
        """Return the result of a model, which gets weights and all, and is in eval mode then."""
        model.load_state_dict(self.weights)
        model.set_dropout(self.dropout)
        for name, value in self.learned.items():
            setattr(model, name, value)
        model.eval()
        return FitResult(model, self.epochs, self.stopped, self.trivial_loss)


@dataclass(frozen=True)
class Failure:
    """What was raised in another process.

    Attributes
    ----------
    error : Exception
        It.
    trace : str
        Where it came from.
    outcome : Outcome or None
        What the training had come to, if it had.
    """

    error: Exception
    trace: str
    outcome: Outcome | None = None

    def reraise(self, rank: int, model: SequenceModel) -> NoReturn:
        """Raise it here, with the weights that were the best in a model."""
        if self.outcome is not None:
            self.outcome.result(model)
        raise self.error from RuntimeError(f"in process {rank}:\n{self.trace}")


def fit_in_processes(method: str, options: Options, given: Mapping[str, Any]) -> FitResult:
    """Train in processes of this machine; return when they have ended.

    Parameters
    ----------
    method : str
        ``"fork"`` or ``"spawn"``.
    options : Options
        Checked.
    given : dict
        All arguments of `fit`.

    Raises
    ------
    RuntimeError
        If CUDA is in use and processes would be forked, or one of them has died.
    TypeError
        If an argument cannot be sent to a process that is spawned.
    Exception
        What was raised in a process.
    """
    if method == "fork" and torch.cuda.is_initialized():  # type: ignore[no-untyped-call]
        raise RuntimeError(
            "CUDA is in use in this process, which therefore cannot be forked: restart the kernel "
            'and train before anything touches the GPU, or use strategy="ddp_spawn"'
        )
    classes()  # imported here once, instead of in each process that is forked
    world = count(placed(options)[0])
    there = {**given, "progress": False, "strategy": f"ddp_{method}"}
    with (
        shown(options.epochs, visible=given["progress"]) as show,
        _started(method, world, there) as (connections, stop),
        first_interrupt(stop.set),
    ):
        found: Outcome | None = None
        waiting = dict(enumerate(connections))
        while waiting:
            ready = wait(list(waiting.values()))
            for rank in [rank for rank, each in waiting.items() if each in ready]:
                match _received(waiting[rank], rank, given["model"]):
                    case Epoch() as epoch:
                        show(epoch)
                    case outcome:
                        found = outcome if rank == 0 else found
                        del waiting[rank]
    assert found is not None
    return found.result(given["model"])


@contextmanager
def _started(
    method: str, world: int, given: Mapping[str, Any]
) -> Iterator[tuple[list[Connection], Any]]:
    """Start processes; give what they send, and an event that tells them to stop."""
    context: Any = multiprocessing.get_context(method)
    payload: Any = given
    if method == "spawn":  # not as torch.multiprocessing does it, which shares the tensors
        try:
            payload = pickle.dumps(given)
        except (AttributeError, TypeError, pickle.PicklingError) as error:
            raise TypeError(f"an argument cannot be sent to other processes: {error}") from error
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        place = {"MASTER_ADDR": "127.0.0.1", "MASTER_PORT": str(free.getsockname()[1])}
    place |= {"WORLD_SIZE": str(world), "NODE_RANK": "0", STARTED: "1"}
    stop = context.Event()
    connections, processes = [], []
    try:
        for rank in range(world):
            here, there = context.Pipe(duplex=False)
            told = {**place, "LOCAL_RANK": str(rank)}
            process = context.Process(target=_train, args=(told, payload, there, stop, os.getpid()))
            process.start()
            there.close()
            connections.append(here)
            processes.append(process)
        yield connections, stop
        for process in processes:
            process.join()
    finally:
        for process in processes:
            process.kill()
            process.join()
        for each in connections:
            each.close()


def _received(connection: Connection, rank: int, model: SequenceModel) -> Any:
    """Return what a process sent; raise what was raised in it, with the best weights in a model."""
    try:
        found = pickle.loads(connection.recv_bytes())  # noqa: S301  # of our own process
    except EOFError as error:
        raise RuntimeError(
            f"process {rank} of the training has died; see what it printed"
        ) from error
    if isinstance(found, Failure):
        found.reraise(rank, model)
    return found


def _train(
    place: Mapping[str, str], payload: Any, connection: Connection, stop: Any, parent: int
) -> None:
    """Be one of the processes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)  # the one that started this one hears it
    os.environ.update(place)
    is_forked = not isinstance(payload, bytes)
    if is_forked:
        torch.set_num_threads(1)  # OpenMP's threads have not come along
    given = payload if is_forked else pickle.loads(payload)  # noqa: S301  # of our own process
    try:
        loop = Loop(**given)
        try:
            result = run(loop, _sender(connection, stop, parent))
        except DivergedError as error:
            reached = Outcome.of(TrainingRun(loop).result)
            _send(connection, Failure(error, traceback.format_exc(), reached))
        else:
            _send(connection, Outcome.of(result) if not result.rank else None)
    except Exception as error:  # noqa: BLE001  # raised again where `fit` was called
        _send(connection, Failure(error, traceback.format_exc()))
    connection.close()


def _sender(connection: Connection, stop: Any, parent: int) -> Callable[[TrainingRun], Any]:
    """Return who looks on, sends the epochs, and hears when to stop."""

    def watch(training: TrainingRun) -> None:
        while not stop.wait(LOOKS):
            if os.getppid() != parent:
                os._exit(1)
        training.stop()

    @contextmanager
    def look_on(training: TrainingRun) -> Iterator[Callable[[Epoch], None]]:
        threading.Thread(target=watch, args=(training,), daemon=True).start()
        first = not training.rank
        yield lambda epoch: _send(connection, epoch) if first else None

    return look_on


def _send(connection: Connection, thing: Any) -> None:
    connection.send_bytes(pickle.dumps(thing))
