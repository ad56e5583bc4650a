"""OpenVINO without the package by which its import reports itself to its maker; modules import OpenVINO from here.

Computers that hold images of patients should call nobody, and without a network this call takes time.
"""

from kidney_tumor.imports import hide

with hide("openvino_telemetry"):
    import openvino
    from openvino import opset13 as operations

__all__ = ["openvino", "operations"]
