"""What runs again after a change: each key of the configuration in turn, and the code of each rule."""

import os
import re
from contextlib import ExitStack, contextmanager

import pytest
import yaml
from conftest import RESOURCES, ROOT, SCRIPTS, TINY, merged
from helpers.planner import PURE_TARGETS, Planner

from kidney_tumor.sources import digest_code

# The workflow, written by hand: for each rule, those that read what it writes and so run after it.
READERS = {
    "make_phantom": {
        "check_cohort",
        "extract_slices",
        "measure_tumors",
        "trace_labels",
        "score",
        "measure_labels",
        "read_record",
        "ablate",
        "write_viewer",
    },
    "check_cohort": set(),
    "split_cases": {"summarize"},
    "extract_slices": {"train", "predict", "plot_slice", "pack_model"},
    "train": {"pack_model", "predict", "plot_training", "plot_network", "summarize", "write_first_page"},
    "predict": {"postprocess", "score", "ablate", "plot_surfaces", "plot_slice", "write_viewer"},
    "measure_tumors": {"ratio_range", "ablate", "plot_ratios"},
    "ratio_range": {"pack_model", "postprocess", "trace_labels", "summarize", "plot_ratios"},
    "pack_model": {"write_model_card"},
    "measure_labels": {
        "pack_model",
        "make_record",
        "summarize_agreement",
        "summarize_outcomes",
        "compare_operations",
        "summarize_morphometry",
    },
    "make_record": {"read_record"},
    "read_record": {"summarize_agreement", "summarize_outcomes", "compare_operations", "summarize_morphometry"},
    "postprocess": {"score", "plot_surfaces", "plot_slice", "write_viewer"},
    "score": {"summarize", "summarize_morphometry"},
    "summarize": {
        "write_model_card",
        "plot_dice",
        "plot_references",
        "plot_surfaces",
        "write_first_page",
        "summarize_morphometry",
    },
    "summarize_traces": {"write_first_page"},
    "summarize_ablation": {"write_first_page"},
    "write_viewer": {"write_first_page"},
    "plot_dice": {"plot_pipeline", "write_first_page"},
    "plot_references": {"write_first_page"},
    "ablate": {"summarize_ablation"},
    "trace_labels": {"summarize_traces"},
}
FILTER = {"postprocess", "trace_labels", "ablate"}
NEW_CASES = {"check_cohort", "split_cases", "measure_tumors", "measure_labels", "trace_labels", "train"}

