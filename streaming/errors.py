"""What goes wrong when a stream is described wrongly or its data cannot be read."""


class StreamError(ValueError):
    """A wrong option or unreadable data; the message is one line and says what to do."""
