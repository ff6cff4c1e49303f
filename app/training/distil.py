"""Teach ResNet-18 or AlexNet from EfficientNet-Lite0: `python -m app.training.distil resnet18 --hours 8 --out
runs/resnet18`.

The student learns the teacher's grids position by position (app.training.students) and its probabilities, both from the
same crop; labels help where there are some. Pictures grow in phases. The rate is constant, then falls to 0 over the
last part of the budget, so a finished run can go on: `--resume` with more `--hours`.

Writes OUT/last.pt (to resume), OUT/weights.safetensors (half precision, the averaged weights, torchvision's names) and
OUT/curve.jsonl. Only time spent computing counts, so a paused process loses nothing: on the CPU its processor time over
its threads. `--finish` (UTC, ISO) fits the rest of the schedule into the time until then instead.
"""

from __future__ import annotations

import argparse
import contextlib
import copy
import json
import math
import os
import signal
import time
from collections import deque
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, NamedTuple

import cv2
import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor, nn
from torch.nn import functional as F

from app.store.architectures import build
from app.training.pictures import SETS, Pictures, centre_crop, random_crop, read
from app.training.students import DEVIATION, MEAN, Student, divergence, student, unexplained
from app.training.teacher import Teacher


class Phase(NamedTuple):
    begin: float  # fraction of the budget
    size: int  # the student's pictures
    teacher: int  # the teacher's, of the same crop
    test: int  # the best size for a network trained so (Touvron et al. 2019, "FixRes")


PHASES = {
    "resnet18": (Phase(0.0, 64, 128, 96), Phase(0.15, 96, 128, 128), Phase(0.7, 128, 160, 160)),
    "alexnet": (
        Phase(0.0, 96, 128, 128),
        Phase(0.12, 128, 128, 160),
        Phase(0.6, 160, 160, 192),
        Phase(0.88, 192, 192, 224),
    ),
}
FALL = 0.5  # the last part of the budget, in which the rate falls
WARMUP = 100  # steps
WEIGHTS = {"last": 1.0, "kl": 0.5, "dense": 0.5, "hints": 0.5, "label": 0.1}
TEMPERATURE = 1.0


def schedule(peak: float, step: int, fraction: float) -> float:
    fall = min(1.0, (1 - min(1.0, fraction)) / FALL)
    return peak * min(1.0, (step + 1) / WARMUP) * max(fall, 0.01)


class Batch(NamedTuple):
    crops: Tensor  # (n, size, size, 3) uint8
    labels: Tensor  # (n,), -1 where unknown
    phase: Phase


class Crops:
    """Random crops of the training pictures, cut by threads ahead of their use."""

    def __init__(self, pictures: Pictures, rows: np.ndarray, batch: int, seed: int, threads: int) -> None:
        self.pictures, self.rows, self.batch = pictures, rows, batch
        self.shares = np.array(list(SETS.values()))[pictures.sets[rows]]  # times an epoch
        self.rng = np.random.default_rng(seed)
        self.order = self._order()
        self.pool = ThreadPoolExecutor(threads)
        self.ahead: deque[Future[Batch]] = deque()
        self.depth = threads + 1

    def _order(self) -> Iterator[int]:
        while True:
            times = np.floor(self.shares + self.rng.random(len(self.rows))).astype(int)
            yield from self.rng.permutation(np.repeat(self.rows, times)).tolist()

    def _cut(self, rows: list[int], seed: int, phase: Phase) -> Batch:
        rng = np.random.default_rng(seed)
        crops = np.stack([random_crop(self.pictures[n], phase.teacher, rng) for n in rows])
        return Batch(torch.from_numpy(crops), torch.from_numpy(self.pictures.labels[rows]), phase)

    def next(self, phase: Phase) -> Batch:
        while len(self.ahead) < self.depth:
            rows = [next(self.order) for _ in range(self.batch)]
            self.ahead.append(self.pool.submit(self._cut, rows, int(self.rng.integers(2**31)), phase))
        return self.ahead.popleft().result()


def coloured(crops: Tensor) -> Tensor:
    """(n, h, w, 3) uint8 -> (n, 3, h, w) of 0 to 255 with random brightness, contrast and saturation."""
    x = crops.permute(0, 3, 1, 2).float()  # (n, 3, h, w), channels last in memory
    brightness, contrast, saturation = 0.75 + 0.5 * torch.rand(3, len(x), 1, 1, 1, device=x.device)
    x = x * brightness
    x = x.mean((1, 2, 3), keepdim=True).lerp(x, contrast)
    x = x.mean(1, keepdim=True).lerp(x, saturation)
    return torch.clamp(x, 0, 255)


