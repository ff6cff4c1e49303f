"""A network as a graph of its calls, and one pass through it, call by call: what the figure and its maps are made of.

torch.fx (Reed et al. 2022, arXiv 2112.08429) follows a symbolic picture through `forward` and writes down every call,
of modules and of functions alike. Walking that list ourselves gives each call's output and time without a hook: the
network is never touched, and nothing stays behind in it.

`blocks` gathers the calls into what a paper's figure would draw: a convolution with its normalisation and its ReLU is
one block, a pooling is one, an addition is one. All of it is read from the modules and from the shapes of a pass.
"""

from __future__ import annotations

import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import torch
    from torch.fx import Node as Call

Shape = tuple[int, ...]

# What belongs to the block before it, and how a figure says so; "" goes without saying (nothing happens in evaluation).
_FOLLOWS = {
    "BatchNorm2d": "batch norm",
    "ReLU": "ReLU",
    "relu": "ReLU",
    "ReLU6": "ReLU6",
    "relu6": "ReLU6",
    "ResponseNorm": "response norm",
    "Identity": "",
    "Dropout": "",
}
_RESHAPES = {"flatten", "Flatten"}  # the same numbers in another order: belongs to the block before, changes no map
_PREPARES = {"pad"}  # belongs to the block after
_AVERAGES = {"AdaptiveAvgPool2d", "adaptive_avg_pool2d", "mean"}
_ADDS = {"add", "iadd"}


@dataclass(eq=False)
class Block:
    """Calls that a figure draws as one. `output`: the call whose value is the block's."""

    kind: str  # "input", "conv", "pool", "dense", "add", "other"
    title: str
    main: Call  # the one that names it
    output: Call
    calls: list[Call]
    shape: Shape  # of the output, without the batch
    sources: list[Block]
    also: list[str] = field(default_factory=list)
    groups: int = 1
    towers: int = 1
    cell: str = ""  # the path of the module that holds it with others: "layer1.0"
    bypass: bool = False

    @property
    def path(self) -> str:
        """Its module where it is one ("layer1.0.conv2"), "" where it is a function."""
        return str(self.main.target) if self.main.op == "call_module" else ""


