"""Shared fixtures: volumes on disk, scripts and the workflow run as a user runs them."""

import io
import json
import os
import runpy
import shutil
import signal
import subprocess
import sys
import warnings
from collections.abc import Callable
from contextlib import chdir, redirect_stderr, redirect_stdout
from pathlib import Path
from typing import NamedTuple
from unittest.mock import patch
from warnings import catch_warnings

import nibabel as nib
import numpy as np
import pytest
import yaml
from filelock import FileLock
from helpers import warm
from nibabel.orientations import axcodes2ornt, io_orientation, ornt_transform

from kidney_tumor.data.slices import extract
from kidney_tumor.volumes.nifti import write_volume

# Two workers share the cores: threads that wait for each other would only spin.
os.environ |= {"OMP_NUM_THREADS": "1", "OMP_WAIT_POLICY": "passive"}
# A shell lets what it runs in the background ignore Ctrl-C, and so would all that the tests start.
signal.signal(signal.SIGINT, signal.default_int_handler)

ROOT = Path(__file__).parents[1]
SCRIPTS = ROOT / "workflow" / "scripts"
RESOURCES = ROOT / "workflow" / "resources"
SHARED = ROOT.parent / "shared"

AFFINE = np.array([[0, 0, -0.75, 10], [0, -0.75, 0, 20], [-3.0, 0, 0, 30], [0, 0, 0, 1]])

TINY = {
    "run": "tiny",
    "device": "cpu",
    "cpu_threads": 1,
    "precision": "float32",
    "data": {"source": "phantom"},
    "split": {"test_cases": 2},
    "slices": {"size": 32},
    "network": {"base_channels": 2, "depth": 2},
    "training": {"epochs": 2, "batch_size": 8},
    "ablation": {"percentiles": [[0, 100]], "tumor_kidney_overlap": [0.5]},
    "scans": {"models": None},
    "phantom": {"cases": 5, "size": 40, "slices": [12, 14], "seed": 3},
}
NO_SWEEP = {"percentiles": [], "tumor_kidney_overlap": []}
"""The configuration of a run without sweeps of the filter's thresholds."""

VARIANTS = 9
"""The number of variants of the filter that the ablation of `TINY` compares."""

RESULTS = f"results/{TINY['run']}"


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(0)


def save(path: Path, volume: np.ndarray) -> Path:
    """Write a volume in its own type, with an affine like those of KiTS19."""
    path.parent.mkdir(parents=True, exist_ok=True)
    nib.save(nib.Nifti1Image(volume, AFFINE), path)
    return path


def replace(path: Path, volume: np.ndarray) -> Path:
    """Write a volume in place of another one."""
    nib.save(nib.Nifti1Image(volume, nib.load(path).affine), path)
    return path


def turn(image: nib.Nifti1Image, codes: str) -> nib.Nifti1Image:
    """The same image stored in other axes, by nibabel."""
    return image.as_reoriented(ornt_transform(io_orientation(image.affine), axcodes2ornt(codes)))


def save_case(folder: Path, image: np.ndarray, label: np.ndarray) -> Path:
    save(folder / "imaging.nii.gz", image)
    save(folder / "segmentation.nii.gz", label)
    return folder