def mixed(x: Tensor, labels: Tensor, part: float = 0.4) -> tuple[Tensor, Tensor]:
    """The first `part` of the batch is laid over the last (Zhang et al. 2018, "mixup"); the teacher sees it too. A
    mixed picture has no label of its own."""
    n = round(part * len(x))
    weight = 0.5 + 0.5 * torch.rand(n, 1, 1, 1, device=x.device)
    laid = x[:n].lerp(x[-n:], 1 - weight)
    return torch.cat([laid, x[n:]]), torch.cat([torch.full_like(labels[:n], -1), labels[n:]])


def loss(
    net: Callable[[Tensor], Any], teacher: Teacher, batch: Batch, scales: Tensor, autocast: bool
) -> tuple[Tensor, dict[str, Tensor]]:
    """The weighted sum and its parts. `scales` (4,): variances of the teacher's grids."""
    x, labels = mixed(
        coloured(batch.crops.to(teacher.device, non_blocking=True)),
        batch.labels.to(teacher.device, non_blocking=True),
    )
    *middle, target = teacher(x)
    size = batch.phase.size
    if size != x.shape[2]:
        x = F.interpolate(x, (size, size), mode="bilinear", antialias=True, align_corners=False)
    with torch.autocast(x.device.type, torch.bfloat16, enabled=autocast):
        guesses, last = net(x)
    last = last.float()
    parts = {"last": unexplained(last, target, scales[3])}
    parts["hints"] = torch.stack([unexplained(g.float(), middle[k], scales[k]) for k, g in guesses.items()]).mean()
    # A linear classifier of the mean is the mean of the classifier: each position has logits of its own.
    logits = F.linear(last.mean((2, 3)), teacher.weight, teacher.bias)
    wanted = F.linear(target.mean((2, 3)), teacher.weight, teacher.bias)
    parts["kl"] = divergence(logits, wanted, TEMPERATURE)
    if last.shape[2] > 1 and WEIGHTS["dense"]:
        there = F.adaptive_avg_pool2d(target, last.shape[2:])
        parts["dense"] = divergence(
            F.linear(last.permute(0, 2, 3, 1).flatten(0, 2), teacher.weight, teacher.bias),  # (n · h · w, 1000)
            F.linear(there.permute(0, 2, 3, 1).flatten(0, 2), teacher.weight, teacher.bias),
            TEMPERATURE,
        )
    known = (labels >= 0).sum().clamp(min=1)
    parts["label"] = F.cross_entropy(logits, labels, ignore_index=-1, reduction="sum", label_smoothing=0.1) / known
    return torch.stack([WEIGHTS[k] * v for k, v in parts.items()]).sum(), parts


@torch.no_grad()
def variances(teacher: Teacher, crops: Crops, phase: Phase) -> Tensor:
    """Mean over channels of the variance of each of the teacher's grids (4,)."""
    grids = teacher(coloured(crops.next(phase).crops.to(teacher.device)))
    return torch.stack([grid.transpose(0, 1).flatten(1).var(1).mean() for grid in grids])


def adamw(net: Student, rate: float, decay: float) -> torch.optim.AdamW:
    """Decay for matrices and kernels, none for biases and normalisations. In a minute each at 64 pixels AdamW
    got further than SGD and Muon, whose steps help more but cost half as much again.

    Adam moves every weight by the rate, so a unit with many inputs moves as much more as it has inputs (Yang et al.
    2022, "Tensor Programs V", arXiv 2203.03466): AlexNet's dense layers get a twentieth of the rate."""
    kernels: list[Tensor] = []
    dense: list[Tensor] = []
    vectors: list[Tensor] = []
    for p in net.parameters():
        is_dense = p.dim() > 1 and p[0].numel() == p.shape[1] >= 4096
        (vectors if p.dim() <= 1 else dense if is_dense else kernels).append(p)
    groups: list[dict[str, Any]] = [
        {"params": kernels, "weight_decay": decay, "scale": 1.0},
        {"params": vectors, "weight_decay": 0.0, "scale": 1.0},
        {"params": dense, "weight_decay": decay, "scale": 0.05},
    ]
    groups = [group for group in groups if group["params"]]
    return torch.optim.AdamW(groups, lr=rate, betas=(0.9, 0.99), fused=True)  # AlexNet's step: 0.04 s for 0.3


