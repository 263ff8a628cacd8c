"""pandas, for those who have it."""

from __future__ import annotations

from typing import Any


def pandas() -> Any:
    """Return pandas.

    Raises
    ------
    ImportError
        If it is not installed.
    """
    try:
        import pandas as pd  # type: ignore[import-untyped]
    except ImportError as error:
        raise ImportError(
            "a dataframe needs pandas, which is not installed: pip install pandas"
        ) from error
    return pd
