"""What goes wrong when a stream is described wrongly or its data cannot be read."""

import re
import traceback
from pathlib import Path
from typing import Any

LOGIN = re.compile(r"(rediss?:/+)(?:\S*[?#]\S*|\S*@)|(\w\w+:/+)[^\s/]*@", re.IGNORECASE)
"""What stands before a server's name, or behind a stream's; a password may hold any sign."""


SHOWN = 200
"""Characters of an event that are shown."""


class StreamError(ValueError):
    """A wrong option or unreadable data; the message is one line and says what to do.

    It shows addresses without login, whatever it is made of.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_login(message))


class ModelError(StreamError):
    """A model has raised an exception; `__cause__` is that.

    Parameters
    ----------
    model : estimator
        Of whatever origin.
    error : Exception
        What it raised.
    id_, x, y : object
        Of the event that it was asked about.
    """

    def __init__(self, model: Any, error: Exception, id_: Any, x: Any, y: Any) -> None:
        where = traceback.extract_tb(error.__traceback__)[-1]
        what, problem = (" ".join(str(each).split()) for each in (repr(x), error))
        super().__init__(
            f"event {id_}: {type(model).__name__} raised {type(error).__name__}: {problem} "
            f"({Path(where.filename).name}, line {where.lineno}). It was given {what[:SHOWN]}"
            f"{'…' * (len(what) > SHOWN)} with the target {y!r}: leave out by --drop what it "
            "cannot take, or let a step before it see to that, as River's StatImputer, "
            "OneHotEncoder and BagOfWords do"
        )


def without_login(text: str) -> str:
    """Return a text whose addresses have no user and password.

    Examples
    --------
    >>> without_login("cannot read redis://me:secret@localhost:6379/0/readings")
    'cannot read redis://localhost:6379/0/readings'
    """
    return LOGIN.sub(lambda found: found[1] or found[2], text)
