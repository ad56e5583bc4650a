"""The configuration: every mistake is found before any job runs, and is described in words."""

import ast
import re
import shutil
import sys

import pytest
import yaml
from conftest import ROOT, SCRIPTS, merged, run_script

from kidney_tumor import configuration
from kidney_tumor.errors import UserError

PAPER = yaml.safe_load((ROOT / "config" / "config.yaml").read_text())
README = (ROOT / "config" / "README.md").read_text()


def keys(section, prefix=""):
    for key, value in section.items():
        if isinstance(value, dict) and not prefix:
            yield from keys(value, f"{key}.")
        else:
            yield f"{prefix}{key}"


def test_shipped_configurations_are_valid():
    configuration.validate(PAPER)
    configuration.validate(merged(PAPER, **yaml.safe_load((ROOT / "config" / "demo.yaml").read_text())))


def test_defaults_are_the_papers():
    assert PAPER["training"]["epochs"] == 50
    assert PAPER["training"]["dice_weight"] == 0.5
    assert PAPER["slices"]["size"] == 256
    assert PAPER["network"] == {"base_channels": 64, "depth": 4, "batch_norm": True}
    assert PAPER["split"]["test_cases"] == 20
    assert PAPER["postprocess"]["percentiles"] == [5, 95]
    assert PAPER["postprocess"]["tumor_kidney_overlap"] == 0.95
    assert PAPER["postprocess"]["kidney_components"] == 2


def test_readme_explains_every_key():
    explained = set(re.findall(r"^\| `([\w.]+)`", README, re.MULTILINE))
    assert explained == set(keys(PAPER))


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"epochs": 3}, r"epochs is not a known key"),
        ({"training": {"epoch": 3}}, r"training.epoch is not a known key; did you mean training.epochs\?"),
        ({"training": {"epochs": "ten"}}, r"training.epochs: 'ten' is not of type 'integer'"),
        ({"training": {"epochs": 0}}, r"training.epochs: 0 is less than the minimum of 1"),
        ({"training": {"learning_rate": "1e-3"}}, r"training.learning_rate: .*written as 0.001"),
        ({"training": {"dice_weight": 1.5}}, r"training.dice_weight: 1.5"),
        ({"evaluate": {"both_empty": "zero"}}, r"evaluate.both_empty: 'zero' is not one of \['missing', 'one'\]"),
        ({"evaluate": {"labels": {"kidney": [2]}}}, r"evaluate.labels: 2 is both kidney and tumor; name each once"),
        ({"evaluate": {"labels": {"tumor": ["mass"]}}}, r"evaluate.labels.tumor.0: 'mass' .*expected a label, a whole"),
        ({"evaluate": {"tumor_tolerance_mm": 0}}, r"evaluate.tumor_tolerance_mm: .*expected a number of mm above 0"),
        ({"evaluate": {"truth": {"kidney": [1]}}}, r"evaluate.truth.folder is missing"),
        ({"evaluate": {"predictions": {"a b": "f"}}}, r"evaluate.predictions: 'a b' does not match"),
        ({"evaluate": {"predictions": {"a": {"folder": "f", "tumor": [1]}}}}, r"evaluate.predictions.a: 1 is both"),
        ({"slices": {"size": 33}}, r"slices.size: 33 is not a multiple of 2"),
        ({"slices": {"hu_window": [300, -79]}}, r"slices.hu_window: 300 comes before -79"),
        ({"slices": {"hu_window": [5]}}, r"slices.hu_window: \[5\] is too short"),
        ({"slices": {"size": 16}, "network": {"depth": 4}}, r"network.depth: 4 poolings"),
        ({"postprocess": {"percentiles": [95, 5]}}, r"postprocess.percentiles: 95 comes before 5"),
        ({"ablation": {"percentiles": [[95, 5]]}}, r"ablation.percentiles: 95 comes before 5"),
        ({"split": {"scheme": "folds"}}, r"split.scheme: 'folds' is not one of"),
        ({"postprocess": {"percentiles": [5, 101]}}, r"postprocess.percentiles.1: 101"),
        ({"data": {"source": "web"}}, r"data.source: 'web' is not one of \['kits19', 'download', 'phantom'\]"),
        ({"download": {"labels": "http://host:port/{case}"}}, r"download.labels: .*expected an address, http or https"),
        ({"data": {"cases": ["x"]}}, r"data.cases: \['x'\].*expected `all`, or a list"),
        ({"split": {"test_fraction": 1}}, r"split.test_fraction: 1"),
        ({"run": "a/b"}, r"run: 'a/b'.*folder's name"),
        ({"run": "../up"}, r"run: '../up'"),
        ({"run": "split_2"}, r"run: 'split_2'"),
        ({"run": 7}, r"run: 7 is not of type 'string'"),
        ({"training": {"epochs": 3.0}}, r"training.epochs: 3.0 is not of type 'integer'"),
        ({"phantom": {"cases": True}}, r"phantom.cases: True is not of type 'integer'"),
        ({"data": {"cases": [0.0, 1]}}, r"data.cases: \[0.0, 1\]"),
        ({"training": {"dice_weight": float("nan")}}, r"training.dice_weight: nan is not of type 'number'"),
        ({"training": {"learning_rate": float("inf")}}, r"training.learning_rate: inf is not of type 'number'"),
        ({"slices": {"hu_window": [float("nan"), 1]}}, r"slices.hu_window.0: nan is not of type 'number'"),
        ({"device": "gpu"}, r"device: 'gpu' is not one of"),
    ],
)
def test_mistakes_are_named(change, says):
    with pytest.raises(UserError, match=f"^config: {says}"):
        configuration.validate(merged(PAPER, **change))


