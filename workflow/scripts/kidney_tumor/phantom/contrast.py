"""The attenuation of organs in the phases of a contrast agent's way through the body."""

from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

PHASES = ("unenhanced", "corticomedullary", "portal", "nephrographic", "excretory")
SHARES = (0.15, 0.35, 0.3, 0.12, 0.08)
"""The share of phantoms in each phase."""
ORGANS = {
    "cortex": (32, 185, 185, 180, 135),
    "medulla": (32, 85, 145, 175, 140),
    "pelvis": (8, 8, 10, 30, 500),
    "aorta": (42, 290, 155, 140, 110),
    "cava": (42, 95, 140, 135, 108),
    "liver": (56, 72, 108, 104, 90),
    "spleen": (48, 125, 120, 112, 92),
    "pancreas": (42, 105, 92, 85, 72),
    "bowel": (38, 95, 88, 82, 72),
    "muscle": (54, 58, 62, 62, 60),
    "clear_cell": (34, 140, 130, 120, 85),
    "papillary": (34, 60, 66, 60, 50),
    "chromophobe": (36, 80, 85, 80, 68),
    "oncocytoma": (34, 125, 118, 105, 78),
}
"""The mean attenuation of each organ and each kind of tumor, in HU, in each of `PHASES`.

Published, with which these agree: liver without contrast agent 58 (standard deviation 9), in severe steatosis 32 (14)
(International Journal of Legal Medicine 133, 2019); papillary carcinoma 15 to 51 without, 32 to 100 in the
corticomedullary, 41 to 95 in the portal, 18 to 91 in the nephrographic and 18 to 73 in the excretory phase (Corwin et
al., American Journal of Roentgenology 211, 2018); clear-cell carcinoma 34 without, bright ones 173 (45), 149 (34) and
98 (36), oncocytoma 31 and 151 (36), 137 (34), 79 (22) (Urologia 83, 2016, doi 10.5301/uj.5000256).
"""
STRANGE = 0.08
"""The share of phantoms whose organs have any attenuation, so that a network cannot rely on it alone."""


@dataclass(frozen=True)
class Contrast:
    """A phase, and the attenuation in HU that each organ has in it in one patient."""

    phase: str
    hu: Mapping[str, float]

    def __getitem__(self, organ: str) -> float:
        return self.hu[organ]


def draw_contrast(rng: np.random.Generator) -> Contrast:
    """Draw a phase, a dose, which scales all enhancement alike, and each organ's own deviation."""
    phase = rng.choice(len(PHASES), p=SHARES)
    later = int(rng.integers(1, len(PHASES))) if phase and rng.random() < 0.5 else phase
    mixed = rng.uniform(0, 0.5)  # a scan rarely meets a phase exactly
    dose, fatty = np.exp(rng.normal(0, 0.2)), rng.uniform(0, 50) if rng.random() < 0.2 else 0.0
    hu = {}
    for organ, means in ORGANS.items():
        enhanced = (1 - mixed) * means[phase] + mixed * means[later] - means[0]
        hu[organ] = means[0] + rng.normal(0, 5) + enhanced * dose * np.exp(rng.normal(0, 0.12))
    hu["liver"] -= fatty
    if rng.random() < STRANGE:
        hu = {organ: rng.uniform(20, 260) for organ in hu}
    return Contrast(PHASES[phase], hu)
