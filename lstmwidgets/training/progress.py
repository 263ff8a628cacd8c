"""A bar that follows the epochs: by rich in a terminal, of ipywidgets in a notebook."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from .epochs import Epoch

Show = Callable[[Epoch], None]


@contextmanager
def shown(total: int, done: int = 0, *, visible: bool = True) -> Iterator[Show]:
    """Show a bar for so many epochs, where there is something to show it on.

    Gives a function that takes each epoch as it ends.
    """
    if visible and _in_notebook():
        with _notebook_bar(total, done) as show:
            yield show
    elif visible and sys.stderr.isatty():
        with _terminal_bar(total, done) as show:
            yield show
    else:
        yield lambda _: None


def _in_notebook() -> bool:
    """Say whether this runs in a kernel, whose output is a page."""
    kernel = sys.modules.get("ipykernel.kernelapp")
    return kernel is not None and kernel.IPKernelApp.initialized()


@contextmanager
def _terminal_bar(total: int, done: int) -> Iterator[Show]:
    from rich.console import Console
    from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn

    columns = (
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TextColumn("{task.fields[said]}"),
    )
    with Progress(*columns, console=Console(stderr=True)) as bar:
        task = bar.add_task("training", total=total, completed=done, said="")
        yield lambda epoch: bar.update(task, completed=epoch.epoch, said=str(epoch))


@contextmanager
def _notebook_bar(total: int, done: int) -> Iterator[Show]:
    from IPython.display import display
    from ipywidgets import HTML, HBox, IntProgress

    bar, said = IntProgress(value=done, max=total), HTML()

    def show(epoch: Epoch) -> None:
        bar.value, said.value = epoch.epoch, str(epoch)

    display(HBox([bar, said]))  # type: ignore[no-untyped-call]
    yield show
    bar.bar_style = "success"