def test_all_mistakes_are_reported_at_once():
    bad = merged(PAPER, training={"epochs": 0, "batch_size": "x"}, slices={"size": 7})
    with pytest.raises(UserError) as error:
        configuration.validate(bad)
    assert len(str(error.value).splitlines()) == 4  # 7 is too small and odd


def test_missing_key():
    with pytest.raises(UserError, match=r"compare\.other\.folder is missing; see config/README\.md"):
        configuration.validate(merged(PAPER, compare={"other": {"kidney": [1]}}))


def test_missing_keys_have_the_defaults():
    config = {"run": "mine", "slices": {"size": 64}}
    configuration.fill_defaults(config)
    assert config == merged(PAPER, run="mine", slices={"size": 64})


@pytest.mark.parametrize(
    ("name", "line", "edited"),
    [
        ("config/config.yaml", "  epochs: 50", "  epochs: 51"),
        ("config/config.yaml", "  epochs: 50\n", ""),
        ("config/README.md", "| `training.epochs` | `50` |", "| `training.epochs` | `51` |"),
        ("config/README.md", "at most 50 epochs", "at most 51 epochs"),
        ("config/README.md", "## data\n", "## dada\n"),
        ("docs/method.md", "| `training.batch_size` | `16` |", "| `training.batch_size` | `17` |"),
    ],
)
def test_edits_of_what_is_written_from_the_schema_are_found(tmp_path, name, line, edited):
    folder = tmp_path
    shutil.copytree(ROOT / "config", folder / "config")
    shutil.copytree(ROOT / "docs", folder / "docs", ignore=shutil.ignore_patterns("images"))
    assert run_script("write_config", "--folder", folder, "--check").returncode == 0
    text = (folder / name).read_text()
    assert line in text
    (folder / name).write_text(text.replace(line, edited))
    result = run_script("write_config", "--folder", folder, "--check")
    assert result.returncode == 1
    assert f"{name}" in result.stderr
    if "##" not in line:
        assert run_script("write_config", "--folder", folder).returncode == 0
        assert (folder / name).read_text() == text


def test_numbers_of_the_command_line_arrive_as_text():
    """`snakemake --config training='{epochs: 3}'` gives {"epochs": "3"}."""
    config = merged(PAPER, training={"epochs": "3"}, postprocess={"percentiles": ["1", "99"]}, data={"root": "007"})
    configuration.parse_texts(config)
    assert config["training"]["epochs"] == 3
    assert config["postprocess"]["percentiles"] == [1, 99]
    assert config["data"]["root"] == "007"
    configuration.validate(config)


def test_texts_stay_texts_where_a_key_takes_them():
    """A number that stands for a label, and null or a list in place of a name, are none."""
    parts = {"folder": "2019", "kidney": ["2", "kidney_left"]}
    scans = {"root": "null", "models": "[results/a, '7']"}
    config = merged(PAPER, data={"record": "2019"}, scans=scans, compare={"1": "results/1", "2": parts})
    configuration.parse_texts(config)
    assert config["data"]["record"] == "2019"
    assert config["scans"] == {"root": None, "models": ["results/a", "7"], "formats": []}
    assert config["compare"] == {"1": "results/1", "2": {"folder": "2019", "kidney": [2, "kidney_left"]}}