def start_script(name: str, *arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a script in a process of its own, without Snakemake."""
    command = [sys.executable, str(SCRIPTS / f"{name}.py"), *map(str, arguments)]
    return subprocess.run(command, capture_output=True, text=True, cwd=cwd)


def run_script(name: str, *arguments: object, cwd: Path = ROOT) -> subprocess.CompletedProcess[str]:
    """Run a script in this process, which is faster, unless it sets up PyTorch or becomes another program."""
    if name in ("train", "predict"):
        return warm.run([SCRIPTS / f"{name}.py", *arguments], cwd)
    if name == "kidney":
        return start_script(name, *arguments, cwd=cwd)
    command, out, err, code = [str(SCRIPTS / f"{name}.py"), *map(str, arguments)], io.StringIO(), io.StringIO(), 0
    with chdir(cwd), redirect_stdout(out), redirect_stderr(err), patch.object(sys, "argv", command), catch_warnings():
        warnings.showwarning = lambda message, *_: print(f"warning: {message}", file=err)  # as it would be seen
        try:
            runpy.run_path(command[0], run_name="__main__")
        except SystemExit as stopped:
            code = stopped.code or 0
    return subprocess.CompletedProcess(command, code, out.getvalue(), err.getvalue())


class Project:
    """A copy of the workflow in a folder of its own."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        for name in ("workflow", "config", "envs", "profiles"):
            shutil.copytree(ROOT / name, folder / name, ignore=shutil.ignore_patterns("__pycache__"))
        shutil.copy(ROOT / "Snakefile", folder)

    def snakemake(self, config: dict, *arguments: str) -> subprocess.CompletedProcess[str]:
        """Run snakemake with `config` as the user's configuration file; stdout and stderr are joined."""
        path = self.folder / f"user_{os.getpid()}.yaml"  # workers share the finished project
        path.write_text(yaml.safe_dump(config))
        return warm.run_snakemake(self.folder, "--cores", 2, *arguments, "--configfile", path.name, joined=True)

    def planned(self, config: dict, *arguments: str) -> dict[str, int]:
        """Count the jobs of each rule that a dry run lists."""
        result = self.snakemake(config, *arguments, "--dry-run", "--quiet", "rules")
        assert result.returncode == 0, result.stdout
        lines = result.stdout.splitlines()
        if "Job stats:" not in lines:
            assert "Nothing to be done" in result.stdout
            return {}
        table = lines[lines.index("Job stats:") + 3 :]
        return {rule: int(count) for rule, count in (line.split() for line in table[: table.index("")])}


def merged(config: dict, **sections: object) -> dict:
    """`config` with single keys replaced, as a second configuration file would."""
    result = {key: dict(value) if isinstance(value, dict) else value for key, value in config.items()}
    for section, change in sections.items():
        if isinstance(change, dict):
            result[section] = {**result.get(section, {}), **change}
        else:
            result[section] = change
    return result


@pytest.fixture
def project(tmp_path: Path) -> Project:
    return Project(tmp_path / "project")


@pytest.fixture(scope="session")
def finished(tmp_path_factory: pytest.TempPathFactory, worker_id: str) -> Project:
    """Run the whole workflow once on a tiny phantom cohort; tests may only read the results and plan runs."""
    base = tmp_path_factory.getbasetemp()
    shared = (base if worker_id == "master" else base.parent) / "finished"
    with FileLock(f"{shared}.lock"):
        if (shared / "done").exists():
            project = Project.__new__(Project)
            project.folder = shared / "project"
            return project
        project = Project(shared / "project")
        result = project.snakemake(TINY)
        assert result.returncode == 0, result.stdout
        (shared / "done").touch()
        return project


EXPLAIN_SCRIPTS = """
import io, json, os, runpy, sys
from contextlib import redirect_stdout
import matplotlib.pyplot, nibabel, pandas, scipy.ndimage, scipy.stats, skimage.measure, yaml  # once for all scripts
for script in sys.argv[1:]:
    if os.fork():
        assert os.wait()[1] == 0, script
        continue
    sys.argv, shown = [script, "--help"], io.StringIO()
    try:
        with redirect_stdout(shown):
            runpy.run_path(script, run_name="__main__")
    except SystemExit:
        modules = [module.__file__ for name, module in sys.modules.items() if name.startswith("kidney_tumor.")]
        print(json.dumps([script, shown.getvalue(), "torch" in sys.modules, modules]), flush=True)
        os._exit(0)
"""


class Explained(NamedTuple):
    """What a script says of itself and has imported when it could begin its work."""

    shown: str
    imports_torch: bool
    modules: set[Path]


@pytest.fixture(scope="session")
def explained() -> dict[str, Explained]:
    """Call each script with `--help`, each in a process without torch and without this package."""
    scripts = map(str, sorted(SCRIPTS.glob("*.py")))
    command = [sys.executable, "-c", EXPLAIN_SCRIPTS, *scripts]
    environment = {"PYTHONPATH": str(SCRIPTS)}
    output = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    found = map(json.loads, output.splitlines())
    return {Path(script).stem: Explained(shown, torch, set(map(Path, files))) for script, shown, torch, files in found}


@pytest.fixture
def copy_of(tmp_path: Path) -> Callable[[Project], Project]:
    """Copy a finished project, file times and Snakemake's records included, to change it."""

    def copy(original: Project) -> Project:
        twin = Project.__new__(Project)
        twin.folder = tmp_path / "copy"
        # Temporary files of other workers' commands may vanish, so they are not copied.
        shutil.copytree(original.folder, twin.folder, ignore=shutil.ignore_patterns("locks", "log", "user_*.yaml"))
        return twin

    return copy


def cohort_of(finished: Project, folder: Path) -> Path:
    """A copy of the phantom cohort, as a user's own."""
    shutil.copytree(finished.folder / RESULTS / "cohort", folder)
    return folder


OWN = merged(TINY, run="own", data={"source": "kits19", "root": "cohort"})


def list_training_cases(results: Path) -> list[str]:
    """The training cases of a finished run."""
    lines = (results / "split.tsv").read_text().splitlines()
    return [line.split("\t")[0] for line in lines if line.endswith("\ttrain")]


def errors(output: str) -> list[str]:
    """List the jobs' own error lines, each once: they are printed when they happen and again at the end."""
    return list(dict.fromkeys(line for line in output.splitlines() if line.startswith("error: ")))


def refused(result: subprocess.CompletedProcess[str]) -> str:
    """The only error line of a command, which must fail."""
    assert result.returncode != 0
    (line,) = errors(result.stdout)
    return line


@pytest.fixture
def stored(tmp_path):
    """A case of 5 slices, 8 x 8: nothing; kidney; tumor in the upper half; tumor in the lower half; both."""
    label = np.zeros((5, 8, 8), np.uint8)
    label[1, 1:7, 2:6] = 1
    label[2, 1, 1] = 2
    label[3, 6, 6] = 2
    label[4, 2:6, 2:6] = 1
    label[4, 5, 5] = 2
    image = np.arange(5, dtype=np.int16)[:, None, None] * np.ones((1, 8, 8), np.int16)
    affine = AFFINE.tolist()
    write_volume(tmp_path / "imaging.nii.gz", image, affine)
    write_volume(tmp_path / "segmentation.nii.gz", label, affine)
    extract(tmp_path / "imaging.nii.gz", tmp_path / "segmentation.nii.gz", 8, tmp_path / "case_00000")
    return tmp_path / "case_00000", label


@pytest.fixture(scope="session")
def case(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The folder of a case whose page is tested."""
    from helpers.pages import save_volumes

    folder = tmp_path_factory.mktemp("case")
    save_volumes(folder)
    return folder


@pytest.fixture
def small_disk(tmp_path):
    """Mount a file system of 64 KiB; give its path and a function that makes room in it."""
    folder = tmp_path / "disk"
    folder.mkdir()
    if os.geteuid() or subprocess.run(["mount", "-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]).returncode:
        pytest.skip("no right to mount")
    yield folder, lambda: subprocess.run(["mount", "-o", "remount,size=64m", folder], check=True)
    subprocess.run(["umount", folder], check=True)


FIGURES = (
    "ablation", "agreement", "trace", "comparison", "dice", "morphometry", "network", "outcomes", "pipeline",
    "ratios", "references", "slices", "surfaces", "training", "transfer",
)  # fmt: skip


@pytest.fixture
def drawn(monkeypatch):
    """The figures that are saved, kept instead."""
    kept = []
    import matplotlib.pyplot as plt

    for name in FIGURES:
        monkeypatch.setattr(f"kidney_tumor.figures.{name}.save", lambda figure, paths: kept.append(figure))
    yield kept
    for figure in kept:
        plt.close(figure)


def list_jobs(*parts, **others):
    """The jobs that a dry run lists."""
    rules = {rule: count for part in (*parts, others) for rule, count in part.items()}
    return rules | {"total": sum(rules.values())}


@pytest.fixture
def kidneys():
    """Two kidneys of 6 x 10 x 10 and a false positive of 4 x 4 x 4, in 12 x 40 x 40."""
    from helpers.filters import box

    shape = (12, 40, 40)
    return (
        box(shape, (3, 9), (20, 30), (5, 15)),
        box(shape, (3, 9), (20, 30), (25, 35)),
        box(shape, (0, 4), (2, 6), (2, 6)),
    )
