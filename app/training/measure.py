"""Top-1 and top-5 on imagenet_dev: `python -m app.training.measure runs/resnet18/weights.safetensors`.

Short side resized, centre crop, through Pillow, as torchvision's evaluation does it. `--size` is the crop; the short
side is 8/7 of it (256 for 224) unless `--resize` says otherwise. Several sizes are measured one after the other.
"""

from __future__ import annotations

import argparse
import io
from pathlib import Path

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn

from app.store.architectures import build
from app.training.pictures import in_zip
from app.training.students import DEVIATION, MEAN

BATCH = 50


def seen(picture: Image.Image, resize: int, crop: int, filter_: Image.Resampling) -> np.ndarray:
    """(crop, crop, 3) uint8."""
    factor = resize / min(picture.size)
    # torchvision's Resize truncates the long side.
    width, height = max(resize, int(picture.width * factor)), max(resize, int(picture.height * factor))
    left, top = round((width - crop) / 2), round((height - crop) / 2)
    return np.asarray(picture.resize((width, height), filter_).crop((left, top, left + crop, top + crop)))


@torch.no_grad()
def accuracy(
    net: nn.Module, pictures: list[Image.Image], labels: Tensor, resize: int, crop: int
) -> tuple[float, float]:
    """Top-1 and top-5 (%)."""
    lite = type(net).__name__ == "EfficientNetLite"
    mean, deviation = (
        (torch.full((3,), 127 / 255), torch.full((3,), 128 / 255)) if lite else map(torch.tensor, (MEAN, DEVIATION))
    )
    filter_ = Image.Resampling.BICUBIC if lite else Image.Resampling.BILINEAR
    logits = []
    for begin in range(0, len(pictures), BATCH):
        crops = np.stack([seen(p, resize, crop, filter_) for p in pictures[begin : begin + BATCH]])
        x = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255  # (n, 3, crop, crop)
        logits.append(net((x - mean.view(3, 1, 1)) / deviation.view(3, 1, 1)))
    found = torch.cat(logits).topk(5).indices == labels[:, None]  # (n, 5)
    return 100 * found[:, 0].float().mean().item(), 100 * found.any(1).float().mean().item()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("weights", type=Path)
    parser.add_argument("--architecture", default="resnet18", help="a name of app.store.architectures")
    parser.add_argument("--size", type=int, nargs="+", default=[224], help="crop in pixels (default: 224)")
    parser.add_argument("--resize", type=int, help="short side before the crop (default: 8/7 of the size)")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--limit", type=int, help="the first so many pictures")
    args = parser.parse_args()
    net = build(args.architecture).to(memory_format=torch.channels_last)  # type: ignore[call-overload]
    net.load_state_dict({k: v.float() for k, v in load_file(args.weights).items()}, strict=False)
    rows = list(in_zip(args.data / "imagenet_dev.zip"))[: args.limit]
    pictures = [Image.open(io.BytesIO(encoded)).convert("RGB") for encoded, _, _ in rows]
    labels = torch.tensor([label for _, label, _ in rows])
    for size in args.size:
        resize = args.resize or round(size * 8 / 7)
        first, five = accuracy(net, pictures, labels, resize, size)
        print(
            f"{args.weights}: {len(rows)} pictures, {resize}/{size}: top-1 {first:.1f} %, top-5 {five:.1f} %",
            flush=True,
        )


if __name__ == "__main__":
    main()
