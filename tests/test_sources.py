"""The modules by which an edit runs a script again, against what Python itself loads."""

import subprocess
import sys
from pathlib import Path

import pytest
from conftest import SCRIPTS

from kits.sources import NEUTRAL, find_sources

PACKAGE = SCRIPTS / "kits"
SHOW_LOADED = """
import runpy, sys
runpy.run_path(sys.argv[1])
print(*(module.__file__ for name, module in list(sys.modules.items()) if name.startswith("kits.")), sep="\\n")
"""


def load(script):
    """The files of the package that Python has loaded when a script could begin its work, without empty ones."""
    command = [sys.executable, "-c", SHOW_LOADED, str(script)]
    environment = {"PYTHONPATH": str(script.parent)}
    output = subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout
    return {Path(line) for line in output.split() if not line.endswith("__init__.py")}


@pytest.mark.parametrize("name", sorted(path.stem for path in SCRIPTS.glob("*.py")))
def test_a_scripts_sources_are_the_modules_it_loads(name):
    script = SCRIPTS / f"{name}.py"
    neutral = {PACKAGE / f"{module.replace('.', '/')}.py" for module in NEUTRAL}
    assert set(find_sources(script)) == load(script) - neutral


def test_neutral_modules_exist():
    for module in NEUTRAL:
        assert (PACKAGE / f"{module.replace('.', '/')}.py").is_file()


def test_every_form_of_import_is_found(tmp_path):
    """Also through other modules, within a function, and in a circle; a name may be that of a function."""
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
