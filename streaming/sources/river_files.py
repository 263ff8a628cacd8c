"""River's own files of regression data, without what else comes with River's data sets.

`river.datasets` brings SciPy along and, where they are installed, scikit-learn and pandas: more
than a second, and none of it reads these files.
"""

from __future__ import annotations

import csv
import gzip
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import river


@dataclass(frozen=True)
class RiverFile:
    """A data set in a CSV file of River's; iterating over it yields what River's class does.

    Attributes
    ----------
    filename : str
        In the folder of River's data sets.
    target : str
        Which column is the target.
    n_samples : int
    types : mapping
        For every column what makes its value of a cell.
    task : str
    """

    filename: str
    target: str
    n_samples: int
    types: Mapping[str, Callable[[str], Any]]
    task: str = "Regression"

    def __iter__(self) -> Iterator[tuple[dict[str, Any], Any]]:
        """Yield features and target of each sample."""
        text = gzip.open if self.path.suffix == ".gz" else open
        with text(self.path, "rt", encoding="utf-8", newline="") as file:
            for row in csv.DictReader(file):
                x = {name: self.types[name](cell) for name, cell in row.items()}
                y = x.pop(self.target)
                yield x, y

    @property
    def path(self) -> Path:
        """Where the installed River has it."""
        return Path(river.__file__).parent / "datasets" / self.filename


def _month(cell: str) -> datetime:
    return datetime.fromisoformat(f"{cell}-01")


FILES = {
    "AirlinePassengers": RiverFile(
        "airline-passengers.csv", "passengers", 144, {"month": _month, "passengers": int}
    ),
    "ChickWeights": RiverFile(
        "chick-weights.csv",
        "weight",
        578,
        dict.fromkeys(("weight", "time", "chick", "diet"), int),
    ),
    "TrumpApproval": RiverFile(
        "trump_approval.csv.gz",
        "five_thirty_eight",
        1001,
        {
            "ordinal_date": int,
            **dict.fromkeys(("five_thirty_eight", "gallup", "ipsos"), float),
            **dict.fromkeys(("morning_consult", "rasmussen", "you_gov"), float),
        },
    ),
    "WaterFlow": RiverFile(
        "water-flow.csv",
        "Water flow [l/s]",
        1268,
        {"Time": datetime.fromisoformat, "Water flow [l/s]": float},
    ),
}
"""By the name of River's class."""
