"""A model's run on bare canvases: what the machine can show, and the kernel can run, at most."""

from __future__ import annotations

import math
import threading
import time
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import anywidget
import numpy as np

FRAMES = 60
WINDOW = 300


class BareCanvas(anywidget.AnyWidget):
    """Plays a regressor of 32 units in a thread, and sends each event's numbers 60 times a second.

    Parameters
    ----------
    model : LSTMRegressor
        Of one layer.
    source : iterable
        Pairs of features and target, without an end.
    """

    _esm = (Path(__file__).parent / "bare_canvas.js").read_text(encoding="utf-8")

    def __init__(self, model: Any, source: Iterable[Any]) -> None:
        super().__init__()
        self.model, self.source = model, iter(source)
        self.events = 0
        self._playing = False
        self._thread: threading.Thread | None = None

    def play(self, speed: float = math.inf) -> None:
        """Begin."""
        self._playing = True
        self._thread = threading.Thread(target=self._run, args=(speed,), daemon=True)
        self._thread.start()

    def pause(self) -> None:
        """End."""
        self._playing = False
        if self._thread is not None:
            self._thread.join()

    def _run(self, speed: float) -> None:
        rows: list[np.ndarray[Any, Any]] = []
        error = naive = last = sent = 0.0
        due = time.monotonic()
        while self._playing:
            x, y = next(self.source)
            prediction = self.model.predict_one(x)
            self.model.learn_one(x, y)
            self.events += 1
            error += (abs(prediction - y) - error) / self.events
            naive += (abs(last - y) - naive) / self.events
            last = y
            block = self.model.activations[-1].reshape(6, -1)
            rows.append(np.concatenate([*block[[1, 3, 2, 5]], [y, prediction, naive, error]]))
            now = time.monotonic()
            if now - sent >= 1 / FRAMES:
                self.send({}, [np.array(rows[-WINDOW:], np.float32).tobytes()])
                rows.clear()
                sent = now
            if speed < math.inf:
                due = max(due + 1 / speed, now - 1)
                time.sleep(max(0.0, due - time.monotonic()))
