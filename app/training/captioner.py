"""Train the captioner: `python -m app.training.captioner OUT --phase frozen|end-to-end|self-critical --epochs N`.

- `frozen`: the encoder's grids are computed once (of some views of each picture), only the decoder learns.
- `end-to-end`: from OUT/frozen.pt; encoder and decoder learn together on augmented pictures.
- `self-critical`: from OUT/end-to-end.pt (OUT/frozen.pt where there is none), whose encoder stays as it is; the reward
  is CIDEr against the other samples (Rennie et al. 2017, arXiv 1612.00563).

Each phase keeps its best epoch by CIDEr on flickr8k_val (beam 3) in OUT/PHASE.pt and goes on from
OUT/PHASE.last.pt where it was stopped. Flickr8k's pictures are squeezed to squares, so every picture is squeezed, never
cropped: here, and in the program.

OUT/curve.jsonl has a line an epoch, with the hours of computing since the first phase began: on the CPU its processor
time over its threads, so that a paused run is not charged. `app.training.export_captioner` makes the shipped file.
"""

from __future__ import annotations

import argparse
import copy
import io
import json
import math
import os
import re
import time
import zipfile
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import torch
from PIL import Image
from safetensors.torch import load_file
from torch import Tensor, nn
from torch.nn import functional as F

from app.nets import beam
from app.nets.captioner import END, PAD, START, UNKNOWN, CaptionDecoder, Captioner, Places
from app.nets.efficientnet_lite import EfficientNetLite
from app.training.teacher import WEIGHTS, through_openvino

SIDE = 224
ENDED = "<end>"  # the vocabulary's word for END


def words_of(caption: str) -> list[str]:
    """Lower-cased words without punctuation, as the references are scored."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", caption.lower())


@dataclass(frozen=True, eq=False)
class CaptionedPictures:
    pixels: np.ndarray  # (pictures, SIDE, SIDE, 3) uint8
    captions: list[list[list[str]]]  # a picture, its captions, their words

    def __add__(self, other: CaptionedPictures) -> CaptionedPictures:
        return CaptionedPictures(np.concatenate([self.pixels, other.pixels]), self.captions + other.captions)


def read_captions(path: Path) -> Iterator[tuple[bytes, list[list[str]]]]:
    """Each picture's file with its captions' words, from a zip."""
    captions: dict[str, list[list[str]]] = {}
    with zipfile.ZipFile(path) as archive:
        for line in archive.read("captions.tsv").decode().splitlines():
            name, _, caption = line.split("\t")
            captions.setdefault(name, []).append(words_of(caption))
        for name, group in captions.items():
            yield archive.read(name), group


def read(path: Path) -> CaptionedPictures:
    """All pictures of a zip, squeezed to SIDE x SIDE, with their captions."""
    pixels, captions = [], []
    for encoded, group in read_captions(path):
        with Image.open(io.BytesIO(encoded)) as picture:
            pixels.append(np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR)))
        captions.append(group)
    return CaptionedPictures(np.stack(pixels), captions)


def make_vocabulary(pictures: CaptionedPictures, seen: int) -> list[str]:
    """Words seen at least `seen` times, most frequent first, after the four special ones."""
    counts = Counter(w for captions in pictures.captions for words in captions for w in words)
    return ["<pad>", "<unknown>", "<start>", ENDED, *(w for w, n in counts.most_common() if n >= seen)]


def encode(words: list[str], index: dict[str, int], longest: int = 22) -> list[int]:
    return [START, *(index.get(w, UNKNOWN) for w in words[:longest]), END]


def to_input(pixels: np.ndarray, device: torch.device, augment: np.random.Generator | None = None) -> Tensor:
    """(n, SIDE, SIDE, 3) uint8 -> (n, 3, SIDE, SIDE), (x - 127) / 128 as EfficientNet-Lite takes it; `augment` mirrors,
    moves, zooms and changes brightness and contrast, gently: a caption must stay true (so words such as "left" are
    rare enough here to bear the mirror)."""
    x = torch.from_numpy(pixels).to(device).permute(0, 3, 1, 2).float()
    if augment is not None:
        n = len(pixels)
        zoom = torch.from_numpy(augment.uniform(0.8, 1.0, (n, 2)).astype(np.float32))
        shift = torch.from_numpy(augment.uniform(-1, 1, (n, 2)).astype(np.float32)) * (1 - zoom)
        flip = torch.from_numpy(augment.choice([-1.0, 1.0], n).astype(np.float32))
        theta = torch.zeros(n, 2, 3)
        theta[:, 0, 0], theta[:, 1, 1] = zoom[:, 0] * flip, zoom[:, 1]
        theta[:, :, 2] = shift
        grid = F.affine_grid(theta.to(device), [n, 3, SIDE, SIDE], align_corners=False)
        x = F.grid_sample(x, grid, padding_mode="reflection", align_corners=False)
        gain = torch.from_numpy(augment.uniform(0.8, 1.2, (n, 1, 1, 1)).astype(np.float32)).to(device)
        x = (x * gain).clamp(0, 255)
    return (x - 127) / 128


def build_encoder() -> EfficientNetLite:
    """EfficientNet-Lite0 with the embedded weights, without its classifier."""
    encoder = EfficientNetLite(0)
    encoder.load_state_dict({k: v.float() for k, v in load_file(WEIGHTS).items()})
    del encoder.fc
    return encoder


class Features(nn.Module):
    """The encoder's last grid as a module's output: pictures (n, 3, SIDE, SIDE) -> (n, 1280, 7, 7)."""

    def __init__(self, encoder: EfficientNetLite) -> None:
        super().__init__()
        self.encoder = encoder

    def forward(self, x: Tensor) -> Tensor:
        return self.encoder.features(x)


class GridCache:
    """A still encoder's grids of all pictures in half precision: as they are, mirrored, and `views` times augmented."""

    def __init__(self, encoder: EfficientNetLite, pixels: np.ndarray, device: torch.device, views: int) -> None:
        self.grids = torch.empty(2 + views, len(pixels), 1280, 7, 7, dtype=torch.float16)
        random = np.random.default_rng(0)
        encoder.eval().to(device)
        size = 32
        run: Callable[[Tensor], list[Tensor]] = lambda x: [encoder.features(x)]  # noqa: E731
        if device.type == "cpu":
            run = through_openvino(Features(encoder), (size, 3, SIDE, SIDE))
        with torch.inference_mode():
            for k in range(0, len(pixels), size):
                some = pixels[k : k + size]
                whole = some if len(some) == size else np.concatenate([some, pixels[: size - len(some)]])
                for view in range(2 + views):
                    x = to_input(whole, device, random if view > 1 else None)
                    grid = run(x.flip(3) if view == 1 else x)[0]
                    self.grids[view, k : k + size] = grid[: len(some)].half().cpu()

    def take(self, rows: np.ndarray, random: np.random.Generator, device: torch.device) -> Tensor:
        return self.grids[random.integers(0, len(self.grids), len(rows)), rows].to(device).float()


