"""The options of ``lstmwidgets spark-submit``."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated

from ..options import StreamOptions, columns, number, option

LOCAL = "local[2]"


@dataclass
class SubmitOptions(StreamOptions):
    """What ``lstmwidgets spark-submit`` is given: the options of ``stream``, and Spark's."""

    order: Annotated[
        str,
        columns(
            "Columns by which a micro-batch's events are sorted, with commas between; by default "
            "--time, a Redis entry's id, or Kafka's partition and offset."
        ),
    ] = ""
    schema: Annotated[
        str | None,
        option(
            "The source's columns as in 'sensor string, load double'; needed for Redis and Kafka, "
            "otherwise found in what is there.",
            metavar="COLUMNS",
            show_default=False,
        ),
    ] = None
    per_key: Annotated[
        bool, option("A model of its own for each key, instead of shared weights.", "--per-key")
    ] = False
    learners: Annotated[int, number("How many learn side by side.", 1)] = 2
    buckets: Annotated[int, number("In how many groups keys' states are stored.", 1)] = 64
    master: Annotated[str, option("Where Spark runs.", metavar="URL")] = LOCAL
    print_: Annotated[
        bool, option("Print the script instead of running it.", "--print", "--dry-run")
    ] = False
