"""Pure functions that compute what the pictures show."""

from .cost import Cost, cost
from .excerpt import Excerpt
from .gradient_flow import gradient_flow
from .ordering import order_units
from .recording import QUANTITIES, Inspectable, Recording, as_recording
from .thinning import Thinned

__all__ = [
    "QUANTITIES",
    "Cost",
    "Excerpt",
    "Inspectable",
    "Recording",
    "Thinned",
    "as_recording",
    "cost",
    "gradient_flow",
    "order_units",
]
