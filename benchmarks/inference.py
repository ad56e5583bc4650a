"""Time inference against one slice at a time, against MONAI's BasicUNet, and against its own parts measured apart."""

import tempfile
from pathlib import Path

import measure
import numpy as np
import torch
from monai.networks.nets import BasicUNet
from training import SCALES, WINDOW, make_phantoms

from kidney_tumor.data.restoration import restore
from kidney_tumor.data.slices import SliceStore, crop_to_view, open_slices, save_slices
from kidney_tumor.networks import models
from kidney_tumor.networks.device import add_device_options, choose_device
from kidney_tumor.networks.unet import Architecture, UNet
from kidney_tumor.volumes.grid import Geometry
from kidney_tumor.volumes.nifti import write_volume

TARGETS = ("kidney", "tumor")
CASES = 5
"""The number of cases in the second job; the workflow gives each job one case."""


def predict_one_by_one(networks, images, torch_device):
    """Predict the masks of both networks, one network after the other and one slice at a time, in float32."""
    masks = []
    with torch.inference_mode():
        for network, view in zip(networks, (images, crop_to_view(images, "tumor")), strict=True):
            mask = np.empty(view.shape, np.uint8)
            for number, image in enumerate(view):
                slice_ = models.normalize(torch.from_numpy(image)[None].to(torch_device), WINDOW)
                mask[number] = (torch.sigmoid(network(slice_)) > 0.5)[0, 0].cpu().numpy()
            masks.append(mask)
    return masks


def main(arguments):
    scale = dict(SCALES[arguments.scale])
    device = choose_device(arguments)
    torch.manual_seed(0)
    networks = [UNet(scale["base_channels"]).to(device.torch_device).eval() for _ in TARGETS]
    width = [scale["base_channels"] * 2**level for level in range(5)]
    peers = [
        BasicUNet(2, 1, 1, features=(*width, width[0]), norm="batch", act="relu").to(device.torch_device).eval()
        for _ in TARGETS
    ]
    size, batch = scale["size"], scale["batch_size"]
    images, labels = make_phantoms(arguments.slices, size)
    shape = (arguments.slices, 2 * size, 2 * size)
    with tempfile.TemporaryDirectory() as temporary:
        folder = Path(temporary)
        cases = [f"case_{number:05d}" for number in range(CASES)]
        store = SliceStore(Geometry(shape, measure.AFFINE), images, labels)
        for case in cases:
            save_slices(folder / "slices" / case, store)
        paths = [folder / f"{target}.pt" for target in TARGETS]
        for path, network, target in zip(paths, networks, TARGETS, strict=True):
            trained = models.Model(network, target, size, WINDOW)
            models.save_model(path, trained, Architecture(scale["base_channels"]))
        loaded = [models.load_model(path, target, device) for path, target in zip(paths, TARGETS, strict=True)]
        monai = [models.Model(peer, target, size, WINDOW) for peer, target in zip(peers, TARGETS, strict=True)]

        def segment(trained):
            return [values > 0.5 for values in models.predict_probabilities(trained, images, device, batch)]

        if device.precision == torch.float32:
            alone = predict_one_by_one(networks, images, device.torch_device)
            for mask, expected in zip(segment(loaded), alone, strict=True):
                assert np.mean(mask != expected) < 1e-4  # Sums in another order are rounded differently.
        contenders = {
            "a slice at a time, float32": lambda: predict_one_by_one(networks, images, device.torch_device),
            "MONAI BasicUNet, batches": lambda: segment(monai),
            "here": lambda: segment(loaded),
        }
        print(f"{arguments.slices} slices of {size} pixels, volume {shape}, on {device.name}")
        facts = {**scale, "slices": arguments.slices}
        comparison = measure.compare(contenders, "a slice at a time, float32", arguments.rounds, **facts)

        found = models.average_probabilities([loaded], images, device, batch)
        restored = [restore(values, size, shape) for values in found]

        def write_masks(volumes):
            for target, volume in zip(TARGETS, volumes, strict=True):
                write_volume(folder / "apart" / f"{target}.nii.gz", volume, measure.AFFINE)

        def predict_case():
            stored = open_slices(folder / "slices" / cases[0])
            probabilities = models.average_probabilities([loaded], stored.images, device, batch)
            write_masks([restore(values, size, shape) for values in probabilities])

        parts = {
            "reading": lambda: open_slices(folder / "slices" / cases[0]),
            "network": lambda: models.average_probabilities([loaded], images, device, batch),
            "restoring": lambda: [restore(values, size, shape) for values in found],
            "writing": lambda: write_masks(restored),
            "a case": predict_case,
        }
        apart = measure.compare(parts, "a case", arguments.rounds)
        seconds = {row["name"]: row["seconds"]["median"] for row in apart["rows"]}
        comparison["apart"] = {**seconds, "overhead": seconds["a case"] / (sum(seconds.values()) - seconds["a case"])}

        def run_predict(count):
            words = ["--slices", folder / "slices", "--cases", *cases[:count], "--output", folder / "masks"]
            words += ["--kidney-model", paths[0], "--tumor-model", paths[1], "--batch-size", batch]
            words += ["--threads", arguments.threads, "--device", arguments.device]
            return measure.run_job(measure.SCRIPTS / "predict.py", *words)

        for count in (1, CASES):
            jobs = [run_predict(count) for _ in range(arguments.rounds)]
            comparison[f"job_of_{count}"] = {
                key: measure.summarize_values([job[key] for job in jobs]) for key in jobs[0]
            }
        print({key: comparison[key] for key in ("apart", "job_of_1", f"job_of_{CASES}")})
    measure.write_record("inference", arguments, [comparison], device=device.name)


if __name__ == "__main__":
    parser = measure.make_parser(__doc__)
    parser.add_argument(
        "--scale", choices=SCALES, default="demo", help="run whose network, slice size and batch size are used"
    )
    parser.add_argument("--slices", type=int, default=216, help="number of slices of a case; the mean in KiTS19 is 216")
    add_device_options(parser)
    main(parser.parse_args())
