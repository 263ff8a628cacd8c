"""What a classifier of texts thinks while one types, why, and what would change its mind."""

from __future__ import annotations

import copy
import threading
from collections import deque
from collections.abc import Generator
from typing import TYPE_CHECKING, Any

import traitlets
from bokeh.models import LayoutDOM

from ..live import joined_modules, joined_styles
from ..plots.explanation import explanation_figure
from .background import Background
from .explorer_work import Lesson, Seen, TaughtModel, differences, flips_told, table_of
from .live_stream import THEMES
from .snapshots import WithSnapshot
from .threads import AnsweredAnywhere

if TYPE_CHECKING:
    import pandas as pd  # type: ignore[import-untyped]

    from ..sentiment import Explanation, Flips, SentimentModel

MODULES = (
    *("live/theme.js", "live/kernel.js", "live/keys.js", "live/session.js", "live/palette.js"),
    *("live/ticks.js", "live/store.js", "live/drawing.js", "live/tip.js", "live/view.js"),
    *("widgets/explorer_text.js", "widgets/explorer_parts.js", "widgets/sentiment_explorer.js"),
)
STYLES = ("live/live.css", "widgets/sentiment_explorer.css")

PAUSE = 0.12
"""Seconds without another letter after which words are explained."""

PATIENCE = 2.0
"""Seconds that the constructor waits for what is shown."""

SLOTS = {"text": "_", "other": "_other_"}
"""The two texts, and how the names begin of the traits that pages get of each."""

Item = tuple[str, Any]


