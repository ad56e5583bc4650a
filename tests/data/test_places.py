"""The volumes of a case in their places: masks of another case, and what to do about a volume that cannot be used."""

import shutil
from functools import partial

import numpy as np
import pytest
from conftest import AFFINE, save

from kidney_tumor.data.places import check_places, write_mask
from kidney_tumor.data.remedies import collect, explain
from kidney_tumor.errors import UserError, VolumeError
from kidney_tumor.volumes.nifti import read_geometry


@pytest.mark.parametrize("first", [True, False])
def test_a_mask_of_another_case_is_noticed(tmp_path, first):
    mask = np.ones((2, 3, 4), np.uint8)
    paths = [tmp_path / case / "kidney.nii.gz" for case in ("case_00001", "case_00002")]
    geometry = read_geometry(save(tmp_path / "any.nii.gz", mask))
    for path in paths:
        path.parent.mkdir()
        write_mask(path, mask, geometry)
    assert check_places(*paths).stored_affine == AFFINE.tolist()
    shutil.copy(paths[0], tmp_path / "own name.nii.gz")
    check_places(paths[1], tmp_path / "own name.nii.gz")
    shutil.copy(paths[0], paths[1])
    with pytest.raises(UserError, match=r"case_00002/kidney.nii.gz holds case_00001/kidney; .*`rm .*case_00002/kidney"):
        check_places(*(paths[::-1] if first else paths))


@pytest.mark.parametrize(
    ("place", "case", "remedy"),
    [
        ("cohort/case_00007/imaging.nii.gz", "case_00007: ", "fetch or export it again, or leave the case out"),
        (
            "predictions/case_00007/kidney.nii.gz",
            "case_00007: ",
            "`rm {path}` and run the same snakemake command again",
        ),
        ("segmentations/case_00007.nii.gz", "", "`rm {path}` and run the same snakemake command again"),
        ("scans/my_scan/tumor.nii.gz", "", "`rm {path}` and run the same snakemake command again"),
        ("masks/my_scan/tumor.nii.gz", "", "copy or export it again"),
    ],
)
def test_the_remedy_follows_from_the_place(tmp_path, place, case, remedy):
    path = save(tmp_path / place, np.ones((2, 3, 4), np.uint8))
    assert explain(VolumeError(path, "is odd")).startswith(f"{case}{path} is odd; {remedy.format(path=path)}")
    assert explain(VolumeError(path, "is odd", "apply a threshold")) == f"{case}{path} is odd; apply a threshold"


def test_all_problems_are_collected():
    def refuse(number):
        raise UserError(f"problem {number}")

    with pytest.raises(UserError, match=r"^problem 1\nproblem 3$"):
        collect([partial(refuse, 1), lambda: 2, partial(refuse, 3)])
    assert collect([lambda: 1, lambda: 2]) == [1, 2]