def bf16_pays(decoder: CaptionDecoder, device: torch.device) -> bool:
    """On the CPU whichever of bf16 and float32 is faster here, measured on one batch of the decoder."""
    if device.type != "cpu":
        return True
    trial, seconds = copy.deepcopy(decoder), {False: math.inf, True: math.inf}
    grid, ids = torch.zeros(64, 1280, 7, 7), torch.full((64, 8), START)
    for bf16 in (False, True):
        with torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            for _ in range(2):
                begin = time.perf_counter()
                torch.autograd.backward(loss_of(trial, trial.look(grid), ids, 0.1))
                seconds[bf16] = time.perf_counter() - begin
    print(f"a batch: float32 {seconds[False]:.2f} s, bf16 {seconds[True]:.2f} s", flush=True)
    return seconds[True] < seconds[False]


def loss_of(decoder: CaptionDecoder, places: Places, ids: Tensor, smoothing: float) -> Tensor:
    """Cross-entropy and the doubly stochastic attention loss (Xu et al., section 4.2.1): every place gets its turn."""
    logits, attention = decoder(places, ids[:, :-1])
    loss = F.cross_entropy(
        logits.flatten(0, 1).float(), ids[:, 1:].flatten(), ignore_index=PAD, label_smoothing=smoothing
    )
    real = (ids[:, 1:] != PAD).unsqueeze(-1)
    total = (attention * real).sum(1)  # (batch, places)
    fair = real.sum(1) / attention.shape[-1]
    unfair: Tensor = ((total - fair) ** 2).mean()
    return loss + 0.5 * unfair


@torch.no_grad()
def describe(
    model: Captioner, grids: Iterator[Tensor], width: int, alpha: float, device: torch.device
) -> list[list[int]]:
    """Best captions as ids, for batches of grids."""
    out: list[list[int]] = []
    for grid in grids:
        places = model.decoder.look(grid)

        def step(tokens: Tensor, state: Any, rows: Tensor, places: Places = places) -> Any:
            return model.decoder.step(tokens, state, places.select(rows))

        found = beam.search(
            step, model.decoder.start(places), batch=len(grid), start=START, end=END, beam=width,
            longest=[20] * len(grid), alpha=alpha, forbidden=(PAD, START, UNKNOWN), device=device,
        )  # fmt: skip
        out += [list(hypotheses[0].tokens) for hypotheses in found]
    return out


