"""Folders of networks that are whole as far as their manifest says; the networks in them are none."""

import hashlib
from pathlib import Path
from typing import Any

from kidney_tumor.files import write_json


def save_networks(
    folder: Path, ratios: tuple[float | None, float | None] = (1.07, 2.8), unit: str = "voxel", **changes: Any
) -> dict[str, Any]:
    """Save a folder of networks, with some changes of its manifest, which is returned."""
    write_json(folder / "ratio_range.json", dict(zip(("low", "high"), ratios, strict=True)) | {"unit": unit})
    for target in ("kidney", "tumor"):
        (folder / f"{target}.safetensors").write_text(target)
    checksums = {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in folder.iterdir()}
    content = {"format": 2, "commit": "abc", "size": 32, "hu_window": [-79, 304], "tumor_rows": "all", "cohort": {}}
    content |= {"sha256": checksums} | changes
    write_json(folder / "model.json", content)
    return content
