"""A training run to its end, and who looks on."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, ExitStack, closing, contextmanager
from typing import Any

from .epochs import Epoch, FitResult
from .loop import Loop
from .steering import TrainingRun

Onlooker = Callable[[TrainingRun], AbstractContextManager[Callable[[Epoch], None]]]

ONLOOKERS: list[Onlooker] = []
"""Are called when a `fit` begins, are told each epoch at its end, and leave when the model has its
weights: `lstmwidgets.mlflow.autolog` adds one. Of several processes the first one has them."""


def run(loop: Loop, *onlookers: Onlooker) -> FitResult:
    """Run a training to its end; Ctrl-C ends it quietly, with the best weights so far.

    Parameters
    ----------
    loop : Loop
        Is run.
    *onlookers : Onlooker
        More of them.
    """
    with closing(TrainingRun(loop)) as training, ExitStack() as stack:
        if loop.share.world > 1:
            stack.enter_context(first_interrupt(training.stop))
        every = [*onlookers, *(ONLOOKERS if not loop.share.rank else [])]
        tell = [stack.enter_context(onlooker(training)) for onlooker in every]
        try:
            for epoch in training:
                for each in tell:
                    each(epoch)
        except KeyboardInterrupt:
            training.close()
            loop.stopped = "interrupted"
    return training.result


@contextmanager
def first_interrupt(tell: Callable[[], None]) -> Iterator[None]:
    """Call a function at the first Ctrl-C, and let only the next one interrupt what runs.

    So a training of several processes can end after the same batch in all of them.
    """
    before = signal.getsignal(signal.SIGINT)
    here = threading.current_thread() is threading.main_thread()
    if not here or before is not signal.default_int_handler:
        yield
        return

    def stop(*_: Any) -> None:
        signal.signal(signal.SIGINT, before)
        tell()

    signal.signal(signal.SIGINT, stop)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)