# Each key, another value of it, and the rules that must run again; those that read what they write follow.
KEYS = [
    ("run", "other", {"make_phantom", "split_cases"}),
    ("results", "elsewhere", {"make_phantom", "split_cases"}),
    ("device", "auto", {"train", "predict"}),
    ("cpu_threads", 2, set()),
    ("precision", "bfloat16", {"train", "predict"}),
    ("deterministic", True, {"train", "predict"}),
    ("data.root", "elsewhere", set()),  # of no effect on phantoms
    ("data.cases", ["0-4"], set()),  # the same cases
    ("data.exclude", [4], NEW_CASES),
    ("data.record", "elsewhere.json", set()),  # of no effect on phantoms
    ("download.imaging", "https://other.org/{case}", set()),  # as all of this section, without a download
    ("download.imaging_revision", "other", set()),
    ("download.labels", "https://other.org/{case}", set()),
    ("download.labels_revision", "other", set()),
    ("download.lock", "other.sha256", set()),
    ("download.connections", 2, set()),
    ("download.attempts", 2, set()),
    ("download.timeout", 2, set()),
    ("split.test_cases", 1, {"split_cases", "train"}),
    ("split.test_fraction", 0.2, set()),  # test_cases wins
    ("split.seed", 1, {"split_cases", "train"}),
    ("slices.size", 48, {"extract_slices", "trace_labels"}),
    ("slices.tumor_rows", "all", {"train", "trace_labels"}),
    ("slices.hu_window", [-100, 300], {"train", "plot_slice", "write_viewer"}),
    ("network.base_channels", 3, {"train"}),
    ("network.depth", 1, {"train"}),
    ("network.batch_norm", False, {"train"}),
    ("training.epochs", 3, {"train"}),
    ("training.batch_size", 4, {"train"}),
    ("training.learning_rate", 0.01, {"train"}),
    ("training.dice_weight", 0.4, {"train"}),
    ("training.scheduler", "one_cycle", {"train"}),
    ("training.scheduler_factor", 0.2, {"train"}),
    ("training.scheduler_patience", 1, {"train"}),
    ("training.early_stopping_patience", 1, {"train"}),
    ("training.min_improvement", 0.1, {"train"}),
    ("training.seed", 1, {"train"}),
    ("training.slices", {"negatives": 0.5}, {"train"}),
    ("training.augmentation", "standard", {"train"}),
    ("training.validation_cases", 1, {"train"}),
    ("training.loading", "disk", set()),
    ("inference.batch_size", 4, {"predict"}),
    ("inference.threshold", 0.4, {"predict"}),
    ("inference.restore", "nearest", {"predict", "trace_labels"}),
    ("inference.probabilities", True, {"predict"}),
    ("postprocess.percentiles", [10, 90], {"ratio_range", "ablate"}),
    ("postprocess.ratio_cases", "train", {"ratio_range", "ablate"}),
    ("postprocess.ratio_unit", "mm", {"ratio_range", "ablate"}),
    ("postprocess.percentiles", None, FILTER | {"ratio_range", "ablate"}),
    ("postprocess.min_component_voxels", 5, FILTER | {"measure_tumors", "measure_labels", "score"}),
    ("postprocess.tumor_kidney_overlap", 0.9, FILTER),
    ("postprocess.kidney_components", 1, FILTER),
    ("postprocess.keep_best", True, FILTER),
    ("ablation.percentiles", [[20, 80]], {"ablate"}),
    ("ablation.tumor_kidney_overlap", [0.7], {"ablate"}),
    ("scans.root", "elsewhere", set()),  # of no effect but on scans
    ("scans.models", "elsewhere", set()),
    ("scans.formats", ["dicom_seg", "slicer_seg"], set()),
    ("evaluate.truth", "elsewhere", set()),  # as all of this section, of no effect but on `evaluate`
    ("evaluate.predictions", {"other": "elsewhere"}, set()),
    ("evaluate.labels", {"kidney": [1, 3]}, set()),
    ("evaluate.both_empty", "one", set()),
    ("evaluate.kidney_tolerance_mm", 2, set()),
    ("evaluate.tumor_tolerance_mm", 2, set()),
    (
        "statistics.seed",
        1,
        {
            "summarize",
            "summarize_ablation",
            "summarize_outcomes",
            "compare_operations",
            "summarize_agreement",
            "summarize_traces",
        },
    ),
    ("phantom.cases", 6, {"make_phantom"} | NEW_CASES),
    ("phantom.size", 48, {"make_phantom"}),
    ("phantom.slices", [13, 14], {"make_phantom"}),
    ("phantom.variety", "wide", {"make_phantom"}),
    ("phantom.seed", 4, {"make_phantom"}),
]
FILES = {
    "write_viewer": [RESOURCES / "viewer.html"],
    "write_first_page": [RESOURCES / "first_page.html", ROOT / "workflow" / "report" / "style.css"],
    "write_model_card": [RESOURCES / "model_card.md"],
    "summarize": [RESOURCES / "paper_claims.tsv"],
    "plot_ratios": [RESOURCES / "paper_claims.tsv"],
    "plot_references": [RESOURCES / "references.tsv"],
}
"""The files of the workflow that scripts read."""
TOGETHER = {"data.source", "split.scheme", "split.repeats"}
"""Keys that cannot change alone on phantoms, or that lay the results out anew."""

pytestmark = pytest.mark.slow


def follow(rules):
    """Add to some rules all that run after them."""
    found, waiting = set(rules), list(rules)
    while waiting:
        following = READERS.get(waiting.pop(), set()) - found
        found |= following
        waiting += following
    return found


def change(key, value):
    section, _, name = key.rpartition(".")
    return merged(TINY, **({section: {name: value}} if section else {name: value}))


@pytest.fixture
def planner(finished, copy_of):
    project = copy_of(finished)
    planner = Planner(project)
    yield planner
    planner.stop()


