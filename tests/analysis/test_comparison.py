"""Other methods against this run: shapes whose scores are known by hand, and the reference implementation."""

from dataclasses import replace

import nibabel as nib
import numpy as np
import pandas as pd
import pytest
import yaml
from conftest import AFFINE, ROOT, save, save_case, turn

from kidney_tumor.analysis import comparison, surface_distances
from kidney_tumor.analysis.method_scores import DEFAULTS, MEASURES, score_method, score_segmentation
from kidney_tumor.analysis.statistics import adjust_holm, estimate_interval
from kidney_tumor.analysis.surface_distances import measure_surfaces
from kidney_tumor.data.segmentations import Segmentation, read_segmentation, unite
from kidney_tumor.errors import UserError
from kidney_tumor.figures.comparison import plot_comparison
from kidney_tumor.volumes.masks import RunLengthMask, read_label_masks

PAPER = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
NAN = float("nan")


def box(first, shape=(90, 90, 90), size=(60, 60, 60)):
    """A box of voxels whose first one is given."""
    mask = np.zeros(shape, bool)
    mask[tuple(slice(start, start + length) for start, length in zip(first, size, strict=True))] = True
    return RunLengthMask.from_mask(mask)


def score(truth, prediction, spacing):
    """The scores of a case whose kidney is all tumor."""
    return score_segmentation((truth, truth), (prediction, prediction), spacing)


def test_the_truth_itself_is_perfect():
    for scores in score(box((5, 5, 5)), box((5, 5, 5)), (3, 0.8, 0.8)).values():
        assert scores["dice"] == scores["surface_dice"] == 1
        assert scores["hd95_mm"] == 0
        assert scores["error_ml"] == scores["error_percent"] == 0


def test_a_shift_within_the_tolerance_costs_dice_but_no_surface_dice():
    scores = score(box((5, 5, 5)), box((5, 5, 6)), (3, 1, 1))  # 1 mm, less than 1.033 and 1.150
    for of_target in scores.values():
        assert of_target["dice"] == pytest.approx(59 / 60)
        assert of_target["surface_dice"] == 1
    scores = score(box((5, 5, 5)), box((5, 5, 6)), (3, 1.1, 1.1))  # 1.1 mm, between the two
    assert scores["kidney_tumor"]["surface_dice"] < 0.8
    assert scores["tumor"]["surface_dice"] == 1


@pytest.mark.parametrize(
    ("shift", "spacing", "size", "dice", "parts"),
    [
        # Cubes of 60 mm. The two faces across the shift lie beyond the tolerance, and of the four others, the part
        # that sticks out of the other cube by more than it: 2 of the 3 mm, or the last slice, which is half a voxel.
        ((3, 0, 0), (1, 1, 1), (60, 60, 60), 57 / 60, 2 * 60 * 60 + 4 * 60 * 2),
        ((1, 0, 0), (3, 1, 1), (20, 60, 60), 19 / 20, 2 * 60 * 60 + 4 * 60 * 1.5),
        ((0, 0, 3), (3, 1, 1), (20, 60, 60), 57 / 60, 2 * 60 * 60 + 4 * 60 * 2),
    ],
)
def test_a_shift_beyond_the_tolerance(shift, spacing, size, dice, parts):
    moved = box(tuple(5 + step for step in shift), size=size)
    scores = score(box((5, 5, 5), size=size), moved, spacing)["tumor"]
    assert scores["dice"] == pytest.approx(dice)
    # At the edges, a strip of 1 mm may count or not, on each of the two faces; the edges themselves are beveled.
    edge = 2 * 4 * 60 * 1 / (6 * 60 * 60)
    assert scores["surface_dice"] == pytest.approx(1 - parts / (6 * 60 * 60), abs=edge)


