"""Predicting a number."""

from __future__ import annotations

from typing import Any

from lstmwidgets.analysis.tasks import Regression
from lstmwidgets.online import LSTMRegressor
from lstmwidgets.values import number_in

from ..baselines import Baseline, Comparison, LastValue, SameTimeYesterday
from ..errors import StreamError
from .base import Task
from .scores import Scores, Table


class RegressionTask(Task):
    """Predicts the number that comes with an event."""

    name = "regression"
    plays = Regression
    expects = "a regressor"

    def new_model(self) -> LSTMRegressor:
        """Return a new `LSTMRegressor`."""
        return LSTMRegressor(**self.options.of_a_model)

    def scores(self, *, keyed: bool) -> Scores:
        """Return absolute errors beside the last value and, without keys, that of yesterday."""
        rules: list[Baseline] = [LastValue()]
        if not keyed:
            rules.append(SameTimeYesterday())
        return NumberScores(rules, [Comparison(rule.name) for rule in rules])

    def target(self, y: Any) -> float | None:
        """Return a number; None if it is missing, not finite or beyond 1e30."""
        return number_of(y)


def number_of(y: Any) -> float | None:
    """Return a target that is a number.

    Raises
    ------
    StreamError
        If it is a text that is none.
    """
    if y is None or (type(y) is float and -1e30 <= y <= 1e30):
        return y
    number = number_in(y)
    if number is None and isinstance(y, str):
        raise StreamError(f"expected a number as target, got {y!r}; labels are for classification")
    return number


class NumberScores(Scores):
    """Mean absolute errors."""

    comparisons: list[Comparison]

    def table(self) -> Table:
        """Return the model's error beside that of each rule, and the ratio."""
        rows = [
            (
                each.name,
                f"{each.events:,}",
                f"{each.model:.4g}",
                f"{each.baseline:.4g}",
                "\N{EN DASH}" if each.ratio is None else f"{each.ratio:.3f}",
            )
            for each in self.comparisons
            if each.events
        ]
        return Table("Mean absolute error", COLUMNS, rows)

    def status(self) -> str:
        """Return both errors so far."""
        naive = self.comparisons[0]
        if naive.model is None or naive.baseline is None:
            return ""
        return f"error {naive.model:.4g} ({naive.name} {naive.baseline:.4g})"

    def summary(self) -> dict[str, Any]:
        """Return the errors by rule."""
        names = ("events", "model", "baseline", "ratio")
        return {
            "errors": {
                each.name: {name: getattr(each, name) for name in names}
                for each in self.comparisons
            }
        }

    def curve(self) -> tuple[float | None, float | None]:
        """Return both mean absolute errors."""
        return self.comparisons[0].model, self.comparisons[0].baseline


COLUMNS = ("against", "events", "model", "baseline", "ratio")
