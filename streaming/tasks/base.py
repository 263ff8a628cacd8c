"""What a task is: all that a job has to know of what it predicts."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, ClassVar

from msgspec import UNSET

from lstmwidgets.analysis.tasks import AnomalyDetection, Classification, Regression
from lstmwidgets.analysis.tasks import Task as Player
from lstmwidgets.analysis.tasks import task_of as player_of

from ..errors import StreamError
from ..events import Event, Prediction
from ..sinks.rows import NUMBER, Fields
from .scores import Scores

NUMBERS, CLASSES, SCORES = (each.kind for each in (Regression, Classification, AnomalyDetection))
"""How predictions are drawn."""


@dataclass(frozen=True)
class Options:
    """What a task and a new model of it are made with.

    Attributes
    ----------
    hidden_size : int
        Units of a layer.
    cell : str
        Their kind.
    window : int or None
        Events that the gradient looks back, of a text words; None for the model's own default.
    seed : int or None
        Of a new model.
    horizon : int
        Steps of a forecast.
    season : int or None
        Events a season; None lets the model find one.
    coverage : float or None
        Share of values that an interval is to hold; None for no interval.
    alarms : float or None
        Share of ordinary events that may be called anomalies; None for no alarms.
    labelled : bool
        Whether events have a target though the task needs none.
    """

    hidden_size: int = 32
    cell: str = "standard"
    window: int | None = None
    seed: int | None = None
    horizon: int = 1
    season: int | None = None
    coverage: float | None = None
    alarms: float | None = None
    labelled: bool = False

    @property
    def of_a_model(self) -> dict[str, Any]:
        """Those that all estimators of `lstmwidgets.online` take."""
        given = {"hidden_size": self.hidden_size, "cell": self.cell, "seed": self.seed}
        return given if self.window is None else given | {"window": self.window}


class Task(ABC):
    """Makes a model, lets it predict and learn, and says what is emitted and how it is scored.

    A model is played by what `lstmwidgets.analysis.tasks` has for its kind.

    Parameters
    ----------
    options : Options
        What it is made with.

    Attributes
    ----------
    name : str
        As ``--task`` names it.
    plays : type
        What plays its models.
    expects : str
        Which models these are, for people.
    targets : str
        What a target may be: ``"number"`` or ``"label"``.
    needs_target : bool
        Whether there is nothing to learn without a target.
    learns_first : bool
        Whether an event is learned before its record is emitted, which then tells what follows it.
    drawn : str
        How pictures show it: `NUMBERS`, `CLASSES` or `SCORES`.
    naive : str
        What the simplest forecast does.
    """

    name: ClassVar[str]
    plays: ClassVar[type[Player]]
    expects: ClassVar[str]
    targets: ClassVar[str] = "number"
    needs_target: ClassVar[bool] = True
    learns_first: ClassVar[bool] = False

    def __init__(self, options: Options | None = None) -> None:
        self.options = Options() if options is None else options

    @property
    def drawn(self) -> str:
        """How pictures show it."""
        return self.plays.kind

    @property
    def naive(self) -> str:
        """What the simplest forecast does."""
        return self.plays.naive

    @property
    def fields(self) -> Fields:
        """What a record has besides id and key, and of which kind each is."""
        return {"prediction": NUMBER, "target": NUMBER}

    @property
    def late_fields(self) -> Fields:
        """What a late target's record has besides id and key."""
        return {name: self.fields.get(name, NUMBER) for name in ("prediction", "target")}

    @abstractmethod
    def new_model(self) -> Any:
        """Return a new model."""

    @abstractmethod
    def scores(self, *, keyed: bool) -> Scores:
        """Return what counts how good predictions are.

        Parameters
        ----------
        keyed : bool
            Whether events are of many streams.
        """

    def player(self, model: Any) -> Player:
        """Return what plays a model.

        Raises
        ------
        StreamError
            If it is no model for this task.
        """
        try:
            player = player_of(model)
        except TypeError as error:
            raise StreamError(str(error)) from error
        if not isinstance(player, self.plays):
            raise StreamError(
                f"--task {self.name} needs {self.expects}, got {type(model).__name__}; "
                "leave --task out to do what the model is for"
            )
        return player

    def knows(self, model: Any) -> bool:
        """Say whether a model can predict before it has learned anything in this job."""
        return bool(getattr(model, "has_learned", False))

    @abstractmethod
    def target(self, y: Any) -> Any:
        """Return a target as it can be learned; None if there is none or it is of no use.

        Raises
        ------
        StreamError
            If it is of another kind.
        """

    def predict(self, player: Player, event: Event) -> Any:
        """Return what a model says of an event: what `record` takes."""
        return player.predict(event.x)

    def learn(self, player: Player, event: Event) -> None:
        """Learn an event, or let it pass where it has no target."""
        if event.y is None:
            player.skip(event.x, None)
        else:
            player.learn(event.x, event.y)

    def predict_and_learn(self, player: Player, event: Event) -> Any:
        """Return what a model says of an event, and learn it or let it pass."""
        if event.y is not None:
            return player.predict_and_learn(event.x, event.y)
        said = self.predict(player, event)
        self.learn(player, event)
        return said

    def record(self, event: Event, said: Any, player: Player) -> Prediction:
        """Return what is emitted for an event; `said` is None as long as nothing was learned."""
        del player
        return Prediction(event.id, said, event.y, UNSET if event.key is None else event.key)

    def value(self, record: Prediction) -> Any:
        """Return that of a record which is compared with the target."""
        return record.prediction

    def facts(self, model: Any) -> Mapping[str, str]:
        """Return what to state about it in reports, beside the model."""
        del model
        return {}