class SentimentExplorer(AnsweredAnywhere, WithSnapshot):
    """A text as one types it: its class after each word, and what each word adds to that.

    Type or paste a text. Under each word stand how much it adds to the probability of a class
    (integrated gradients, the counts' part included; together they are what the text changes), the
    probability of each class had the text ended there, and the input, forget and output gate.
    Pin a text, edit it, and see both beside each other. Ask for the fewest words to leave out or to
    replace for another class. Say which label is right: a copy of the model learns it, and forgets
    it again where you undo it.

    By keyboard: Tab reaches everything; arrow keys go through the words.

    Parameters
    ----------
    model : SentimentModel
        Fitted. It is not changed: lessons change a copy.
    text : str
        To begin with.
    compare_with : str, optional
        Another text, to be seen beside it.
    of : object, optional
        The class whose contributions are drawn; by default the one that is predicted.
    lr : float
        Learning rate of lessons.
    theme : str
        ``"auto"`` follows the notebook's theme; or ``"light"``, ``"dark"``.

    Attributes
    ----------
    text, compare_with, of, theme
        As above. To be set, observed and linked from Python; the page sets them as well.
    error : str
        What went wrong; empty if nothing did.

    Examples
    --------
    >>> from lstmwidgets.sentiment import SentimentModel
    >>> texts = ["so good", "I love it", "what a joy", "so bad", "I hate it", "what a mess"] * 5
    >>> labels = (["positive"] * 3 + ["negative"] * 3) * 5
    >>> model = SentimentModel(word_vectors=None, hidden_size=16, members=1, seed=1)
    >>> explorer = SentimentExplorer(model.fit(texts, labels), "what a joy")
    >>> explorer.explanation.words  # the last line of a cell shows it: explorer
    ['what', 'a', 'joy']
    >>> explorer.teach("negative")
    >>> explorer.lessons[0].after > explorer.lessons[0].before
    True
    >>> explorer.undo()
    """

    _title = "What a classifier thinks of a text"
    _esm = joined_modules(*MODULES)
    _css = joined_styles(*STYLES)

    text = traitlets.Unicode("", help="what is read").tag(sync=True)
    compare_with = traitlets.Unicode(None, allow_none=True, help="read beside it").tag(sync=True)
    of = traitlets.Any(None, help="class whose contributions are drawn")
    theme = traitlets.Enum(THEMES, "auto", help="auto, light or dark").tag(sync=True)
    error = traitlets.Unicode("", help="what went wrong").tag(sync=True)
    _of = traitlets.Int(-1).tag(sync=True)
    _about = traitlets.Dict().tag(sync=True)
    _version = traitlets.Int(0).tag(sync=True)
    _reading = traitlets.Bytes(b"").tag(sync=True)
    _contributions = traitlets.Bytes(b"").tag(sync=True)
    _other_reading = traitlets.Bytes(b"").tag(sync=True)
    _other_contributions = traitlets.Bytes(b"").tag(sync=True)
    _difference = traitlets.Dict().tag(sync=True)
    _flips: Any = traitlets.Dict().tag(sync=True)
    _lessons: Any = traitlets.List().tag(sync=True)
    _progress = traitlets.Float(1.0).tag(sync=True)

    def __init__(
        self,
        model: SentimentModel,
        text: str = "",
        *,
        compare_with: str | None = None,
        of: Any = None,
        lr: float = 0.001,
        theme: str = "auto",
    ) -> None:
        from ..sentiment import SentimentModel

        if not isinstance(model, SentimentModel):
            raise TypeError(f"model must be a SentimentModel, got {type(model).__name__}")
        if not hasattr(model, "model_"):
            raise ValueError("model is not fitted: model.fit(texts, labels) first")
        self._taught = TaughtModel(model, lr)
        self._seen: dict[str, Seen] = {}
        self._todo: deque[tuple[str, Any] | None] = deque()  # lessons; None undoes one
        self._wanted: tuple[str, dict[str, Any]] | None = None  # whose flips, and how
        self._found: Flips | None = None
        self._woken = threading.Event()
        self._background = Background(self._take, self._failed)
        about = {"classes": [str(each) for each in self.classes]}
        super().__init__(text=text, compare_with=compare_with, of=of, theme=theme, _about=about)
        self.on_msg(self._receive)
        self.observe(self._begin, ["text", "compare_with"])
        self._begin()
        self._background.wait(PATIENCE)

    @property
    def classes(self) -> list[Any]:
        """The labels, in their order."""
        return list(self._taught.reader.classes)

    @property
    def model(self) -> SentimentModel:
        """A copy of the model as it is now, with what it has learned here."""
        self._ready()
        return copy.deepcopy(self._taught.model)

    @property
    def explanation(self) -> Explanation:
        """Why the text gets its class. Waits for it."""
        return self._explained("text")

    @property
    def other(self) -> Explanation:
        """The same of `compare_with`."""
        return self._explained("other")

    @property
    def lessons(self) -> tuple[Lesson, ...]:
        """What was learned and not undone, in its order."""
        self._ready()
        return tuple(self._taught.lessons)

    def flips(self, to: Any = None, *, most_edits: int = 2, replacing: bool = True) -> Flips:
        """Return the fewest edits that give the text another class; pages show them.

        Parameters
        ----------
        to, most_edits, replacing
            As of `SentimentModel.flips`.
        """
        if to is not None:
            self._check_label("to", to)
        self._look_for_flips({"to": to, "most_edits": most_edits, "replacing": replacing})
        self._ready()
        if self._found is None:
            raise ValueError("there is no text: set explorer.text first")
        return self._found

    def teach(self, label: Any) -> None:
        """Let the model learn that this is the text's label.

        Parameters
        ----------
        label : object
            One of `classes`.
        """
        self._check_label("label", label)
        self._todo.append((self.text, label))
        self._begin()
        self._ready()

    def undo(self) -> None:
        """Let the model forget the last text that it has learned here."""
        self._ready()
        if not self._taught.lessons:
            raise ValueError("there is no lesson to undo")
        self._todo.append(None)
        self._begin()
        self._ready()

    def wait(self, timeout: float | None = None) -> bool:
        """Wait until all is computed, at most so many seconds; say whether it is."""
        return self._background.wait(timeout)

    def to_dataframe(self) -> pd.DataFrame:
        """Return a row for each word of the text.

        Columns: ``word``; ``known``, whether the network has a vector for it; ``probability of …``
        each class after it; ``contribution to …`` each class; ``input``, ``forget`` and ``output``
        gate, the means over the top layer's units.
        """
        found = self.explanation
        reading = self._seen["text"].reading
        assert reading is not None
        return table_of(found, reading.known)

    def figure(self, *, height: int = 320) -> LayoutDOM:
        """Return probabilities and contributions as a figure of Bokeh's.

        Parameters
        ----------
        height : int
            In pixels.
        """
        return explanation_figure(self.explanation, self.of, height=height)

    def close(self) -> None:
        """Stop computing, and take the widget out of all pages."""
        if self.comm is None:
            return  # closed before, or never made
        self._background.cancel()
        self._woken.set()
        super().close()

    # --- inside ----------------------------------------------------------------------------------

    def _ready(self) -> None:
        """Wait for all that is being computed; raise what went wrong."""
        self._background.wait()
        if self.error:
            raise RuntimeError(self.error)

    def _explained(self, slot: str) -> Explanation:
        self._ready()
        seen = self._seen.get(slot)
        if seen is None or seen.explanation is None:
            name = "text" if slot == "text" else "compare_with"
            raise ValueError(f"there is no word to explain: set explorer.{name} to a text")
        return seen.explanation

    def _look_for_flips(self, options: dict[str, Any]) -> None:
        self._found = None
        self._wanted = (self.text, options)
        self._begin()

    def _begin(self, _: Any = None) -> None:
        """Compute what is new from now on; what was being computed for another text is dropped."""
        self._background.start(self._work())
        self._woken.set()

    def _work(self) -> Generator[Item]:
        """Yield what pages are to show: lessons first, then what is cheap, then the rest."""
        self._woken.clear()
        yield ("error", "")
        while self._todo:
            lesson = self._todo.popleft()
            if lesson is not None:
                self._taught.learn(*lesson)
            elif self._taught.lessons:
                self._taught.undo()
        yield ("taught", None)  # also what was learned by work that was dropped since
        texts = {"text": self.text, "other": self.compare_with}
        reader, version = self._taught.reader, self._taught.version
        for slot in SLOTS:
            text = texts[slot]
            seen = self._seen.get(slot)
            if text is None:
                yield ("dropped", slot)
            elif seen is None or (seen.text, seen.version) != (text, version):
                seen = Seen(text, version)
                seen.read(reader)
                yield ("read", (slot, seen))
        if any(seen.explanation is None and seen.reading for seen in self._seen.values()):
            self._woken.wait(PAUSE)
            yield ("progress", 0.0)
        for slot in SLOTS:
            seen = self._seen.get(slot)
            if seen is None or seen.explanation is not None or seen.reading is None:
                continue
            new = Seen(seen.text, version, seen.reading)
            yield from _told(new.explain(reader))
            yield ("explained", (slot, new))
        if self._wanted is not None and self._wanted[0] == texts["text"]:
            yield from self._flip(*self._wanted, version)
        yield ("progress", 1.0)

    def _flip(self, text: str, options: dict[str, Any], version: int) -> Generator[Item]:
        from ..sentiment.edits import iter_flips

        reading = self._seen["text"].reading
        if reading is None:
            return
        found = yield from _told(iter_flips(self._taught.reader, reading.words, **options))
        yield ("flips", (found, flips_told(found, text, version)))

    def _take(self, item: Item) -> None:
        """Show what was computed; called by the thread that computes."""
        kind, what = item
        with self.hold_sync():
            if kind == "progress":
                self._progress = what
            elif kind == "error":
                self.error = what
            elif kind == "taught":
                self._version, self._lessons = self._taught.version, self._taught.told()
            elif kind == "flips":
                self._found, self._flips = what
                self._wanted = None
            elif kind == "dropped":
                self._seen.pop(what, None)
                self._other_reading = self._other_contributions = b""
            else:
                slot, seen = what
                self._seen[slot] = seen
                self.set_trait(f"{SLOTS[slot]}reading", seen.reading_frame())
                self.set_trait(f"{SLOTS[slot]}contributions", seen.contributions_frame())
                self._compare()

    def _compare(self) -> None:
        """Say which words differ."""
        one, other = (self._seen.get(slot) for slot in SLOTS)
        if one is None or other is None or one.reading is None or other.reading is None:
            return
        places = differences(one.reading.words, other.reading.words)
        self._difference = {"texts": [one.text, other.text], "places": places}

    def _failed(self, error: Exception) -> None:
        self._wanted = None
        with self.hold_sync():
            self._progress = 1.0
            self.error = f"{type(error).__name__}: {error}"

    def _receive(self, _: Any, message: dict[str, Any], __: list[memoryview]) -> None:
        kind = message.get("type")
        if kind == "text":
            self.text = message["text"]
            # Until it hears of its last letter a page goes by what it has itself.
            self.send({"type": "heard", "session": message["session"], "edit": message["edit"]})
        elif kind == "of":
            place = message["place"]
            self.of = None if place < 0 else self.classes[place]
        elif kind == "flips":
            self._look_for_flips({})
        elif kind in ("teach", "undo"):
            is_new = kind == "teach"
            self._todo.append((message["text"], self.classes[message["place"]]) if is_new else None)
            self._begin()

    @traitlets.validate("of")
    def _check_of(self, proposal: Any) -> Any:
        if proposal["value"] is not None:
            self._check_label("of", proposal["value"])
        return proposal["value"]

    def _check_label(self, name: str, label: Any) -> None:
        if label not in self.classes:
            known = ", ".join(map(repr, self.classes))
            raise ValueError(f"{name} must be a class, got {label!r}; there are {known}")

    @traitlets.observe("of")
    def _place_of(self, change: Any) -> None:
        self._of = -1 if change["new"] is None else self.classes.index(change["new"])

    def _still_state(self) -> tuple[dict[str, Any], Any]:
        self._background.wait()
        return super()._still_state()

    def _what(self) -> str:
        return f"{type(self).__name__} of {len(self.text):,} letters"


def _told(steps: Generator[float, None, Any]) -> Generator[Item, None, Any]:
    """Yield how far work is as pages are told, and return what it returns."""
    while True:
        try:
            yield ("progress", next(steps))
        except StopIteration as end:
            return end.value