def scores(captions: list[list[str]], references: list[list[list[str]]]) -> dict[str, float]:
    """BLEU-1..4 and CIDEr as the COCO evaluation computes them (pycocoevalcap)."""
    from pycocoevalcap.bleu.bleu import Bleu
    from pycocoevalcap.cider.cider import Cider

    truth = {i: [" ".join(words) for words in group] for i, group in enumerate(references)}
    ours = {i: [" ".join(words)] for i, words in enumerate(captions)}
    bleu, _ = Bleu(4).compute_score(truth, ours, verbose=0)
    cider, _ = Cider().compute_score(truth, ours)
    return {**{f"BLEU-{n + 1}": float(b) for n, b in enumerate(bleu)}, "CIDEr": float(cider)}


@torch.no_grad()
def grids_of(model: Captioner, pixels: np.ndarray, device: torch.device) -> Iterator[Tensor]:
    for k in range(0, len(pixels), 50):
        yield model.encoder.features(to_input(pixels[k : k + 50], device))  # type: ignore[operator]


def evaluate(
    model: Captioner,
    grids: Iterator[Tensor],
    pictures: CaptionedPictures,
    vocabulary: list[str],
    width: int,
    alpha: float,
) -> dict[str, float]:
    model.eval()
    ids = describe(model, grids, width, alpha, next(model.parameters()).device)
    return scores([[vocabulary[i] for i in caption] for caption in ids], pictures.captions)