@pytest.mark.parametrize("part", [0, 1])
def test_each_key_reruns_what_depends_on_it(planner, part):
    """Every other key, so that two workers share them."""
    assert planner.plan(TINY) == set()
    wrong = {}
    for key, value, rules in KEYS[part::2]:
        planned = planner.plan(change(key, value))
        if planned != follow(rules):
            wrong[key] = sorted(planned ^ follow(rules))
    assert not wrong


def test_the_table_has_every_key():
    config = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
    keys = set()
    for key, value in config.items():
        keys |= {f"{key}.{name}" for name in value} if isinstance(value, dict) else {key}
    assert {key for key, *_ in KEYS} | TOGETHER == keys


def test_more_splits_repeat_neither_extraction_nor_the_upper_bound(planner):
    planned = planner.plan(merged(TINY, split={"scheme": "kfold", "repeats": 2}))
    assert "train" in planned
    assert not planned & {"make_phantom", "extract_slices", "check_cohort", "measure_tumors", "trace_labels"}


def test_each_rule_records_the_code_of_its_script(planner):
    code = planner.ask(TINY)[1]
    scripts = {
        rule: [(rule, digest_code(SCRIPTS / f"{rule}.py", FILES.get(rule, [])))] for rule in set(code) - PURE_TARGETS
    }
    assert len(scripts) > 30
    assert {rule: list(map(tuple, names)) for rule, names in code.items() if rule not in PURE_TARGETS} == scripts


@contextmanager
def edited(path, content, time=None):
    """A file with another content and another time of its last change."""
    kept, times = path.read_bytes(), path.stat()
    path.write_bytes(content)
    if time:
        os.utime(path, (time, time))
    yield
    path.write_bytes(kept)
    os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))


def test_edited_code_reruns_what_reads_it(planner):
    """One module that another imports, one that several scripts do, a script, a template; one that decides nothing."""
    folder = planner.folder / "workflow"
    edits = {
        "scripts/kidney_tumor/report/crop.py": {"write_viewer"},
        "scripts/kidney_tumor/data/split.py": {"split_cases", "summarize"},
        "scripts/plot_ratios.py": {"plot_ratios"},
        "resources/viewer.html": {"write_viewer"},
        "resources/model_card.md": {"write_model_card"},
        "scripts/kidney_tumor/networks/checkpoint.py": set(),
    }
    for name, rules in edits.items():
        path = folder / name
        with edited(path, path.read_bytes() + b"\nchanged = True\n"):
            assert planner.restart().plan(TINY) == follow(rules), name
    assert planner.restart().plan(TINY) == set()


def test_comments_docstrings_layout_and_times_of_code_rerun_nothing(planner):
    with ExitStack() as stack:
        for path in (planner.folder / "workflow").rglob("*"):
            if path.suffix == ".py":
                code = re.sub(r'^( *)"""(?=\w)', r'\1"""Other words. ', path.read_text(), flags=re.MULTILINE)
                code = re.sub(r"^( *def .*:)$", r"\1  # a remark", code, flags=re.MULTILINE)
                assert "Other words" in code
                stack.enter_context(edited(path, f"# A remark.\n\n{code}".encode(), time=2e9))
            elif path.is_file():
                stack.enter_context(edited(path, path.read_bytes(), time=2e9))
        assert planner.restart().plan(TINY) == set()


def test_another_place_of_code_and_results_reruns_nothing(finished, copy_of, tmp_path):
    """Through a symbolic link; after both were moved; after the code was moved away from the results, and elsewhere."""
    project = copy_of(finished)
    (tmp_path / "link").symlink_to(project.folder)
    project.folder = tmp_path / "link"
    assert project.planned(TINY) == {}
    project.folder = (tmp_path / "copy").rename(tmp_path / "moved")
    assert project.planned(TINY) == {}
    (tmp_path / "clone").mkdir()
    for name in ("workflow", "config", "envs", "profiles", "Snakefile"):
        (project.folder / name).rename(tmp_path / "clone" / name)
    assert project.planned(TINY, "--snakefile", "../clone/Snakefile") == {}
    assert project.planned(TINY, "--snakefile", str(tmp_path / "clone" / "workflow" / "Snakefile")) == {}