def test_the_volume_error_is_in_ml_and_percent():
    scores = score(box((0, 0, 0), size=(10, 10, 10)), box((0, 0, 0), size=(10, 10, 15)), (2, 1, 1))["tumor"]
    assert (scores["label_ml"], scores["predicted_ml"]) == pytest.approx((2, 3))
    assert (scores["error_ml"], scores["error_percent"], scores["absolute_error_ml"]) == pytest.approx((1, 50, 1))
    scores = score(box((0, 0, 0), size=(10, 10, 10)), box((0, 0, 0), size=(10, 10, 5)), (2, 1, 1))["tumor"]
    assert (scores["error_ml"], scores["error_percent"], scores["absolute_error_ml"]) == pytest.approx((-1, -50, 1))


def test_empty_masks():
    nothing, something = box((0, 0, 0), size=(0, 0, 0)), box((1, 1, 1), size=(2, 2, 2))
    scores = score(nothing, nothing, (1, 1, 1))["tumor"]
    assert np.isnan([scores["dice"], scores["surface_dice"], scores["hd95_mm"], scores["error_percent"]]).all()
    as_one = replace(DEFAULTS, both_empty="one")
    perfect = score_segmentation((nothing, nothing), (nothing, nothing), (1, 1, 1), as_one)["tumor"]
    assert (perfect["dice"], perfect["surface_dice"], perfect["hd95_mm"], perfect["error_ml"]) == (1, 1, 0, 0)
    for pair in ((nothing, something), (something, nothing)):
        for conventions in (DEFAULTS, as_one):
            scores = score_segmentation(*[(mask, mask) for mask in pair], (1, 1, 1), conventions)["tumor"]
            assert scores["dice"] == scores["surface_dice"] == 0
            assert scores["hd95_mm"] == float("inf")


def test_the_tolerances_are_those_of_kits21():
    """HEC_SD_TOLERANCES_MM of kits21/configuration/labels.py for kidney_and_mass and tumor."""
    assert DEFAULTS.tolerances_mm == {"kidney_tumor": 1.0330772532390826, "tumor": 1.1498198361434828}


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
@pytest.mark.parametrize(("spacing", "block"), [((1.0, 1.0, 1.0), 64), ((2.5, 0.7, 0.9), 5), ((2.5, 0.7, 0.9), 1)])
def test_it_is_the_reference_implementations(rng, monkeypatch, spacing, block):
    """Of rough shapes with holes, which touch the volume's borders, and specks far away; in blocks of columns."""
    monkeypatch.setattr(surface_distances, "BLOCK", block)
    import surface_distance
    from scipy.ndimage import gaussian_filter

    noise = [gaussian_filter(rng.standard_normal((24, 30, 28)), 2) for _ in range(2)]
    truth, prediction = noise[0] > 0.02, noise[0] + 0.5 * noise[1] > 0.03
    prediction[0, 0, 0] = prediction[-1, -1, -1] = True
    distances = surface_distance.compute_surface_distances(truth, prediction, spacing)
    masks = RunLengthMask.from_mask(truth), RunLengthMask.from_mask(prediction)
    surfaces = measure_surfaces(*masks, spacing)
    found = [surfaces.compute_surface_dice(tolerance) for tolerance in (0.5, 1.033, 3.0)]
    expected = [surface_distance.compute_surface_dice_at_tolerance(distances, mm) for mm in (0.5, 1.033, 3.0)]
    assert found == pytest.approx(expected, rel=1e-9)
    assert 0.1 < found[0] < found[1] < found[2] < 1
    expected = surface_distance.compute_robust_hausdorff(distances, 95)
    assert surfaces.compute_hd95() == pytest.approx(expected, rel=1e-9)
    assert expected > 1


@pytest.fixture
def label(tmp_path):
    """A case's folder and voxels: 4 of kidney and 2 of tumor, 3 x 0.75 x 0.75 mm each."""
    volume = np.zeros((4, 6, 8), np.uint8)
    volume[1, 2, 1:5], volume[2, 2, 1:3] = 1, 2
    return save_case(tmp_path / "case_00003", volume.astype(np.int16), volume), volume


def score_paths(case, paths, values=None):
    truth = read_label_masks(case / "segmentation.nii.gz")
    return score_method("m", "case_00003", truth, case / "imaging.nii.gz", [Segmentation([p], values) for p in paths])


