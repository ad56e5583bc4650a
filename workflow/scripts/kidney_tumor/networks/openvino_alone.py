"""OpenVINO without its converter, whose import reports itself to OpenVINO's maker; modules import OpenVINO from here.

A computer that holds images of patients should call nobody, and the converter takes as long as all else to import.
"""

from kidney_tumor.imports import hide

with hide("openvino.tools.ovc"):
    import openvino
    from openvino import opset13 as operations

__all__ = ["openvino", "operations"]
