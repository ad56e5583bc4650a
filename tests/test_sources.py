"""The code whose edit reruns a script, compared with the modules that Python loads."""

import pytest
from conftest import SCRIPTS

from kidney_tumor.sources import NEUTRAL, digest_code, find_missing, find_sources

PACKAGE = SCRIPTS / "kidney_tumor"
NAMES = sorted(path.stem for path in SCRIPTS.glob("*.py"))
LATE = {
    "read_scan": {*(PACKAGE / "scans").glob("*.py")},
    "predict": {PACKAGE / "networks" / f"{module}.py" for module in ("device", "inference", "unet")},
}
"""What a script imports only for some input, or where there is a GPU."""


@pytest.mark.parametrize("name", NAMES)
def test_a_scripts_sources_are_the_modules_it_loads(explained, name):
    loaded = explained[name].modules
    neutral = {PACKAGE / f"{module.replace('.', '/')}.py" for module in NEUTRAL}
    inits = {path for path in loaded if path.name == "__init__.py"}
    assert not any(path.read_text().split('"""')[2].strip() for path in inits)  # they hold no code
    decisive = loaded - neutral - inits
    found = set(find_sources(SCRIPTS / f"{name}.py")) - LATE.get(name, set())
    assert found <= decisive
    assert decisive - found <= {PACKAGE / "data" / "cohort.py"}  # which the neutral data/remedies.py reads, too


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


CODE = '''"""What it does."""

import math  # for pi

LIMIT = 3
"""The limit."""


class Circle:
    """A circle."""

    def measure(self, radius, unit="mm"):
        """Measure it."""
        return f"{math.pi * radius ** 2:.1f} {unit}"


def wait():
    """Do nothing."""
'''


def write_script(folder, code, module="LIMIT = 3\n"):
    (folder / "kidney_tumor").mkdir(parents=True)
    (folder / "kidney_tumor" / "one.py").write_text(module)
    (folder / "script.py").write_text(f"from kidney_tumor import one\n{code}")
    return folder / "script.py"


@pytest.mark.parametrize(
    "same",
    [
        CODE.replace("# for pi", "# for the area of a circle"),
        CODE.replace("What it does.", "What this does, in other words.").replace("A circle.", "A disk."),
        CODE.replace("The limit.", "The highest."),
        CODE.replace("\n\n\n", "\n\n# A remark.\n\n"),
        CODE.replace("radius, unit", "\n            radius,\n            unit"),
        CODE.replace("import math", "import  math").replace("LIMIT = 3", "LIMIT=(3)"),
        CODE.replace('    """Do nothing."""', '    """Do\n    nothing."""'),
        CODE.replace('"mm"', "'mm'"),
    ],
)
def test_what_decides_no_result_leaves_the_digest(tmp_path, same):
    assert same != CODE
    expected = digest_code(write_script(tmp_path / "here", CODE))
    assert digest_code(write_script(tmp_path / "elsewhere", same, "# limit\nLIMIT = 3\n")) == expected


@pytest.mark.parametrize(
    ("before", "after"),
    [
        ("LIMIT = 3", "LIMIT = 3.0"),
        ("LIMIT = 3", "LIMIT = True"),
        ("LIMIT = 3", "LIMIT = -3"),
        ("radius ** 2", "radius * 2"),
        ("math.pi * radius ** 2", "(math.pi * radius) ** 2"),
        (":.1f", ":.2f"),
        ('unit="mm"', 'unit="cm"'),
        ('unit="mm"', "unit=None"),
        ('        """Measure it."""', "        self.measure = 1"),
        ('return f"', 'f"'),
        ("class Circle", "class Disk"),
        ("self, radius, unit", "self, unit, radius"),
    ],
)
def test_what_may_decide_a_result_changes_the_digest(tmp_path, before, after):
    assert before in CODE
    others = {digest_code(write_script(tmp_path / "here", CODE))}
    others.add(digest_code(write_script(tmp_path / "script", CODE.replace(before, after))))
    others.add(digest_code(write_script(tmp_path / "module", CODE, CODE)))
    others.add(digest_code(write_script(tmp_path / "other module", CODE, CODE.replace(before, after))))
    assert len(others) == 4


def test_files_that_a_script_reads_count_byte_by_byte(tmp_path):
    script = write_script(tmp_path / "here", CODE)
    digests = {digest_code(script)}
    for content in (b"", b"a", b"a "):
        (tmp_path / "template.html").write_bytes(content)
        digests.add(digest_code(script, [tmp_path / "template.html"]))
    assert len(digests) == 3


def test_packages_that_python_does_not_find_are_named(tmp_path):
    module = "def late():\n    import no_such_one.part\n"
    script = write_script(tmp_path, "import json\nimport numpy\nfrom no_such_other import name\n", module)
    assert find_missing(script) == ("no_such_one", "no_such_other")
    assert all(find_missing(path) == () for path in SCRIPTS.glob("*.py"))