def test_eight_orientations_and_other_labels_score_alike(tmp_path, label):
    case, volume = label
    predicted = np.where(volume == 1, 205, np.where(volume == 2, 7, 0)).astype(np.int16)
    predicted[1, 2, 4] = 99  # an organ that is not asked for: a kidney voxel less
    paths = []
    for codes in ("IPL", "RAS", "LPS", "LAS", "RPI", "ASR", "SLP", "PIR"):
        paths.append(tmp_path / f"{codes}.nii.gz")
        nib.save(turn(nib.Nifti1Image(predicted, AFFINE), codes), paths[-1])
    table = score_paths(case, paths, {"kidney": [205, 300], "tumor": [7]})
    assert len(table) == 16
    assert set(table["problem"]) == {""}
    kidney_tumor, tumor = (table[table["target"] == target] for target in ("kidney_tumor", "tumor"))
    assert kidney_tumor["dice"].to_numpy() == pytest.approx(np.full(8, 2 * 5 / 11))
    assert kidney_tumor["error_ml"].to_numpy() == pytest.approx(np.full(8, -0.0016875))
    assert kidney_tumor["surface_dice"].nunique() == 1
    assert set(tumor["dice"]) == set(tumor["surface_dice"]) == {1.0}
    table = score_paths(case, paths[:1], {"kidney": [205], "tumor": []})
    assert table["target"].tolist() == ["kidney_tumor"]  # no score of a tumor that is not segmented
    assert table["dice"].tolist() == pytest.approx([2 * 3 / 9])


def test_what_cannot_be_used_is_said_and_the_others_are_scored(tmp_path, label):
    case, volume = label
    wrong = {
        "text": r"text.nii.gz is not a NIfTI file",
        "small": r"small.nii.gz has shape \(4, 6, 7\), but .*imaging.nii.gz has \(4, 6, 8\)",
        "lost": r"lost.nii.gz does not lie where .*imaging.nii.gz lies, but up to",
        "moved": r"moved.nii.gz does not lie where .*imaging.nii.gz lies, but up to 3 mm away",
        "cyst": r"cyst.nii.gz holds labels 3; expected 0, 1 and 2 only; correct the file, or say ",
        "case_00004": r"case_00004.nii.gz holds case_00005",
        "gone": r"gone.nii.gz is missing",
    }
    paths = [tmp_path / f"{name}.nii.gz" for name in wrong]
    paths[0].write_text("no volume")
    save(paths[1], volume[..., :7])
    nib.save(nib.Nifti1Image(volume.transpose(2, 1, 0), np.diag([0.75, 0.75, 3.0, 1])), paths[2])
    nib.save(nib.Nifti1Image(volume, AFFINE + np.outer([1, 0, 0, 0], [0, 0, 0, 3])), paths[3])
    save(paths[4], np.where(volume == 2, 3, volume).astype(np.uint8))
    image = nib.Nifti1Image(volume, AFFINE)
    image.header["descrip"] = b"kidney_tumor: case_00005"
    nib.save(image, paths[5])
    good = save(tmp_path / "good.nii.gz", volume)
    table = score_paths(case, [*paths, good])
    for path, why in zip(paths, wrong.values(), strict=True):
        rows = table[table["file"] == str(path)]
        assert len(rows) == 2
        assert rows["problem"].str.contains(why).all(), rows["problem"].iloc[0]
        assert rows["dice"].isna().all()
        assert "rm " not in rows["problem"].iloc[0]  # a file of somebody else
    assert table[table["file"] == str(good)]["dice"].tolist() == [1, 1]
    for values, says in (
        (volume - 1.0, "holds -1; expected labels"),
        (volume / 4, r"holds 0\.\d+, as maps of probability"),
    ):
        path = save(tmp_path / "values.nii.gz", values.astype(np.float32))
        with pytest.raises(UserError, match=says):
            read_segmentation(path, {"kidney": [1], "tumor": [2]})


def rows_of(method, dices, problem=""):
    """Rows of the table of cases: the tumor's Dice by hand; a case may come twice, as of two splits."""
    return [
        {
            "method": method,
            "case": case,
            "target": "tumor",
            "file": "f",
            "absent": "",
            "exchanged": "",
            "problem": problem if dice is None else "",
        }
        | dict.fromkeys(MEASURES, NAN if dice is None else dice)
        for case, dice in dices
    ]


