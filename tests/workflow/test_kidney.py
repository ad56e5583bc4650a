"""The command `kidney`: what it makes of its words, and what it says of wrong ones."""

import os
import re
import runpy
import shlex
import subprocess
import sys

import numpy as np
import pandas as pd
import pytest
from conftest import ROOT, SCRIPTS, TINY, merged, save
from helpers.dicoms import write_series
from snakemake.cli import parse_config

from kidney_tumor.commands import write_value

PLACE = f"--snakefile {ROOT}/Snakefile"


class Ended(Exception):
    """Another program takes the place of this one."""


@pytest.fixture
def kidney(monkeypatch, tmp_path, capsys):
    """Call `kidney` in a folder of a user; return the program that it becomes, or its exit status and what it says."""
    main = runpy.run_path(str(SCRIPTS / "kidney.py"))["main"]
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))

    kept = []
    monkeypatch.setattr(os, "set_inheritable", lambda descriptor, inheritable: kept.append(descriptor))

    def become(program, words):
        while kept:
            os.close(kept.pop())  # as the end of the program does
        raise Ended(program, words)

    monkeypatch.setattr(os, "execvp", become)

    def call(text):
        try:
            main(shlex.split(text))
        except Ended as end:
            program, words = end.args
            assert program == words[0]
            said = capsys.readouterr().out
            assert said == f"running: {words[2] if words[0] == 'sh' else shlex.join(words)}\n"
            return said.removeprefix("running: ").replace(os.path.dirname(sys.executable) + "/", "").strip()
        except SystemExit as end:
            return end.code, capsys.readouterr().err

    return call


