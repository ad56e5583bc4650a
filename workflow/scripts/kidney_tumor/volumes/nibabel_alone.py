"""nibabel without pydicom, which it would load for an extension of NIfTI that nothing here reads.

pydicom and what it loads take longer than nibabel itself, so modules import nibabel from here.
"""

from kidney_tumor.imports import hide

with hide("pydicom"):
    import nibabel as nib
    from nibabel import affines, nifti1, orientations, spatialimages, volumeutils

__all__ = ["affines", "nib", "nifti1", "orientations", "spatialimages", "volumeutils"]
