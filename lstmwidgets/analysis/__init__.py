"""Pure functions that compute what the pictures show."""

from .ordering import order_units
from .recording import QUANTITIES, Inspectable, Recording
from .thinning import Thinned

__all__ = ["QUANTITIES", "Inspectable", "Recording", "Thinned", "order_units"]