class Traced:
    """`net` takes one tensor and gives one. It must be in evaluation mode and must not branch on values. `method`: what
    is followed, where that is not all of it."""

    def __init__(self, net: torch.nn.Module, method: str = "forward") -> None:
        from torch import fx

        class Calls(fx.Tracer):
            traced_func_name = method

            def is_leaf_module(self, m: torch.nn.Module, module_qualified_name: str) -> bool:
                return next(m.children(), None) is None

        self.modules = dict(net.named_modules())
        self._calls: list[Call] = list(Calls().trace(net).nodes)
        self._last_use: dict[Call, list[Call]] = {}
        seen: set[Call] = set()
        for call in reversed(self._calls):
            self._last_use[call] = [used for used in call.all_input_nodes if used not in seen]
            seen.update(call.all_input_nodes)

    def run(self, x: torch.Tensor) -> Iterator[tuple[Call, Any, float]]:
        """Each call with its value and its seconds, in order. Values are dropped after their last use."""
        import torch
        from torch.fx.node import map_arg

        values: dict[Call, Any] = {}
        for call in self._calls:
            if call.op == "output":
                return
            with torch.inference_mode():  # not around the yield: the caller's own business goes on in between
                begin = time.perf_counter()
                values[call] = x if call.op == "placeholder" else self._call(call, map_arg, values)
                seconds = time.perf_counter() - begin
            yield call, values[call], seconds
            for used in self._last_use[call]:
                del values[used]

    def _call(self, call: Call, map_arg: Any, values: dict[Call, Any]) -> Any:
        args = map_arg(call.args, values.__getitem__)
        kwargs = map_arg(call.kwargs, values.__getitem__)
        target: Any = call.target
        if call.op == "call_module":
            return self.modules[target](*args, **kwargs)
        if call.op == "call_method":
            return getattr(args[0], target)(*args[1:], **kwargs)
        if call.op == "get_attr":
            owner, _, name = target.rpartition(".")
            return getattr(self.modules[owner], name)
        return target(*args, **kwargs)

    def blocks(self, shapes: dict[Call, Shape]) -> list[Block]:
        """`shapes`: of every call that gave a tensor, as a pass has shown them, batch included."""
        made: list[Block] = []
        owner: dict[Call, Block] = {}  # whose value it is
        waiting: list[Call] = []  # for the block after
        for call in self._calls:
            if call.op in ("output", "get_attr"):
                continue
            inputs = [owner[used] for used in call.all_input_nodes if used in owner and used in shapes]
            name, shape = self._name(call), shapes.get(call)
            if shape is None or name in _PREPARES:  # arithmetic on shapes, or a margin around the picture
                waiting.append(call)
                if inputs and shape is not None:
                    owner[call] = inputs[0]
                continue
            unchanged = name in _AVERAGES and inputs and shape[1:] == inputs[0].shape
            if len(inputs) == 1 and (name in _FOLLOWS or name in _RESHAPES or unchanged):
                block = inputs[0]
                if name in _FOLLOWS:
                    block.output = call
                    block.also += [_FOLLOWS[name]] if _FOLLOWS[name] else []
                block.calls.append(call)
            else:
                kind, title, groups = self._describe(call, name, len(inputs))
                block = Block(kind, title, call, call, [*waiting, call], shape[1:], list(dict.fromkeys(inputs)))
                block.groups = groups
                waiting = []
                made.append(block)
            owner[call] = block
        self._find_towers(made)
        self._find_cells(made)
        _find_bypasses(made)
        return made

    def parameters(self, block: Block) -> int:
        """Weights and biases, each counted once; running statistics aren't learnt and don't count."""
        own = {call.target: self.modules[str(call.target)] for call in block.calls if call.op == "call_module"}
        return sum(p.numel() for module in own.values() for p in module.parameters())

    def filters(self, block: Block) -> torch.Tensor | None:
        """The weights (n, 3, k, k) of a convolution that sees the picture's colours; None for all others."""
        for call in block.calls:
            weight = getattr(self.modules.get(str(call.target)), "weight", None) if call.op == "call_module" else None
            if weight is not None and block.kind == "conv" and weight.ndim == 4 and weight.shape[1] == 3:
                return weight.detach()  # type: ignore[no-any-return]
        return None

    def cell_kind(self, path: str) -> str:
        return type(self.modules[path]).__name__

    def _name(self, call: Call) -> str:
        if call.op == "call_module":
            return type(self.modules[str(call.target)]).__name__
        return str(call.target if isinstance(call.target, str) else getattr(call.target, "__name__", call.target))

    def _describe(self, call: Call, name: str, inputs: int) -> tuple[str, str, int]:
        """Kind, title as the papers' figures write it ("3 × 3 conv, /2") and the groups of a convolution."""
        if call.op == "placeholder":
            return "input", "input", 1
        module: Any = self.modules.get(str(call.target)) if call.op == "call_module" else None
        if name == "Conv2d":
            high, wide = module.kernel_size
            role = next(
                (part for part in reversed(str(call.target).split(".")) if part in ("expand", "project")), "conv"
            )
            if module.groups > 1 and module.groups == module.in_channels:
                role = "depthwise"
            return "conv", f"{high} × {wide} {role}{_stride(module.stride)}", module.groups
        if name in ("MaxPool2d", "AvgPool2d"):
            how = "max" if name == "MaxPool2d" else "average"
            return "pool", f"{module.kernel_size} × {module.kernel_size} {how} pool{_stride(module.stride)}", 1
        if name in _AVERAGES:
            return "pool", "average pool", 1
        if name == "Linear":
            return "dense", "dense", 1
        if name in _ADDS and inputs == 2:
            return "add", "+", 1
        if name == "cat":
            return "other", "side by side", 1
        return "other", name.replace("_", " "), 1

    @staticmethod
    def _find_towers(blocks: list[Block]) -> None:
        """Two groups in a convolution are two towers; so is what it reads, back to the convolution that made it, and
        what is pooled from it."""
        for block in blocks:
            if block.kind == "conv" and block.groups == 2:
                block.towers = 2
                below = list(block.sources)
                while below:
                    source = below.pop()
                    if source.kind in ("conv", "pool") and source.towers == 1:
                        source.towers = 2
                        below += source.sources if source.kind == "pool" else []
        for block in blocks:
            if block.kind == "pool" and len(block.shape) == 3 and any(source.towers == 2 for source in block.sources):
                block.towers = 2

    def _find_cells(self, blocks: list[Block]) -> None:
        """The innermost module that is more than a list and holds several blocks."""
        from torch import nn

        around: dict[Block, list[str]] = {}
        count: dict[str, int] = {}
        for block in blocks:
            stack = block.main.meta.get("nn_module_stack") or {}
            paths = [path for path, _ in stack.values() if path in self.modules]
            lists = (nn.Sequential, nn.ModuleList)
            around[block] = [p for p in paths if p != block.path and not isinstance(self.modules[p], lists)]
            for path in around[block]:
                count[path] = count.get(path, 0) + 1
        for block, paths in around.items():
            block.cell = next((path for path in reversed(paths) if count[path] > 1), "")


def _stride(stride: Any) -> str:
    step = stride[0] if isinstance(stride, tuple) else stride
    return f", /{step}" if step > 1 else ""


def _find_bypasses(blocks: list[Block]) -> None:
    """Of the two ways that meet in an addition the shorter one is the bypass."""
    for block in blocks:
        if block.kind == "add" and len(block.sources) == 2:
            first, second = (_way_back(source) for source in block.sources)
            own = [[b for b in way if b not in other] for way, other in ((second, first), (first, second))]
            for passed in min(own, key=len):
                passed.bypass = True


def _way_back(block: Block) -> dict[Block, None]:
    """The block and its first sources, back to the input, in that order."""
    way = {block: None}
    while block.sources:
        block = block.sources[0]
        way[block] = None
    return way
