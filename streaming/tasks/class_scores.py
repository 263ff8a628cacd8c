"""Accuracy and macro F1 of classes."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from lstmwidgets.codec import decode, encode

from ..baselines import Baseline
from ..events import Event, Outcome
from .scores import Scores, Table


class Places:
    """The place of each label, in the order in which they came."""

    def __init__(self) -> None:
        self.labels: list[Any] = []
        self._places: dict[Any, int] = {}

    def of(self, label: Any) -> int:
        """Return the place of a label, a new one if need be."""
        place = self._places.get(label)
        if place is None:
            place = self._places[label] = len(self.labels)
            self.labels.append(label)
        return place

    @property
    def state(self) -> Any:
        """The labels in plain values; can be set."""
        return encode(self.labels)

    @state.setter
    def state(self, state: Any) -> None:
        self.labels = decode(state)
        self._places = {label: place for place, label in enumerate(self.labels)}


class LastClass(Baseline):
    """Repeats the last class; its state is the place of that."""

    name = "last class"

    def __init__(self, places: Places) -> None:
        self._places = places
        self.state: float | None = None

    def predict(self, event: Event) -> Any:
        """Return the last class."""
        del event
        return None if self.state is None else self._places.labels[int(self.state)]

    def learn(self, event: Event, target: Any) -> None:
        """Keep the class."""
        del event
        self.state = self._places.of(target)


class Hits:
    """Accuracy and macro F1 of one predictor, from three counts a class.

    Examples
    --------
    >>> hits = Hits(Places())
    >>> for truth, told in [("a", "a"), ("a", "b"), ("b", "b")]:
    ...     hits.add(truth, told)
    >>> round(hits.accuracy, 3), round(hits.macro_f1, 3)
    (0.667, 0.667)
    """

    def __init__(self, places: Places) -> None:
        self._places = places
        self.right: list[int] = []
        self.true: list[int] = []
        self.told: list[int] = []

    def add(self, truth: Any, told: Any) -> None:
        """Count a class and what was said."""
        at, said = self._places.of(truth), self._places.of(told)
        while len(self.right) <= max(at, said):
            for counts in (self.right, self.true, self.told):
                counts.append(0)
        self.right[at] += at == said
        self.true[at] += 1
        self.told[said] += 1

    @property
    def accuracy(self) -> float:
        """Share of what was right."""
        return sum(self.right) / sum(self.true)

    @property
    def macro_f1(self) -> float:
        """Mean of each class's F1, of all that came or were said; 0 where nothing was right."""
        counts = zip(self.right, self.true, self.told, strict=True)
        each = [2 * right / (true + told) for right, true, told in counts if true + told]
        return float(sum(each) / len(each))

    @property
    def state(self) -> list[list[int]]:
        """The counts; can be set."""
        return [self.right, self.true, self.told]

    @state.setter
    def state(self, state: list[list[int]]) -> None:
        self.right, self.true, self.told = (list(counts) for counts in state)


class ClassComparison:
    """The model and one rule, over the events of which both said something.

    Attributes
    ----------
    name : str
        The rule's.
    events : int
        How many events these were.
    right, right_baseline : int
        Of how many of them each was right.
    """

    def __init__(self, name: str, places: Places) -> None:
        self.name = name
        self._places = places
        self.events = self.right = self.right_baseline = 0
        self.model_hits, self.baseline_hits = Hits(places), Hits(places)

    def add(self, outcome: Outcome) -> None:
        """Take in an event's outcome."""
        target, baseline = outcome.event.y, outcome.baselines[self.name]
        if target is None or baseline is None or outcome.prediction is None:
            return
        self.events += 1
        self.right += outcome.prediction == target
        self.right_baseline += baseline == target
        self.model_hits.add(target, outcome.prediction)
        self.baseline_hits.add(target, baseline)

    def copy(self) -> ClassComparison:
        """Return one that has counted the same."""
        twin = ClassComparison(self.name, self._places)
        twin.state = self.state
        return twin

    @property
    def model(self) -> float | None:
        """Accuracy of the model; None before the first."""
        return self.right / self.events if self.events else None

    @property
    def baseline(self) -> float | None:
        """Accuracy of the rule; None before the first."""
        return self.right_baseline / self.events if self.events else None

    @property
    def state(self) -> Any:
        """All counts; can be set."""
        told = (self.events, self.right, self.right_baseline)
        return [*told, self.model_hits.state, self.baseline_hits.state]

    @state.setter
    def state(self, state: Any) -> None:
        self.events, self.right, self.right_baseline, model, baseline = state
        self.model_hits.state, self.baseline_hits.state = model, baseline


class ClassScores(Scores):
    """Accuracy and macro F1 of the model and of repeating the last class."""

    comparisons: list[ClassComparison]
    nothing = "too few targets to compare with the last class"

    def __init__(self) -> None:
        self.places = Places()
        last = LastClass(self.places)
        super().__init__([last], [ClassComparison(last.name, self.places)])

    def counted(self) -> dict[str, Any]:
        """Return all that was counted, and the labels."""
        return {"labels": self.places.state} | super().counted()

    def go_on(self, counted: Mapping[str, Any]) -> None:
        """Go on from what `counted` returned."""
        self.places.state = counted["labels"]
        super().go_on(counted)

    def table(self) -> Table:
        """Return accuracy and macro F1 of both."""
        (each,) = self.comparisons
        hits = {"model": each.model_hits, each.name: each.baseline_hits}
        rows = [
            (name, f"{each.events:,}", f"{one.accuracy:.4f}", f"{one.macro_f1:.4f}")
            for name, one in hits.items()
            if each.events
        ]
        return Table("Accuracy", ("of", "events", "accuracy", "macro F1"), rows)

    def status(self) -> str:
        """Return both accuracies so far."""
        (each,) = self.comparisons
        if each.model is None or each.baseline is None:
            return ""
        return f"accuracy {each.model:.4f} ({each.name} {each.baseline:.4f})"

    def summary(self) -> dict[str, Any]:
        """Return accuracies and macro F1."""
        (each,) = self.comparisons
        told: dict[str, Any] = {"events": each.events}
        for name, hits in (("model", each.model_hits), (each.name, each.baseline_hits)):
            told[name] = (
                {"accuracy": hits.accuracy, "macro_f1": hits.macro_f1} if each.events else None
            )
        return {"accuracy": told}

    def curve(self) -> tuple[float | None, float | None]:
        """Return both accuracies."""
        return self.comparisons[0].model, self.comparisons[0].baseline