TABLE = pd.DataFrame(
    rows_of("run", [("a", 0.2), ("a", 0.4), ("b", 0.5), ("c", NAN), ("d", 0.7)])
    + rows_of("one", [("a", 0.5), ("b", 0.6), ("c", 1.0), ("d", None)], "is missing")
    + rows_of("two", [("a", 0.3), ("a", None), ("b", 0.1), ("c", 1.0), ("d", 0.5)], "is misshapen")
)


def test_the_tables_by_hand():
    summary = comparison.summarize_methods(TABLE, 0).set_index(["method", "target", "measure"])
    dice = summary.xs(("tumor", "dice"), level=("target", "measure"))
    assert dice["n"].to_dict() == {"run": 3, "one": 3, "two": 4}
    assert dice["left_out"].to_dict() == {"run": 0, "one": 1, "two": 0}
    assert dice["mean"].to_dict() == pytest.approx({"run": 0.5, "one": 0.7, "two": 1.9 / 4})
    assert summary.loc[("one", "kidney_tumor", "dice"), "n"] == 0
    pairs = comparison.compare_methods(TABLE, 0).set_index(["method", "target", "measure"])
    dice = pairs.xs(("tumor", "dice"), level=("target", "measure"))
    assert dice["n"].to_dict() == {"one": 2, "two": 3}
    assert dice["mean"].to_dict() == pytest.approx({"one": (0.2 + 0.1) / 2, "two": (0 - 0.4 - 0.2) / 3})
    assert dice["confidence"].to_dict() == pytest.approx(dict.fromkeys(("one", "two"), 1 - 0.05 / 2))
    # The signed ranks of two equal signs (a zero is no change) have p = 2 / 2**2, and twice that is above 1.
    assert dice["wilcoxon_p"].to_dict() == {"one": 0.5, "two": 0.5}
    assert dice["holm_p"].to_dict() == {"one": 1, "two": 1}
    said = comparison.describe_difference(
        {"method": "two", "target": "tumor", **pairs.loc[("two", "tumor", "dice")]}, "r"
    )
    assert said.startswith("two minus r: Dice of tumor, mean -0.200 [-0.400, ")
    assert said.endswith("p = 1 (Holm), n = 3: too few cases for this test, which needs 7")


def test_a_method_without_a_usable_case_takes_nothing_from_the_others():
    bad = pd.DataFrame(rows_of("bad", [("a", None), ("b", None)], "f is misshapen"))
    table = pd.concat([TABLE, bad])
    keys = ["method", "target", "measure"]
    for tabulate in (comparison.summarize_methods, comparison.compare_methods):
        alone, beside = (tabulate(given, 0).set_index(keys).sort_index() for given in (TABLE, table))
        pd.testing.assert_frame_equal(beside.drop("bad"), alone)
        assert (beside.loc["bad", "n"] == 0).all()
    assert comparison.count_unusable(table) == {"run": 0, "one": 1, "two": 0, "bad": 2}
    assert list(comparison.list_warnings(table)) == [
        "one: d is left out: is missing",
        "two: a is left out: is misshapen",
        "bad: no case can be used of 2; a: f is misshapen",
    ]
    plot_comparison(table, [])
    organs = pd.DataFrame(rows_of("run", [(f"case_0000{number}", 0.5) for number in range(4)]))
    organs["absent"] = ["left", "", "left", "left, right"]
    assert list(comparison.list_warnings(organs)) == [
        "run: no file of left, which counts as not found: case_00000, case_00002",
        "run: no file of left, right, which counts as not found: case_00003",
    ]


def test_nothing_to_compare_is_an_error():
    run, bad = TABLE[TABLE["method"] == "run"], pd.DataFrame(rows_of("bad", [("a", None)], "f is misshapen"))
    for table, name in ((pd.concat([run, bad]), "bad"), (pd.concat([bad.assign(method="run"), TABLE[5:]]), "run")):
        with pytest.raises(UserError, match=rf"^{name}: no case can be used of 1; a: f is misshapen$"):
            comparison.summarize_methods(table, 0)


