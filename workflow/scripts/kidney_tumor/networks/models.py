"""Trained networks as their files hold them. PyTorch, which takes more than a second to start, is not imported here."""

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np
from safetensors import numpy as safetensors

from kidney_tumor.data.descriptions import describe_damage
from kidney_tumor.errors import UserError
from kidney_tumor.files import write_atomically


@dataclass(frozen=True)
class Architecture:
    """The section `network` of the configuration."""

    base_channels: int
    depth: int
    batch_norm: bool


@dataclass(frozen=True)
class View:
    """What a network sees of the slices.

    Attributes:
        target: What it segments, `kidney` or `tumor`.
        size: The rows and columns of a slice, in pixels.
        hu_window: The lowest and the highest HU that it distinguishes.
        tumor_rows: The rows of a slice that a tumor network sees, `lower_half` or `all`.
    """

    target: str
    size: int
    hu_window: tuple[float, float]
    tumor_rows: str


@dataclass(frozen=True)
class Model:
    """A trained network.

    Attributes:
        weights: The weights and the statistics of the batch normalization, by their names in `unet.UNet`.
        architecture: The architecture.
        view: What the network sees of the slices.
    """

    weights: dict[str, np.ndarray]
    architecture: Architecture
    view: View


def save_model(path: Path, model: Model) -> None:
    """Save a model in the format safetensors, with everything that is needed to use it."""
    facts = {"network": asdict(model.architecture), **asdict(model.view)}
    facts["sha256"] = _digest(facts, model.weights)
    with write_atomically(path) as temporary:
        temporary.write_bytes(safetensors.save(model.weights, {"model": json.dumps(facts)}))


def load_model(path: Path, target: str) -> Model:
    """Load a model; nothing in its file is executed.

    Raises:
        UserError: The file is missing, damaged, or holds a model of another target.
        OSError: Reading failed, but the file may be good.
    """
    if not path.is_file():
        raise UserError(f"{path} is missing; train it first")
    content = path.read_bytes()
    try:
        weights = safetensors.load(content)
        # The library shows no metadata of bytes. The file begins with the length of its header in 8 bytes, then has the
        # header as JSON.
        header = json.loads(content[8 : 8 + int.from_bytes(content[:8], "little")])
        facts = json.loads(header["__metadata__"]["model"])
        if facts.pop("sha256") != _digest(facts, weights):
            raise ValueError("its checksum differs")
        architecture = Architecture(**facts.pop("network"))
        view = View(**facts | {"hu_window": tuple(facts["hu_window"])})
    except MemoryError:
        raise
    except Exception as error:  # a broken file leads to errors of many kinds
        raise describe_damage(path, type(error).__name__) from error
    if view.target != target:
        raise UserError(f"{path} is a {view.target} model; expected a {target} model")
    return Model(weights, architecture, view)


def _digest(facts: dict[str, object], weights: dict[str, np.ndarray]) -> str:
    """Compute the checksum of a model, since the format has none."""
    digest = hashlib.sha256(json.dumps(facts, sort_keys=True).encode())
    for name in sorted(weights):
        digest.update(f"{name} {weights[name].dtype} {weights[name].shape}".encode() + weights[name].tobytes())
    return digest.hexdigest()
