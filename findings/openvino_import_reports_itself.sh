#!/bin/bash
# `import openvino` (2026.4.1) asks for the address of a web analytics server, and writes an identifier into the home folder.
#
# Guess beforehand: a runtime for networks reports nothing; its converter may, when it converts. But the import of the package
# imports the converter, if it is there, and that reports the import by openvino_telemetry 2025.2.0, which pip installs, too. Without
# the converter, whose import the package takes for optional, all else works and nobody is called. This workflow imports it so.
set -euo pipefail
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
python3 -m venv "$folder/venv"
"$folder/venv/bin/python" -m pip install -q --disable-pip-version-check openvino==2026.4.1 openvino-telemetry==2025.2.0 numpy==2.4.6
cat >"$folder/watch.py" <<'PYTHON'
"""Import OpenVINO, refuse each look-up of an address, and print for which hosts one was asked for."""

import socket
import sys
import time
from pathlib import Path

asked = Path.home() / "asked"


def refuse(host, *_, **__):
    asked.write_text(host)  # a process of its own sends the report
    raise socket.gaierror("no network here")


socket.getaddrinfo = refuse
if "alone" in sys.argv:
    sys.modules["openvino.tools.ovc"] = None
import openvino

time.sleep(3)
openvino.Core().compile_model(openvino.Model([openvino.opset13.relu(one := openvino.opset13.parameter([1]))], [one]), "CPU")
print("asked for the address of", asked.read_text() if asked.exists() else "none")
asked.unlink(missing_ok=True)
PYTHON
mkdir "$folder/home" "$folder/other"
plain=$(HOME=$folder/home "$folder/venv/bin/python" "$folder/watch.py")
alone=$(HOME=$folder/other "$folder/venv/bin/python" "$folder/watch.py" alone)
echo "2026-12-01, openvino 2026.4.1, openvino-telemetry 2025.2.0"
echo "import openvino: $plain; files in the home folder:" $(cd "$folder/home" && find . -type f)
echo "without its converter: $alone; files in the home folder:" $(cd "$folder/other" && find . -type f)
[[ $plain == *analytics* && -n $(find "$folder/home" -type f) && $alone == *none && -z $(find "$folder/other" -type f) ]]