def differences(*others, n, run=0.5):
    """The sentences on the tumor's Dice of other methods, which differ from the run by as much in each of n cases."""
    cases = [f"case {number}" for number in range(n)]
    rows = rows_of("run", [(case, run) for case in cases])
    for number, dice in enumerate(others):
        rows += rows_of(f"m{number}", [(case, dice and dice + index / 1000) for index, case in enumerate(cases)])
    pairs = comparison.compare_methods(pd.DataFrame(rows), 0).query("target == 'tumor' and measure == 'dice'")
    return [comparison.describe_difference(row, "run") for _, row in pairs.iterrows()]


@pytest.mark.parametrize(("methods", "needed"), [(1, 6), (2, 7), (3, 7), (4, 8)])
def test_too_few_cases_are_said_to_be(methods, needed):
    """Of n equal signs p is 2 / 2**n, and Holm multiplies it by the number of methods: it has to fall below 0.05."""
    assert methods * 2 / 2**needed < 0.05 <= methods * 2 / 2 ** (needed - 1)
    for said in differences(*[0.9] * methods, n=needed - 1):
        assert said.endswith(f": too few cases for this test, which needs {needed}")
    for said in differences(*[0.9] * methods, n=needed):
        assert said.endswith(": higher")


def test_that_nothing_was_found_comes_first():
    (said,) = differences(0, n=8)
    assert said.startswith(
        "m0 minus run: Dice of tumor: nothing was found by m0, Dice is 0 in all 8 common cases; mean -0.5"
    )
    assert said.endswith(": lower")
    (said,) = differences(0.9, n=8, run=0)
    assert said.startswith(
        "m0 minus run: Dice of tumor: nothing was found by run, Dice is 0 in all 8 common cases; mean +0.9"
    )
    (said,) = differences(0, n=8, run=0)
    assert said == "m0 minus run: Dice of tumor: nothing was found by m0 and run, Dice is 0 in all 8 common cases"


def test_a_mask_for_each_organ(tmp_path, label, rng):
    """Two kidneys whose masks overlap, a tumor that lies partly outside of them, and no file of a second tumor."""
    case, volume = label
    masks = rng.random((3, *volume.shape)) < 0.4
    paths = []
    for mask, name, codes in zip(masks, ("left", "right", "mass"), ("IPL", "RAS", "LPS"), strict=True):
        paths.append(tmp_path / f"{name}.nii.gz")
        nib.save(turn(nib.Nifti1Image(np.where(mask, 1, 0).astype(np.uint8), AFFINE), codes), paths[-1])
    truth = read_label_masks(case / "segmentation.nii.gz")

    def tabulate(**organs):
        files = [path for paths in organs.values() for path in paths]
        segmentation = Segmentation(files, None, organs)
        return score_method("m", "case_00003", truth, case / "imaging.nii.gz", [segmentation])

    def score(**organs):
        table = tabulate(**organs)
        assert set(table["problem"]) == {""}
        return table.set_index("target")["dice"].to_dict()

    def dice(one, other):
        return 2 * (one & other).sum() / (one.sum() + other.sum())

    everything, tumor = volume > 0, volume == 2
    found = score(kidney=paths[:2], tumor=paths[2:])
    assert found == pytest.approx({"kidney_tumor": dice(everything, masks.any(0)), "tumor": dice(tumor, masks[2])})
    assert score(kidney=paths[:2]) == pytest.approx({"kidney_tumor": dice(everything, masks[:2].any(0))})
    assert score(kidney=paths[:1], tumor=[]) == pytest.approx({"kidney_tumor": dice(everything, masks[0]), "tumor": 0})
    nib.save(nib.Nifti1Image(masks[0].astype(np.uint8), AFFINE + np.outer([1, 0, 0, 0], [0, 0, 0, 9])), paths[1])
    table = tabulate(kidney=paths[:2], tumor=paths[2:])
    assert table["problem"].str.startswith(f"{paths[1]} does not lie where").all()
    assert table["dice"].isna().all()


