"""AlexNet in two forms.

`towers=2`: the network of Krizhevsky, Sutskever and Hinton 2012, "ImageNet Classification with Deep Convolutional
Neural Networks", section 3 and figure 2: two towers of convolutions (one a GPU then) that talk to each other in the
third layer only, local response normalisation (3.3), overlapping pooling (3.4). The paper says 224-pixel pictures;
its 55 x 55 first grid needs 227, or 224 with a padding of 2, which is what is done here.

`towers=1`: one tower without normalisation, from Krizhevsky 2014, "One weird trick for parallelizing convolutional
neural networks" (arXiv 1404.5997). It is torchvision's `alexnet`, with the same names, so its weight file loads
strictly.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn
from torch.nn import functional as F


class ResponseNorm(nn.Module):
    """Section 3.3: b_i = a_i / (k + alpha · sum of a_j² over 5 channels)^beta with k 2, alpha 1e-4, beta 0.75."""

    def forward(self, x: Tensor) -> Tensor:
        # torch divides its alpha by the number of channels summed over; the paper doesn't.
        return F.local_response_norm(x, size=5, alpha=5e-4, beta=0.75, k=2.0)


class AlexNet(nn.Module):
    """Pictures (n, 3, h, w), normalised -> logits (n, classes).

    `batch_norm` puts a batch normalisation after each layer of the 2012 form but the last, for training only; `fold`
    takes them out again without changing an answer."""

    def __init__(self, towers: int = 2, classes: int = 1000, *, batch_norm: bool = False, dropout: float = 0.5) -> None:
        super().__init__()
        if towers not in (1, 2):
            raise ValueError(f"AlexNet has one tower or two (asked: {towers})")
        self.towers = towers
        if towers == 1:
            if batch_norm:
                raise ValueError("batch_norm is for the form of 2012")
            grid = nn.Sequential(
                nn.Conv2d(3, 64, 11, 4, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
                nn.Conv2d(64, 192, 5, 1, 2), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
                nn.Conv2d(192, 384, 3, 1, 1), nn.ReLU(inplace=True),
                nn.Conv2d(384, 256, 3, 1, 1), nn.ReLU(inplace=True),
                nn.Conv2d(256, 256, 3, 1, 1), nn.ReLU(inplace=True), nn.MaxPool2d(3, 2),
            )  # fmt: skip
            tail = nn.Sequential(
                nn.Dropout(dropout), nn.Linear(256 * 6 * 6, 4096), nn.ReLU(inplace=True),
                nn.Dropout(dropout), nn.Linear(4096, 4096), nn.ReLU(inplace=True), nn.Linear(4096, classes),
            )  # fmt: skip
            # torchvision's names. `features` is a method in all of our networks, so the module that carries the
            # name in the weight file is registered by hand.
            self._modules["features"] = grid
            self.classifier = tail
        else:
            norm = nn.BatchNorm2d if batch_norm else lambda _: nn.Identity()
            self.conv1, self.norm1 = nn.Conv2d(3, 96, 11, 4, 2), norm(96)
            self.conv2, self.norm2 = nn.Conv2d(96, 256, 5, 1, 2, groups=2), norm(256)
            self.conv3, self.norm3 = nn.Conv2d(256, 384, 3, 1, 1), norm(384)  # here the towers talk
            self.conv4, self.norm4 = nn.Conv2d(384, 384, 3, 1, 1, groups=2), norm(384)
            self.conv5, self.norm5 = nn.Conv2d(384, 256, 3, 1, 1, groups=2), norm(256)
            self.response = ResponseNorm()
            self.pool = nn.MaxPool2d(3, 2)  # windows of 3, steps of 2: they overlap
            flat_norm = nn.BatchNorm1d if batch_norm else lambda _: nn.Identity()
            self.fc6, self.norm6 = nn.Linear(256 * 6 * 6, 4096), flat_norm(4096)
            self.fc7, self.norm7 = nn.Linear(4096, 4096), flat_norm(4096)
            self.fc8 = nn.Linear(4096, classes)
            self.dropout = nn.Dropout(dropout)

    def features(self, x: Tensor) -> Tensor:
        """The last grid: (n, 256, 6, 6) at 224 pixels."""
        if self.towers == 1:
            tower = self._modules["features"]
            assert tower is not None
            grid: Tensor = tower(x)
            return grid
        x = self.pool(self.response(F.relu(self.norm1(self.conv1(x)))))  # (n, 96, 27, 27)
        x = self.pool(self.response(F.relu(self.norm2(self.conv2(x)))))  # (n, 256, 13, 13)
        x = F.relu(self.norm3(self.conv3(x)))  # (n, 384, 13, 13)
        x = F.relu(self.norm4(self.conv4(x)))  # (n, 384, 13, 13)
        last: Tensor = self.pool(F.relu(self.norm5(self.conv5(x))))  # (n, 256, 6, 6)
        return last

    def embed(self, grid: Tensor) -> Tensor:
        """The 4,096 numbers before the last layer, from the last grid (2012 form)."""
        x = torch.flatten(F.adaptive_avg_pool2d(grid, 6), 1)  # (n, 9216); other picture sizes are pooled to 6 x 6
        x = self.dropout(F.relu(self.norm6(self.fc6(x))))
        seen: Tensor = self.dropout(F.relu(self.norm7(self.fc7(x))))
        return seen

    def classify(self, grid: Tensor) -> Tensor:
        """Logits (n, classes) from the last grid."""
        if self.towers == 1:
            logits: Tensor = self.classifier(torch.flatten(F.adaptive_avg_pool2d(grid, 6), 1))
        else:
            logits = self.fc8(self.embed(grid))
        return logits

    def forward(self, x: Tensor) -> Tensor:
        return self.classify(self.features(x))


def fold(net: AlexNet) -> AlexNet:
    """The 2012 form with its batch normalisations multiplied into the convolutions: the same answers, fewer parts."""
    classes = net.fc8.out_features
    plain = AlexNet(2, classes)
    state = {k: v for k, v in net.state_dict().items() if not k.startswith("norm")}
    for k in range(1, 8):
        norm, layer = getattr(net, f"norm{k}"), f"conv{k}" if k < 6 else f"fc{k}"
        if not isinstance(norm, nn.BatchNorm2d | nn.BatchNorm1d):
            continue
        assert norm.running_var is not None
        assert norm.running_mean is not None
        scale = norm.weight / torch.sqrt(norm.running_var + norm.eps)
        weight = state[f"{layer}.weight"]
        state[f"{layer}.weight"] = weight * scale.view(-1, *(1,) * (weight.dim() - 1))
        state[f"{layer}.bias"] = (state[f"{layer}.bias"] - norm.running_mean) * scale + norm.bias
    plain.load_state_dict({k: v.detach() for k, v in state.items()})
    return plain.eval()