def test_options():
    values = {"batch_size": 8, "batch_norm": False, "on": True, "percentiles": [5, 95], "test_cases": None, "x": 0.5}
    expected = ["--batch-size", "8", "--no-batch-norm", "--on", "--percentiles", "5", "95", "--no-test-cases"]
    expected += ["--x", "0.5"]
    assert configuration.make_options(values) == expected


PROVIDERS = {
    "PIL": "pillow",
    "gdcm": "python-gdcm",
    "jinja2": "Jinja2",
    "mpl_toolkits": "matplotlib",
    "nrrd": "pynrrd",
    "skimage": "scikit-image",
    "surface_distance": "surface-distance",
    "yaml": "PyYAML",
}
PLUGINS = {"imaging": {"pylibjpeg", "pylibjpeg-openjpeg"}, "torch": set()}
"""Packages that others load: pydicom finds its decoders by their entry points."""


def imported(path, seen):
    """Third-party packages that a script imports, through the package's modules too."""
    if path in seen:
        return set()
    seen.add(path)
    names = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            names |= {alias.name for alias in node.names}
        elif isinstance(node, ast.Call) and getattr(node.func, "attr", "") == "distribution":
            names |= {argument.value for argument in node.args}  # a package whose files are read without an import
        elif isinstance(node, ast.ImportFrom):
            names |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    found = set()
    for name in names:
        top = name.split(".")[0]
        if top == "kidney_tumor":
            module = SCRIPTS / name.replace(".", "/")
            source = module / "__init__.py" if module.is_dir() else module.with_suffix(".py")
            if source.exists():  # else a function
                found |= imported(source, seen)
        elif top not in sys.stdlib_module_names:
            found.add(PROVIDERS.get(top, top))
    return found


def read_rules():
    """The text of each rule and checkpoint, by its name; a rule that inherits has its parent's script."""
    text = "\n".join(path.read_text() for path in sorted((ROOT / "workflow" / "rules").rglob("*.smk")))
    header = r"^ *(?:rule|checkpoint|use rule \w+ as) (\w+)( with)?:$"
    _, *parts = re.split(header, text, flags=re.MULTILINE)
    return {
        name: body for name, inherits, body in zip(parts[::3], parts[1::3], parts[2::3], strict=True) if not inherits
    }


@pytest.mark.parametrize("name", ["imaging", "torch"])
def test_each_environment_holds_what_its_scripts_import_and_no_more(name):
    blocks = [text for text in read_rules().values() if f"envs/{name}.yaml" in text]
    scripts = {re.search(r'\b(?:use_script|find_script)\("(\w+)"[,)]', block)[1] for block in blocks}
    assert len(scripts) > 1
    needed = set().union(*(imported(SCRIPTS / f"{script}.py", set()) for script in scripts))
    dependencies = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())["dependencies"]
    assert needed | PLUGINS[name] == {pin.split("==")[0] for pin in dependencies[-1]["pip"]}


def test_environments_match_the_lock():
    """conda itself cannot be tried here: its files pin what the lock pins."""
    lines = (ROOT / "envs" / "lock.txt").read_text().split()
    lock = dict(line.split("==") for line in lines)
    assert lock["torch"] == "2.13.0"
    direct = {line.split("==")[0] for line in (ROOT / "envs" / "requirements.txt").read_text().splitlines()}
    assert {name for name in direct if name and not name.startswith("#")} <= set(lock) | {"pyyaml"}
    for name in ("imaging", "torch"):
        dependencies = yaml.safe_load((ROOT / "envs" / f"{name}.yaml").read_text())["dependencies"]
        for pin in dependencies[-1]["pip"]:
            package, version = pin.split("==")
            assert lock[package] == version, package


def test_choices_given_as_text():
    """`snakemake --config deterministic=true` gives text; names stay text."""
    config = merged(PAPER, deterministic="true", run="2019")
    configuration.parse_texts(config)
    assert config["deterministic"] is True
    assert config["run"] == "2019"
    assert config["device"] == "auto"


def test_every_rule_runs_again_with_its_own_script():
    """The code of each rule is recorded, except that a download is kept through every change of the code."""
    rules = read_rules()
    assert len(rules) > 15
    for name, text in rules.items():
        scripts = re.findall(r'\b(use_script|find_script)\("(\w+)"[,)]', text)
        assert [kind for kind, _ in scripts] == ["find_script" if name == "download" else "use_script"], name
        assert re.search(r"    shell:\n.*\brun_script\(", text, re.DOTALL), name
