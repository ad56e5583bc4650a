"""The modules whose edit reruns a script, compared with those that Python loads."""

import pytest
from conftest import SCRIPTS

from kidney_tumor.sources import NEUTRAL, find_sources

PACKAGE = SCRIPTS / "kidney_tumor"
NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py"))


@pytest.mark.parametrize("name", NAMES)
def test_a_scripts_sources_are_the_modules_it_loads(loaded, name):
    neutral = {PACKAGE / f"{module.replace('.', '/')}.py" for module in NEUTRAL}
    wings = {path for path in loaded[name] if path.name == "__init__.py"}
    assert not any(path.read_text().split('"""')[2].strip() for path in wings)  # they hold no code
    assert set(find_sources(SCRIPTS / f"{name}.py")) == loaded[name] - neutral - wings


def test_neutral_modules_exist():
    for module in NEUTRAL:
        assert (PACKAGE / f"{module.replace('.', '/')}.py").is_file()


def test_every_form_of_import_is_found(tmp_path):
    """Imports are found through other modules, within functions and in circles; a name may be that of a function."""
    package = tmp_path / "kidney_tumor"
    (package / "wing").mkdir(parents=True)
    contents = {
        "kidney_tumor/one.py": "import kidney_tumor.wing.two as other\n",
        "kidney_tumor/wing/two.py": "def late():\n    from kidney_tumor import three, one\n",
        "kidney_tumor/three.py": "from kidney_tumor.wing import four\nimport numpy\n",
        "kidney_tumor/wing/four.py": "from kidney_tumor.wing.five import compute\nfrom kits import cli\n",
        "kidney_tumor/wing/five.py": "def compute(): ...\n",
        "kidney_tumor/cli.py": "from kidney_tumor import unused\n",
        "kidney_tumor/unused.py": "",
        "script.py": "from kidney_tumor.one import (\n    something,\n)\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    expected = ["one.py", "three.py", "wing/five.py", "wing/four.py", "wing/two.py"]
    assert find_sources(tmp_path / "script.py") == tuple(package / name for name in expected)