def test_a_union_is_that_of_the_voxels(rng):
    for share in (0.02, 0.3, 0.8):
        masks = rng.random((4, 9, 5, 6)) < share
        found = unite(masks.shape[1:], [RunLengthMask.from_mask(mask) for mask in masks])
        expected = RunLengthMask.from_mask(masks.any(0))
        np.testing.assert_array_equal(found.start, expected.start)
        np.testing.assert_array_equal(found.stop, expected.stop)
    assert unite((3, 4, 5), []).voxels == 0


def test_holm_by_hand():
    """Three tests: 0.01 * 3, 0.03 * 2, and 0.04 * 1, which may not fall below the one before it."""
    corrected = adjust_holm(pd.Series([0.01, 0.04, NAN, 0.03]))
    assert corrected.tolist() == pytest.approx([0.03, 0.06, NAN, 0.06], nan_ok=True)
    assert adjust_holm(pd.Series([0.6, 0.7])).tolist() == [1, 1]


def test_the_interval_follows_the_confidence():
    """Five times the mean of a resample is binomial (5, 1/5): at most 2, 3 with p = 0.942, 0.9933."""
    values = np.array([0, 0, 0, 0, 1.0])
    assert estimate_interval(values, np.mean, 0)[1] == pytest.approx(0.6)
    assert estimate_interval(values, np.mean, 0, 0.995)[1] == pytest.approx(0.8)


def test_infinite_distances_are_counted_and_left_out(drawn):
    table = TABLE.assign(hd95_mm=TABLE["dice"])
    table.loc[table["method"].eq("one") & table["case"].eq("b"), "hd95_mm"] = np.inf
    keys = ["method", "target", "measure"]
    summary = comparison.summarize_methods(table, 0).set_index(keys).loc[("one", "tumor", "hd95_mm")]
    assert summary[["n", "infinite", "left_out", "mean"]].tolist() == pytest.approx([2, 1, 1, (0.5 + 1.0) / 2])
    assert summary["sd"] == pytest.approx(np.sqrt(2 * 0.25**2))
    pairs = comparison.compare_methods(table, 0).set_index(keys).loc[("one", "tumor", "hd95_mm")]
    assert pairs[["n", "mean"]].tolist() == pytest.approx([1, 0.5 - 0.3])
    plot_comparison(table, [])
    axis = drawn[0].axes[5]
    assert axis.get_title() == "Tumor: 95 % Hausdorff distance"
    assert [text.get_text() for text in axis.texts] == ["d", "c"]  # of "one" the worst is infinite
    assert [tick.get_text() for tick in axis.get_xticklabels()] == [
        "run\n(n = 3)",
        "one\n(n = 2, 1 infinite)",
        "two\n(n = 4)",
    ]


def test_any_name_of_a_case_is_drawn(drawn):
    """Between dollar signs, matplotlib would read mathematics, and fail."""
    plot_comparison(TABLE.assign(case=TABLE["case"] + "$_$"), [])
    drawn[0].canvas.draw()
    assert [text.get_text() for text in drawn[0].axes[3].texts] == ["a$_$", "a$_$", "b$_$"]


def test_the_figure_has_a_group_for_each_method(drawn):
    plot_comparison(TABLE, [])
    (figure,) = drawn
    axis = figure.axes[3]
    assert axis.get_title() == "Tumor: surface Dice, within 1.150 mm"
    assert [tick.get_text() for tick in axis.get_xticklabels()] == ["run\n(n = 3)", "one\n(n = 3)", "two\n(n = 4)"]
    dots = [line.get_ydata().tolist() for line in axis.lines if line.get_marker() == "o"]
    assert dots == [pytest.approx(values) for values in ([0.3, 0.5, 0.7], [0.5, 0.6, 1.0], [0.3, 0.1, 1.0, 0.5])]
    assert [text.get_text() for text in axis.texts] == ["a", "a", "b"]
    assert [text.get_position()[1] for text in axis.texts] == pytest.approx([0.3, 0.5, 0.1])