def batches(
    pictures: CaptionedPictures, index: dict[str, int], size: int, random: np.random.Generator
) -> Iterator[Any]:
    """One epoch of (rows, ids): every picture once, with `per` of its captions, each caption a row."""
    order = random.permutation(len(pictures.captions))
    per = 5
    for k in range(0, len(order) - size // per + 1, max(1, size // per)):
        rows, ids = [], []
        for i in order[k : k + max(1, size // per)]:
            for words in pictures.captions[i][:per]:
                rows.append(i)
                ids.append(encode(words, index))
        padded = np.full((len(ids), max(map(len, ids))), PAD, np.int64)
        for r, row in enumerate(ids):
            padded[r, : len(row)] = row
        yield np.array(rows), torch.from_numpy(padded)


class Vector(NamedTuple):
    """A sentence for CIDEr-D: for n-grams of 1 to 4 words their weights (count times rarity) and the vector's norm."""

    weights: tuple[dict[tuple[str, ...], float], ...]
    norms: tuple[float, ...]
    length: int


class Reward:
    """CIDEr-D (Vedantam et al. 2015, arXiv 1411.5726, section 4) of single sentences, the rarity of n-grams counted
    over all training captions. pycocoevalcap's, by which the result is measured, counts over the batch alone, and
    takes a hundred times as long. The end is a word of each sentence: else stopping at "with a" would cost nothing."""

    def __init__(self, captions: list[list[list[str]]], *, ended: bool = True) -> None:
        """`ended` False: the end is no word."""
        end = [ENDED] if ended else []
        counted = [[self._count([*words, *end]) for words in group] for group in captions]
        self._pictures: Counter[tuple[str, ...]] = Counter()  # in whose captions an n-gram occurs
        for group in counted:
            self._pictures.update({gram for counts in group for gram in counts})
        self._log = math.log(len(captions))
        self._references = [[self._vector(counts) for counts in group] for group in counted]

    @staticmethod
    def _count(words: list[str]) -> Counter[tuple[str, ...]]:
        return Counter(tuple(words[k : k + n]) for n in range(1, 5) for k in range(len(words) - n + 1))

    def _vector(self, counts: Counter[tuple[str, ...]]) -> Vector:
        weights: tuple[dict[tuple[str, ...], float], ...] = ({}, {}, {}, {})
        for gram, count in counts.items():
            weights[len(gram) - 1][gram] = count * (self._log - math.log(max(1, self._pictures[gram])))
        norms = tuple(math.sqrt(sum(w * w for w in group.values())) for group in weights)
        return Vector(weights, norms, sum(count for gram, count in counts.items() if len(gram) == 2))

    def __call__(self, words: list[str], picture: int) -> float:
        """Of a sentence, with ENDED where it did not run on to the longest length; `picture`: its row."""
        ours = self._vector(self._count(words))
        total = 0.0
        for truth in self._references[picture]:
            near = math.exp(-((ours.length - truth.length) ** 2) / 72)
            for n in range(4):
                if ours.norms[n] and truth.norms[n]:
                    common = truth.weights[n]
                    dot = sum(min(w, common[g]) * common[g] for g, w in ours.weights[n].items() if g in common)
                    total += near * dot / (ours.norms[n] * truth.norms[n])
        return 10 * total / 4 / len(self._references[picture])


def self_critical_loss(
    model: Captioner, grid: Tensor, rows: np.ndarray, reward: Reward, vocabulary: list[str], samples: int = 5
) -> tuple[Tensor, float]:
    """REINFORCE with the mean reward of the other samples as the baseline (Luo 2020, arXiv 2003.09971). `rows`: the
    pictures' rows in the training set. Also the mean reward."""
    n, device = len(grid), grid.device
    places = model.decoder.look(grid)
    places = places.select(torch.arange(n, device=device).repeat_interleave(samples))
    state = model.decoder.start(places)
    words = torch.full((n * samples,), START, device=device)
    alive = torch.ones(n * samples, dtype=torch.bool, device=device)
    spoken, log_p, masks = [], [], []
    for _ in range(20):
        logits, _, state = model.decoder.step(words, state, places)
        logits = logits.float()
        logits[:, [PAD, START, UNKNOWN]] = float("-inf")
        distribution = F.log_softmax(logits, -1)
        words = torch.multinomial(distribution.detach().exp(), 1).squeeze(1)
        log_p.append(distribution.gather(1, words.unsqueeze(1)).squeeze(1))
        masks.append(alive)
        spoken.append(words)
        alive = alive & (words != END)
        if not bool(alive.any()):
            break
    table = torch.stack(spoken, 1).tolist()
    ours = [row[: row.index(END) + 1] if END in row else row for row in table]
    each = [reward([vocabulary[w] for w in row], rows[k // samples]) for k, row in enumerate(ours)]
    rewards = torch.tensor(each, dtype=torch.float32, device=device).view(n, samples)
    baseline = (rewards.sum(1, keepdim=True) - rewards) / (samples - 1)
    advantage = (rewards - baseline).view(-1, 1)
    mask = torch.stack(masks, 1).float()
    return -(advantage * torch.stack(log_p, 1) * mask).sum() / mask.sum(), float(rewards.mean())


def hours(out: Path) -> float:
    """Of computing so far, over all phases."""
    curve = out / "curve.jsonl"
    lines = curve.read_text("utf-8").splitlines() if curve.exists() else []
    return float(json.loads(lines[-1])["hours"]) if lines else 0.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--phase", choices=["frozen", "end-to-end", "self-critical"], required=True)
    parser.add_argument("--epochs", type=int, default=14, help="of the whole schedule; 0: measure the start only")
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rate", type=float, help="default: 1e-3 frozen, 2e-4 end-to-end, 5e-5 self-critical")
    parser.add_argument("--encoder-rate", type=float, default=0.25, help="times the decoder's rate")
    parser.add_argument("--captions", type=int, default=80, help="a batch")
    parser.add_argument("--views", type=int, default=2, help="augmented views of each picture, kept as grids")
    parser.add_argument("--smoothing", type=float, default=0.1)
    parser.add_argument("--width", type=int, default=3, help="beam while choosing the epoch")
    parser.add_argument("--alpha", type=float, default=0.7)
    parser.add_argument("--threads", type=int, default=os.cpu_count() or 2)
    train(parser.parse_args())


def train(args: argparse.Namespace) -> None:
    rate = args.rate or {"frozen": 1e-3, "end-to-end": 2e-4, "self-critical": 5e-5}[args.phase]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    if device.type == "cpu":
        torch.set_num_threads(args.threads)
    torch.manual_seed(1)
    args.out.mkdir(parents=True, exist_ok=True)

    pictures = read(args.data / "flickr8k_train_1.zip") + read(args.data / "flickr8k_train_2.zip")
    pictures = pictures + read(args.data / "coco_captioned.zip")
    val = read(args.data / "flickr8k_val.zip")
    vocabulary = make_vocabulary(pictures, 4)
    (args.out / "vocabulary.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    index = {word: i for i, word in enumerate(vocabulary)}
    decoder = CaptionDecoder(len(vocabulary))
    model = Captioner(build_encoder(), decoder).to(device)
    if args.phase != "frozen":
        taught = args.out / "end-to-end.pt"
        before = taught if args.phase == "self-critical" and taught.exists() else args.out / "frozen.pt"
        model.load_state_dict(torch.load(before, map_location=device, weights_only=True))
    end_to_end = args.phase == "end-to-end"
    model.encoder.requires_grad_(end_to_end)
    groups = [{"params": list(model.decoder.parameters()), "scale": 1.0}]
    if end_to_end:
        groups.append({"params": list(model.encoder.parameters()), "scale": args.encoder_rate})
    optimiser = torch.optim.AdamW(groups, lr=rate, weight_decay=0.01, fused=True)
    epoch, best, last = 0, -1.0, args.out / f"{args.phase}.last.pt"
    if last.exists():
        saved = torch.load(last, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        epoch, best = saved["epoch"], saved["best"]
    bf16 = bf16_pays(decoder, device)
    caches = {}
    if not end_to_end:
        caches = {
            "train": GridCache(model.encoder, pictures.pixels, device, args.views),  # type: ignore[arg-type]
            "val": GridCache(model.encoder, val.pixels, device, 0),  # type: ignore[arg-type]
        }
    reward = Reward(pictures.captions) if args.phase == "self-critical" else None
    steps_an_epoch = len(pictures.captions) // max(1, args.captions // 5)
    total, step = args.epochs * steps_an_epoch, epoch * steps_an_epoch

    def examined() -> dict[str, float]:
        if caches:
            whole = caches["val"].grids[0]
            grids = (whole[k : k + 50].float().to(device) for k in range(0, len(whole), 50))
            return evaluate(model, grids, val, vocabulary, args.width, args.alpha)
        return evaluate(model, grids_of(model, val.pixels, device), val, vocabulary, args.width, args.alpha)

    if epoch == 0:
        print("before: " + " ".join(f"{k} {v:.3f}" for k, v in examined().items()), flush=True)
    while epoch < args.epochs:
        random = np.random.default_rng(epoch)
        model.decoder.train()
        model.encoder.eval()  # batch statistics stay the published ones; the weights move with the gradient
        begin, begin_cpu = time.perf_counter(), time.process_time()
        losses: list[float] = []
        rewards: list[float] = []
        for rows, ids in batches(pictures, index, args.captions, random):
            for group in optimiser.param_groups:
                decay = 0.5 * (1 + math.cos(math.pi * min(1.0, step / total)))
                group["lr"] = rate * group["scale"] * min(1.0, (step + 1) / 200) * max(decay, 0.01)
            unique, back = np.unique(rows, return_inverse=True)
            with torch.autocast(device.type, torch.bfloat16, enabled=bf16):
                if caches:
                    grid = caches["train"].take(unique, random, device)
                    if bf16:  # once, or autocast would do it again at every word
                        grid = grid.bfloat16()
                else:
                    grid = model.encoder.features(to_input(pictures.pixels[unique], device, random))  # type: ignore[operator]
                if reward is not None:
                    loss, got = self_critical_loss(model, grid, unique, reward, vocabulary)
                    rewards.append(got)
                else:
                    places = decoder.look(grid).select(torch.from_numpy(back).to(device))
                    loss = loss_of(decoder, places, ids.to(device), args.smoothing)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_([p for g in optimiser.param_groups for p in g["params"]], 5.0)
            optimiser.step()
            losses.append(loss.item())
            step += 1
            if step % 50 == 0:
                print(f"  step {step} of {total}: loss {np.mean(losses[-50:]):.3f}", *(
                    [f"reward {np.mean(rewards[-50:]):.3f}"] if rewards else []
                ), f"{time.perf_counter() - begin:.0f} s", flush=True)  # fmt: skip
        epoch += 1
        found = examined()
        line = " ".join(f"{k} {v:.3f}" for k, v in found.items())
        print(
            f"{args.phase} {epoch}: loss {np.mean(losses):.3f}, {time.perf_counter() - begin:.0f} s, {line}", flush=True
        )
        took = (time.process_time() - begin_cpu) / args.threads if device.type == "cpu" else time.perf_counter() - begin
        point = {"phase": args.phase, "epoch": epoch, "hours": hours(args.out) + took / 3600}
        with (args.out / "curve.jsonl").open("a") as curve:
            curve.write(json.dumps(point | {"loss": float(np.mean(losses))} | found) + "\n")
        if found["CIDEr"] > best:
            best = found["CIDEr"]
            torch.save(model.state_dict(), args.out / f"{args.phase}.pt")
        torch.save(
            {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch, "best": best}, last
        )


if __name__ == "__main__":
    main()
