"""Pure functions that compute what the pictures show."""

from .ordering import order_units
from .thinning import Thinned

__all__ = ["Thinned", "order_units"]
