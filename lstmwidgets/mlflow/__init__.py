"""Models in MLflow: logged, loaded, served over HTTP with a state for each sequence; autologging.

A folder that MLflow gets holds what `lstmwidgets.save` writes, nothing pickled.
"""

from .autologging import autolog
from .flavor import _load_pyfunc as _load_pyfunc  # which MLflow asks for by this name
from .flavor import load_model, log_model, save_model

__all__ = ["autolog", "load_model", "log_model", "save_model"]