@torch.no_grad()
def average(mean: Student, net: Student, step: int) -> None:
    """Exponential moving average of all weights and batch statistics, over about the last 200 steps."""
    keep = min(0.995, (1 + step) / (10 + step))
    for a, b in zip(mean.state_dict().values(), net.state_dict().values(), strict=True):
        if a.is_floating_point():
            a.lerp_(b, 1 - keep)


@torch.no_grad()
def recalibrate(net: Student, pictures: Pictures, rows: np.ndarray, size: int, device: torch.device) -> None:
    """Batch normalisation's statistics anew, on central crops of `rows` at `size`, the size of the test."""
    norms = [m for m in net.modules() if isinstance(m, nn.BatchNorm2d | nn.BatchNorm1d)]
    for norm in norms:
        norm.reset_running_stats()
        norm.momentum = None  # the plain mean of all batches
        norm.train()
    for x in prepared(pictures, rows, size):
        net.grids(x.to(device))
    for norm in norms:
        norm.momentum = 0.1
        norm.eval()


def prepared(pictures: Pictures, rows: np.ndarray, size: int, batch: int = 64) -> Iterator[Tensor]:
    """(up to batch, 3, size, size), normalised central crops."""
    for begin in range(0, len(rows), batch):
        crops = np.stack([centre_crop(pictures[n], size) for n in rows[begin : begin + batch].tolist()])
        x = torch.from_numpy(crops).permute(0, 3, 1, 2).float() / 255
        yield (x - torch.tensor(MEAN).view(3, 1, 1)) / torch.tensor(DEVIATION).view(3, 1, 1)


@torch.no_grad()
def examine(
    architecture: str,
    state: dict[str, Tensor],
    pictures: Pictures,
    held: np.ndarray,
    size: int,
    device: torch.device,
) -> dict[str, float]:
    """Top-1 and top-5 (%) and mean log-probability of the label on the held pictures, from an exported state dict."""
    net = build("alexnet-2012" if architecture == "alexnet" else architecture).to(device)
    net.load_state_dict(state)
    logits = torch.cat([net(x.to(device)) for x in prepared(pictures, held, size)]).cpu()
    labels = torch.from_numpy(pictures.labels[held])
    found = logits.topk(5).indices == labels[:, None]
    return {
        "top1": 100 * found[:, 0].float().mean().item(),
        "top5": 100 * found.any(1).float().mean().item(),
        "nll": F.cross_entropy(logits, labels).item(),
    }


def faster_in_bf16(net: Student, size: int, batch: int) -> bool:
    """bf16 on a GPU; on a CPU whichever of bf16 and float32 is faster here, measured on one batch (on a smaller one,
    converting AlexNet's weights would decide)."""
    device = next(net.parameters()).device
    if device.type != "cpu":
        return True
    trial = copy.deepcopy(net)
    x = torch.zeros(batch, 3, size, size).contiguous(memory_format=torch.channels_last)
    seconds = {False: math.inf, True: math.inf}
    for bf16 in (False, True):
        with contextlib.suppress(RuntimeError), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            for _ in range(2):
                begin = time.perf_counter()
                trial(x)[1].float().sum().backward()
                seconds[bf16] = time.perf_counter() - begin
    print(f"{batch} pictures: float32 {seconds[False]:.2f} s, bf16 {seconds[True]:.2f} s", flush=True)
    return seconds[True] < seconds[False]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("architecture", choices=sorted(PHASES))
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--hours", type=float, required=True, help="the whole schedule, over all sessions")
    parser.add_argument("--finish", type=datetime.fromisoformat, help="end of this schedule, as 2026-11-24T16:40")
    parser.add_argument("--resume", action="store_true", help="go on from OUT/last.pt")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--cache", type=Path, default=Path("runs/pictures"))
    parser.add_argument("--batch", type=int, default=64)
    parser.add_argument("--rate", type=float, default=1e-3)
    parser.add_argument("--decay", type=float, default=0.05)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 2)
    parser.add_argument("--save-every", type=float, default=180, help="seconds")
    parser.add_argument("--examine-every", type=float, default=600, help="seconds")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()
    args.out.mkdir(parents=True, exist_ok=True)
    (args.out / "pid").write_text(f"{os.getpid()}\n")
    train(args)


