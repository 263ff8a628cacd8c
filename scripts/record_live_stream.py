"""Record the moving picture of the README: ``python -m scripts.record_live_stream``.

JupyterLab runs a `LiveStream` widget in Debian's chromium, and this photographs the widget's upper
part after every few events, once in the light theme and once in the dark one. The frames do not
depend on the machine's speed, and are shown as fast as the widget plays by itself. Run it from the
root of the repository, after `make setup`.
"""

from __future__ import annotations

from io import BytesIO
from pathlib import Path

from PIL import Image

from tests.browser import Tab, browser_tab, front_end

IMAGES = Path("docs/images")
WIDTH, HEIGHT = 1120, 1300
"""Of the browser's window in pixels."""

SHOWN = 640
"""Pixels of the widget's height."""

EVENTS = 3
"""Between two frames."""

SPEED = 12
"""Events a second."""

LAST_FRAME = 4_000
"""Milliseconds for which the end is shown before the picture begins again."""

CELL = f"""
from river import datasets
from lstmwidgets.online import LSTMForecaster
from lstmwidgets.widgets import LiveStream

passengers = list(datasets.AirlinePassengers())
model = LSTMForecaster(seasonality=12, seed=1)
live = LiveStream(model, passengers, window=len(passengers), speed={SPEED})
live
"""
WIDGET = ".lw-live"
PREPARE = """async theme => {
    await jupyterapp.commands.execute('application:toggle-left-area');
    await jupyterapp.commands.execute('apputils:change-theme', {theme});
}"""
DRAWN = """position => document.querySelector('.lw-live').chart.scene?.last === position - 1
    && new Promise(done => setTimeout(() => requestAnimationFrame(() => done(true)), 150))"""


def main() -> None:
    """Record both pictures."""
    IMAGES.mkdir(exist_ok=True)
    with front_end("lab") as server:
        for name, theme in (("live_stream", "Light"), ("live_stream_dark", "Dark")):
            with browser_tab(width=WIDTH, height=HEIGHT) as tab:
                tab.run_cells(server, [CELL])
                tab.page.evaluate(PREPARE, f"JupyterLab {theme}")
                write_animation(IMAGES / f"{name}.webp", photograph(tab))


def photograph(tab: Tab) -> list[Image.Image]:
    """Take the widget through all its events, and return what it looked like."""
    widget = tab.page.locator(WIDGET).first
    frames = []
    total = tab.kernel_value("live.total")
    for position in range(EVENTS, total + 1, EVENTS):
        tab.kernel_run(f"live.step({EVENTS})")
        tab.wait(DRAWN, position)
        image = Image.open(BytesIO(widget.screenshot())).convert("RGB")
        frames.append(image.crop((0, 0, image.width, SHOWN)))
    return frames


def write_animation(path: Path, frames: list[Image.Image]) -> None:
    """Write an animated WebP that repeats for ever."""
    first, *others = frames
    milliseconds = [1000 * EVENTS // SPEED] * len(others) + [LAST_FRAME]
    first.save(
        path,
        save_all=True,
        append_images=others,
        duration=milliseconds,
        loop=0,
        quality=50,
        method=4,
    )


if __name__ == "__main__":
    main()
