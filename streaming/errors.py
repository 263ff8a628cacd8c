"""What goes wrong when a stream is described wrongly or its data cannot be read."""

import re

LOGIN = re.compile(r"(rediss?:/+)(?:\S*[?#]\S*|\S*@)|(\w\w+:/+)[^\s/]*@", re.IGNORECASE)
"""What stands before a server's name, or behind a stream's; a password may hold any sign."""


class StreamError(ValueError):
    """A wrong option or unreadable data; the message is one line and says what to do.

    It shows addresses without login, whatever it is made of.
    """

    def __init__(self, message: str) -> None:
        super().__init__(without_login(message))


def without_login(text: str) -> str:
    """Return a text whose addresses have no user and password.

    Examples
    --------
    >>> without_login("cannot read redis://me:secret@localhost:6379/0/readings")
    'cannot read redis://localhost:6379/0/readings'
    """
    return LOGIN.sub(lambda found: found[1] or found[2], text)