def train(args: argparse.Namespace) -> None:
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    on_cpu = device.type == "cpu"
    if on_cpu:
        torch.set_num_threads(args.threads)
    torch.manual_seed(args.seed)
    torch.set_float32_matmul_precision("high")
    cv2.setNumThreads(1)
    phases = PHASES[args.architecture]
    pictures = read(args.data, args.cache)
    rows, held = pictures.split()
    teacher = Teacher(device)
    net = student(args.architecture).to(device, memory_format=torch.channels_last)  # type: ignore[call-overload]
    mean = copy.deepcopy(net).eval().requires_grad_(False)
    optimiser = adamw(net, args.rate, args.decay)
    step, seen, spent, scales, curve = 0, 0, 0.0, None, []
    if args.resume:
        saved = torch.load(args.out / "last.pt", map_location=device, weights_only=True)
        net.load_state_dict(saved["net"])
        mean.load_state_dict(saved["mean"])
        optimiser.load_state_dict(saved["optimiser"])
        step, seen, spent, scales, curve = (saved[k] for k in ("step", "seen", "spent", "scales", "curve"))
        print(f"resumed at step {step}, {seen} crops, {spent / 3600:.3f} h", flush=True)
    crops = Crops(pictures, rows, args.batch, args.seed + step, 1 if on_cpu else max(1, args.threads - 2))
    bf16 = faster_in_bf16(net, phases[0].size, args.batch)
    scales = variances(teacher, crops, phases[0]) if scales is None else scales
    run = net if on_cpu else torch.compile(net)
    stop: list[int] = []
    signal.signal(signal.SIGTERM, lambda number, _frame: stop.append(number))

    def save() -> None:
        state = {"net": net.state_dict(), "mean": mean.state_dict(), "optimiser": optimiser.state_dict()}
        state |= {"step": step, "seen": seen, "spent": spent, "scales": scales, "curve": curve}
        torch.save(state, args.out / "last.part")
        (args.out / "last.part").replace(args.out / "last.pt")

    def examined() -> None:
        exported = copy.deepcopy(mean)
        some = np.random.default_rng(0).choice(rows, 768, replace=False)
        recalibrate(exported, pictures, some, phase.test, device)
        state = {k: v.half().contiguous() for k, v in sorted(exported.export(teacher.weight, teacher.bias).items())}
        save_file(state, args.out / "weights.part")
        (args.out / "weights.part").replace(args.out / "weights.safetensors")
        state = {k: v.float() for k, v in state.items()}
        point = {"hours": spent / 3600, "step": step, "crops": seen, "size": phase.test}
        curve.append(point | examine(args.architecture, state, pictures, held, phase.test, device))
        with (args.out / "curve.jsonl").open("a") as out:
            out.write(json.dumps(curve[-1]) + "\n")
        print(f"  held pictures: {curve[-1]}", flush=True)

    budget, began, before = args.hours * 3600, time.time(), spent
    saved_at = examined_at = logged_at = time.time()
    sums: dict[str, float] = {}
    while spent < budget and not stop:
        begin, begin_cpu = time.perf_counter(), time.process_time()
        if args.finish:
            left = args.finish.replace(tzinfo=UTC).timestamp() - time.time()
            share = (spent - before + 60) / (time.time() - began + 60)  # of this machine's time that we get
            budget = min(args.hours * 3600, spent + max(0.0, left - 45) * share)
        phase = [p for p in phases if p.begin <= spent / max(budget, 1e-9)][-1]
        batch = crops.next(phase)
        total, parts = loss(run, teacher, batch, scales, bf16)
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(total)
        nn.utils.clip_grad_norm_(net.parameters(), 5.0)
        for group in optimiser.param_groups:
            group["lr"] = group["scale"] * schedule(args.rate, step, spent / max(budget, 1e-9))
        optimiser.step()
        average(mean, net, step)
        step, seen = step + 1, seen + len(batch.crops)
        if step % 10 == 0:
            for k, v in parts.items():
                sums[k] = sums.get(k, 0.0) + v.item()
        took = min(time.perf_counter() - begin, 15.0)  # a paused process is not charged
        spent += min(took, (time.process_time() - begin_cpu) / args.threads) if on_cpu else took
        if step % 50 == 0:
            pace = 50 * args.batch / (time.time() - logged_at)
            shown = " ".join(f"{k} {v / 5:.3f}" for k, v in sums.items())
            rate = optimiser.param_groups[0]["lr"]
            print(f"{step} {seen} crops {spent / 3600:.3f} of {budget / 3600:.2f} h, {pace:.0f}/s, {phase.size} px, "
                  f"rate {rate:.1e}: {shown}", flush=True)  # fmt: skip
            sums, logged_at = {}, time.time()
        if time.time() - saved_at > args.save_every:
            save()
            saved_at = time.time()
        if time.time() - examined_at > args.examine_every:
            examined()
            examined_at = logged_at = time.time()
    examined()
    save()


if __name__ == "__main__":
    main()
