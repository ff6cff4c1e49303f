"""Makes gradcam.npz: the maps of pytorch-grad-cam for our networks, which tests/engines/test_gradcam.py compares ours
with. That library brings distributions of its own (another OpenCV, scikit-learn, matplotlib), so it has an environment
of its own; from the repository's root:

    python3.11 -m venv /tmp/gradcam
    /tmp/gradcam/bin/pip install grad-cam==1.5.7 torch==2.13.0 torchvision==0.28.0 safetensors
    /tmp/gradcam/bin/python -m tests.engines.data.make_gradcam

The pictures are small enough to lie in the file themselves, so that no decoder stands between the two.
"""

from __future__ import annotations

import json
import platform
from importlib.metadata import version
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file

from app.media.preprocess import Preprocessing, apply
from app.nets._torchvision import import_torchvision
from app.nets.efficientnet_lite import EfficientNetLite
from tests.engines.nets import AGAINST, CASES, PLAIN, seeded

ROOT = Path(__file__).parents[3]
SIDE = 64  # pixels of the pictures in the file


def network(name: str) -> tuple[torch.nn.Module, Preprocessing]:
    if name != "efficientnet-lite0":
        return seeded(name), PLAIN
    import tomllib

    card = tomllib.loads((ROOT / "weights" / f"{name}.toml").read_text("utf-8"))["preprocessing"]
    preprocessing = Preprocessing(
        card["resize"], card["crop"], card["interpolation"], tuple(card["mean"]), tuple(card["deviation"])
    )
    net = EfficientNetLite(0)
    state = {key: value.float() for key, value in load_file(ROOT / "weights" / f"{name}.safetensors").items()}
    net.load_state_dict(state, strict=False)  # counters of training steps are not in the file
    return net.eval(), preprocessing


class WithPlace(torch.nn.Module):
    """The network with a module where its last grid passes, for pytorch-grad-cam to hook."""

    def __init__(self, net: torch.nn.Module) -> None:
        super().__init__()
        self.net, self.grid = net, torch.nn.Identity()

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.net.classify(self.grid(self.net.features(x)))  # type: ignore[no-any-return, operator]


def maps(net: torch.nn.Module, x: np.ndarray, target: int, against: int | None) -> np.ndarray:
    """pytorch-grad-cam's map (h, w), before it cuts the negative part off and scales it up."""
    from pytorch_grad_cam import GradCAM

    model = WithPlace(net)
    with GradCAM(model=model, target_layers=[model.grid]) as cam:
        targets = [lambda out: out[target] if against is None else out[target] - out[against]]
        cam(input_tensor=torch.from_numpy(x), targets=targets)
        grid = cam.activations_and_grads.activations[0].numpy()
        gradient = cam.activations_and_grads.gradients[0].numpy()
        raw = cam.get_cam_image(torch.from_numpy(x), model.grid, targets, grid, gradient, eigen_smooth=False)
    return np.asarray(raw[0], np.float32)


def main() -> None:
    import_torchvision()  # pytorch-grad-cam imports it
    content: dict[str, np.ndarray] = {}
    for picture in ("chelsea", "coffee"):
        with Image.open(ROOT / "assets" / "samples" / f"{picture}.jpg") as opened:
            width, height = opened.size
            left, top = (width - min(opened.size)) // 2, (height - min(opened.size)) // 2
            box = (left, top, left + min(opened.size), top + min(opened.size))
            content[f"picture {picture}"] = np.asarray(opened.resize((SIDE, SIDE), Image.Resampling.BICUBIC, box))
    for name in CASES:
        net, preprocessing = network(name)
        for picture in ("chelsea", "coffee"):
            x = apply(content[f"picture {picture}"], preprocessing)[None]
            with torch.inference_mode():
                best = int(net(torch.from_numpy(x)).argmax())
            content[f"best {name} {picture}"] = np.array(best)
            content[f"map {name} {picture}"] = maps(net, x, best, None)
            content[f"against {name} {picture}"] = maps(net, x, best, AGAINST)
    made = {name: version(name) for name in ("grad-cam", "torch", "torchvision", "numpy", "pillow")}
    content["versions"] = np.array(json.dumps(made | {"python": platform.python_version()}))
    np.savez_compressed(Path(__file__).with_name("gradcam.npz"), **content)  # type: ignore[arg-type]


if __name__ == "__main__":
    main()
