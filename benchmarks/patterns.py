"""Looking for a pattern of units, and moving the threshold of one in a page.

Values are smoothed noise, in float32. A new threshold compares all of them; another range, or
another ranking, uses what is known of the threshold. "memory" is what a search takes at its peak
besides the data (tracemalloc). The picture is that of `PatternMatch` in JupyterLab in Debian's
chromium, 1280 x 1500, kernel, server and browser on the same cores: from an input event of the
slider to the frame in which the new matches stand in the page.
"""

from __future__ import annotations

import tracemalloc
from collections.abc import Iterator
from time import perf_counter

import numpy as np
from numpy.typing import NDArray

from lstmwidgets.analysis import QUANTITIES, Pattern, PatternSearch, Recording
from tests.browser import CHROMIUM, browser_tab, front_end

from .timing import RATIO, Figure, Target, Targets

LONG, SHOWN = "1,000,000 x 256", "1,000 x 128"
SIZES = {LONG: (1_000_000, 256), SHOWN: (1_000, 128)}
ROUNDS = 9
MOVES = 25
STEPS = 6
"""Steps that are brushed."""

TARGETS: Targets = {
    (LONG, "new threshold"): Target("≤", 1_000),
    (LONG, "memory / data"): Target("≤", 1),
    (SHOWN, "slider to picture"): Target("≤", 100),
}

CELL = """
from benchmarks.patterns import SHOWN, recording
from lstmwidgets.widgets import PatternMatch
patterns = PatternMatch(recording(SHOWN), threshold=1.0, brush=(500, 505))
patterns
"""

# Move the slider, and wait for the frame in which the list is another one.
MOVE = """async share => {
    const slider = document.querySelector('.lw-patterns input[type=range]');
    const old = document.querySelector('.lw-match');
    const frame = () => new Promise(requestAnimationFrame);
    const start = performance.now();
    slider.value = share * slider.max;
    slider.dispatchEvent(new Event('input', {bubbles: true}));
    while (old.isConnected || !document.querySelector('.lw-match')) await frame();
    await frame();
    return performance.now() - start;
}"""


def recording(case: str) -> Recording:
    """Return smoothed noise."""
    steps, units = SIZES[case]
    values: NDArray[np.float32] = np.random.default_rng(0).standard_normal(
        (steps, units), np.float32
    )
    for lag in (4, 2, 1):
        values[lag:] += values[:-lag]
    values *= 8**-0.5
    layers = dict.fromkeys(QUANTITIES, values[:, None])
    return Recording(layers, ("",) * steps, np.arange(steps))


def figures() -> Iterator[Figure]:
    """Yield the figures."""
    for case in SIZES:
        yield from _searches(case)
    if CHROMIUM is None:
        print("Left out: Debian's chromium is not installed; `make setup` installs it as root.")
        return
    yield Figure(SHOWN, "slider to picture", "ms", tuple(_moves()))


def _searches(case: str) -> Iterator[Figure]:
    source = recording(case)
    search = PatternSearch([source])
    first = len(source) // 2
    search.find(_pattern(first, 0.3))  # compiles
    fresh, again = [], []
    for n in range(ROUNDS):
        fresh.append(_time(search, _pattern(first, 0.3 - 0.01 * (n + 1))))
        again.append(_time(search, _pattern(first + 10 * n, 0.3 - 0.01 * (n + 1))))
    yield Figure(case, "new threshold", "ms", tuple(fresh))
    yield Figure(case, "other range", "ms", tuple(again))
    tracemalloc.start()
    search.find(_pattern(first, 0.5))
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    yield Figure(case, "memory / data", RATIO, (peak / source.layers["cell"].nbytes,))


def _pattern(first: int, threshold: float) -> Pattern:
    return Pattern(first, first + STEPS - 1, threshold=threshold)


def _time(search: PatternSearch, pattern: Pattern) -> float:
    begin = perf_counter()
    search.find(pattern, least=1)
    return (perf_counter() - begin) * 1e3


def _moves() -> list[float]:
    """Return the milliseconds of each move of the slider."""
    with front_end("lab") as server, browser_tab(width=1280, height=1500) as tab:
        tab.run_cells(server, [CELL])
        tab.page.locator(".lw-match").first.wait_for()
        tab.page.wait_for_timeout(1500)
        shares = np.linspace(0.2, 0.5, MOVES).tolist()
        return [float(tab.page.evaluate(MOVE, share)) for share in shares][5:]
