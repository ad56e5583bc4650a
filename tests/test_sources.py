"""The modules whose edit reruns a script, compared with those that Python loads."""

import pytest
from conftest import SCRIPTS

from kits.sources import NEUTRAL, find_sources

PACKAGE = SCRIPTS / "kits"
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
    package = tmp_path / "kits"
    (package / "wing").mkdir(parents=True)
    contents = {
        "kits/one.py": "import kits.wing.two as other\n",
        "kits/wing/two.py": "def late():\n    from kits import three, one\n",
        "kits/three.py": "from kits.wing import four\nimport numpy\n",
        "kits/wing/four.py": "from kits.wing.five import compute\nfrom kits import cli\n",
        "kits/wing/five.py": "def compute(): ...\n",
        "kits/cli.py": "from kits import unused\n",
        "kits/unused.py": "",
        "script.py": "from kits.one import (\n    something,\n)\n",
    }
    for name, content in contents.items():
        (tmp_path / name).write_text(content)
    expected = ["one.py", "three.py", "wing/five.py", "wing/four.py", "wing/two.py"]
    assert find_sources(tmp_path / "script.py") == tuple(package / name for name in expected)