def test_each_command_is_one_of_snakemake(kidney, tmp_path):
    for name in ("a b.nii.gz", "c.nii"):
        (tmp_path / name).touch()
    for name in ("labels", "x/scans", "y/scans", "models"):
        (tmp_path / name).mkdir(parents=True)
    (tmp_path / "my.yaml").write_text("{run: mine}")
    save(tmp_path / "results/mine/predictions/case_00001/kidney.nii.gz", np.zeros((2, 2, 2), np.uint8))
    made = {
        "segment c.nii -o out": (
            f"segment {PLACE} --cores all --config results=. run=out 'scans={{\"root\": \"c.nii\"}}'"
        ),
        "segment 'a b.nii.gz' c.nii --models models -o /far/001 --gpu --cores 3 -- --keep-going --dry-run": (
            f"segment --keep-going --dry-run {PLACE} --cores 3 --resources gpu=1 --config results=/far 'run= \"001\" ' "
            "'scans={\"root\": [\"a b.nii.gz\", \"c.nii\"], \"models\": \"models\"}'"
        ),
        "segment c.nii --format slicer_seg -o out": (
            f"segment {PLACE} --cores all --config results=. run=out "
            "'scans={\"root\": \"c.nii\", \"formats\": [\"slicer_seg\"]}'"
        ),
        "evaluate labels x/scans other=y/scans": (
            f"evaluate {PLACE} --cores all --config results=results run=evaluation "
            "'evaluate={\"truth\": \"labels\", \"predictions\": {\"scans\": \"x/scans\", \"other\": \"y/scans\"}}'"
        ),
        "evaluate labels models --labels kidney=1,3 tumor=": (
            f"evaluate {PLACE} --cores all --config results=results run=evaluation "
            "'evaluate={\"truth\": \"labels\", \"predictions\": {\"models\": \"models\"}, "
            "\"labels\": {\"kidney\": [1, 3], \"tumor\": []}}'"
        ),
        "run": f"{PLACE} --cores all",
        "run my.yaml outcomes --gpu": f"outcomes {PLACE} --cores all --resources gpu=1 --configfile my.yaml",
        "run -- --config run=other": f"--config run=other {PLACE} --cores all",
        "filter my.yaml": (
            "summarize --allowed-rules ratio_range postprocess score summarize "
            f"{PLACE} --cores all --configfile my.yaml"
        ),
    }  # fmt: skip
    for words, line in made.items():
        assert kidney(words) == f"snakemake {line}"
    report = f"python {SCRIPTS}/make_report.py"
    assert kidney("report my.yaml") == f"{report} --configfile my.yaml {PLACE}"
    assert kidney("report mine") == f"{report} --run mine {PLACE}"
    assert kidney("demo --cores 2").split(" &&\n    ") == [
        f"snakemake {PLACE} --cores 2 --configfile {ROOT}/config/demo.yaml",
        f"{report} --run demo {PLACE}",
    ]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ("", "the following arguments are required: COMMAND; see `kidney --help`"),
        ("segment gone.nii -o out", "gone.nii: there is no such file or folder; check the path"),
        ("segment labels", "the following arguments are required: -o/--output; see `kidney segment --help`"),
        ("segment labels -o a.yaml", "-o a.yaml: a.yaml is a file; name a folder for the results, as -o out"),
        ("segment labels -o a.yaml/out", "-o a.yaml/out: a.yaml is a file; name a folder for the results, as -o out"),
        ("segment labels -o .", "-o . has no name of its own; name a folder to make, as -o out"),
        ("segment labels -o out --cores many", "--cores many is no number of cores; give one of at least 1, or all"),
        (
            "evaluate a.yaml labels",
            "a.yaml is a file; expected a folder with a volume for each case (docs/how-to/evaluate.md)",
        ),
        (
            "evaluate labels x=gone",
            "gone is missing; expected a folder with a volume for each case (docs/how-to/evaluate.md)",
        ),
        ("evaluate labels labels --labels cyst=3", "--labels cyst=3 cannot be read; write kidney=1,3 tumor=2"),
        ("evaluate labels labels --labels kidney=1-3", "--labels kidney=1-3 cannot be read; write kidney=1,3 tumor=2"),
        ("evaluate labels labels ./labels", "labels and ./labels are both called labels; name one: other=./labels"),
        ("run gone.yaml", "gone.yaml: there is no such file; expected a configuration file such as config/demo.yaml"),
        ("run a.yaml b.yml", "a.yaml and b.yml are several configuration files; name them by -- --configfile"),
        ("run a.yaml", "config: trainin is not a known key; did you mean training?"),
        ("run -- -c 2", "-c after -- would replace kidney's own --cores; give it before --"),
        (
            "segment labels -o out -- --config scans={}",
            "--config after -- would replace kidney's own --config; put keys into a file: -- --configfile my.yaml",
        ),
        ("filter", "results/kits19 has no raw masks to filter; `kidney run` makes them"),
        ("filter mine", "mine is no configuration file; expected one that ends in .yaml"),
        ("report -- --quiet", "report takes nothing after --, and so not --quiet"),
    ],
)
def test_a_wrong_word_is_one_line(kidney, tmp_path, words, says):
    (tmp_path / "labels").mkdir()
    (tmp_path / "a.yaml").write_text("trainin: {}")
    assert kidney(words) == (2, f"error: {says}\n")


def test_snakemake_reads_a_value_as_it_was():
    for value in (
        "out",
        "001",
        "1e3",
        "nan",
        "true",
        "null",
        "~",
        "it's a b",
        "[x]",
        "{x",
        "'x'",
        "ä",
        {"root": ["a, b", "1"]},
    ):
        assert parse_config([f"key={write_value(value)}"]) == {"key": value}


