"""Time inference against one slice at a time, MONAI's BasicUNet and, on a CPU, PyTorch in place of OpenVINO."""

import measure
import numpy as np
import torch
from training import SCALES, WINDOW, make_peer, make_phantoms

from kidney_tumor.data.slices import crop_to_view
from kidney_tumor.data.targets import NETWORKS
from kidney_tumor.networks.device import choose_device
from kidney_tumor.networks.engines import choose_engine
from kidney_tumor.networks.hardware import DEVICE_KEYS, THREADS
from kidney_tumor.networks.inference import TorchEngine, copy_weights, normalize
from kidney_tumor.networks.models import Architecture, Model, View
from kidney_tumor.networks.unet import UNet


def predict_one_by_one(networks, images, torch_device):
    """Predict the masks of both networks, one network after the other and one slice at a time, in float32."""
    masks = []
    with torch.inference_mode():
        for network, view in zip(networks, (images, crop_to_view(images, "tumor", "lower_half")), strict=True):
            mask = np.empty(view.shape, np.uint8)
            for number, image in enumerate(view):
                slice_ = normalize(torch.from_numpy(image)[None].to(torch_device), WINDOW)
                mask[number] = (torch.sigmoid(network(slice_)) > 0.5)[0, 0].cpu().numpy()
            masks.append(mask)
    return masks


def main(arguments):
    scale = SCALES[arguments.scale] | {"slices": arguments.slices}
    channels, size, batch = scale["base_channels"], scale["size"], scale["batch_size"]
    device = choose_device(arguments)
    torch.manual_seed(0)
    networks = [UNet(channels, 4, True).to(device.torch_device).eval() for _ in NETWORKS]
    peers = [make_peer(channels).to(device.torch_device).eval() for _ in NETWORKS]
    images, _ = make_phantoms(arguments.slices, size)
    views = [View(target, size, WINDOW, "lower_half") for target in NETWORKS]
    parts = [
        Model(copy_weights(network), Architecture(channels, 4, True), view)
        for network, view in zip(networks, views, strict=True)
    ]
    torch_engine, engine = TorchEngine(device), choose_engine(arguments)
    loaded, torch_loaded = ([chosen.load(part) for part in parts] for chosen in (engine, torch_engine))
    monai = list(zip(peers, views, strict=True))

    def segment(chosen, trained):
        return [values > 0.5 for values in chosen.predict(trained, images, batch)]

    if engine.name.endswith("float32"):
        alone = predict_one_by_one(networks, images, device.torch_device)
        for mask, expected in zip(segment(engine, loaded), alone, strict=True):
            assert np.mean(mask != expected) < 1e-4  # Sums in another order are rounded differently.
    contenders = {
        "a slice at a time, float32": lambda: predict_one_by_one(networks, images, device.torch_device),
        "MONAI BasicUNet, batches": lambda: segment(torch_engine, monai),
    }
    if device.torch_device.type == "cpu":
        contenders["here, PyTorch"] = lambda: segment(torch_engine, torch_loaded)
    contenders["here"] = lambda: segment(engine, loaded)
    print(f"{arguments.slices} slices of {size} pixels; here: {engine.name}; PyTorch: {device.name}")
    comparison = measure.compare(contenders, "a slice at a time, float32", arguments.rounds, **scale)
    measure.write_result("inference", arguments, [comparison], device=engine.name)


if __name__ == "__main__":
    parser = measure.make_parser(__doc__, *DEVICE_KEYS)
    parser.add_argument(
        "--scale", choices=SCALES, default="demo", help="run whose network, slice size and batch size are used"
    )
    parser.add_argument("--slices", type=int, default=216, help="number of slices of a case; the mean in KiTS19 is 216")
    parser.add_argument("--threads", type=int, default=THREADS, help="number of CPU threads")
    main(parser.parse_args())
