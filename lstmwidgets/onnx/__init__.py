"""Models for other runtimes: ONNX graphs whose state goes in and comes out as one tensor."""

from .exporting import export_onnx
from .packing import onnx_state

__all__ = ["export_onnx", "onnx_state"]