def test_a_second_command_for_a_folder_is_one_line(kidney, tmp_path):
    """The lock of the first ends with the program that it became; that of a killed Snakemake stays."""
    (tmp_path / "c.nii").touch()
    first = f"import sys, time; sys.path.insert(0, {str(SCRIPTS)!r})\n"
    first += "from pathlib import Path; from kidney_tumor.locks import reserve\n"
    first += "import os; reserve(Path('out'), []); os.execvp('sh', ['sh', '-c', 'echo begun; read line'])"
    environment = os.environ | {"TMPDIR": str(tmp_path)}
    pipes = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "text": True}
    with subprocess.Popen([sys.executable, "-c", first], cwd=tmp_path, env=environment, **pipes) as other:
        assert other.stdout.readline() == "begun\n"
        busy = (1, "error: out: another kidney command works there; wait until it ends\n")
        assert kidney("segment c.nii -o ./out/") == busy
        assert kidney("segment c.nii -o elsewhere").startswith("snakemake")
        assert kidney("segment c.nii -o out -- --dry-run").startswith("snakemake")
        other.communicate("\n")
    assert kidney("segment c.nii -o out").startswith("snakemake")
    lock = tmp_path / ".snakemake" / "locks" / "0.output.lock"
    lock.parent.mkdir(parents=True)
    lock.write_text("other/scans.tsv\nlast/scans.tsv\n")
    code, says = kidney("segment c.nii -o last")
    assert code == 1
    assert says.startswith("error: last: another snakemake command works there, or one was killed; if none works")
    assert says.count("\n") == 1
    assert says.endswith(" --unlock\n")
    assert kidney("segment c.nii -o out").startswith("snakemake")


def call(project, folder, *words):
    """Call the `kidney` of a project in a folder as a user does."""
    command = [sys.executable, str(project.folder / "workflow" / "scripts" / "kidney.py"), *words]
    return subprocess.run(command, cwd=folder, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True)


@pytest.mark.slow
def test_scores_of_two_folders_anywhere(project, tmp_path):
    """A cube of 4 voxels along each side, moved by one: the Dice is 3 / 4."""
    label, prediction = np.zeros((2, 10, 10, 10), np.uint8)
    label[3:7, 3:7, 3:7] = prediction[3:7, 3:7, 4:8] = 1
    folder = tmp_path / "of a user"
    save(folder / "labels" / "a.nii.gz", label)
    save(folder / "corrected" / "a" / "segmentation.nii.gz", prediction)
    result = call(project, folder, "evaluate", "labels", "corrected", "-o", "scores of a", "--cores", "1")
    assert result.returncode == 0, result.stdout
    table = pd.read_csv(folder / "scores of a" / "evaluation.tsv", sep="\t")
    row = table[table["target"] == "kidney_tumor"].iloc[0]
    assert (row["method"], row["case"], row["dice"]) == ("corrected", "a", 0.75)


@pytest.mark.slow
def test_targets_and_scans_as_given(project, tmp_path):
    """A target beside a file is no trap, and files and series lie where they lie."""
    (tmp_path / "tiny.yaml").write_text(str(TINY | {"results": "there"}))
    result = call(project, tmp_path, "run", "tiny.yaml", "ratio_range", "--cores", "1", "--", "--dry-run")
    assert result.returncode == 0, result.stdout
    assert "there/tiny/ratio_range.json" in result.stdout or "ratio_range" in result.stdout
    save(tmp_path / "a.nii.gz", np.zeros((3, 4, 5), np.int16))
    write_series(tmp_path / "series", 4)
    result = call(
        project, tmp_path, "segment", "a.nii.gz", "series", "-o", "out", "--", "--dry-run", "--quiet", "rules"
    )
    assert result.returncode == 0, result.stdout
    assert {"read_scan 1", "convert_scan 1"} <= {" ".join(line.split()) for line in result.stdout.splitlines()}


def test_filter_trains_and_predicts_nothing(finished, tmp_path):
    """Whatever else changed: here the networks, too, which a run would train again."""
    config = merged(TINY, training={"epochs": 3}, postprocess={"tumor_kidney_overlap": 0.9})
    path = tmp_path / "changed.yaml"
    path.write_text(str(config))
    result = call(finished, finished.folder, "filter", str(path), "--cores", "1", "--", "--dry-run", "--quiet", "rules")
    assert result.returncode == 0, result.stdout
    planned = {line.split()[0] for line in result.stdout.splitlines() if re.fullmatch(r"\w+ +\d+", line)}
    assert planned == {"postprocess", "score", "summarize", "total"}
