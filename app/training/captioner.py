"""Train the captioner: `python -m app.training.captioner OUT --phase frozen|end-to-end|self-critical --epochs N`.

- `frozen`: the encoder's grids are computed once (and mirrored), only the decoder learns.
- `end-to-end`: from OUT/frozen.pt; encoder and decoder learn together on augmented pictures.
- `self-critical`: from OUT/end-to-end.pt; the reward is CIDEr against the other samples (Rennie et al. 2017,
  arXiv 1612.00563).

Each phase keeps its best epoch by CIDEr on flickr8k_val (beam 3) in OUT/PHASE.pt and goes on from
OUT/PHASE.last.pt where it was stopped. Flickr8k's pictures are squeezed to squares, so every picture is squeezed, never
cropped: here, and in the
program.
"""

from __future__ import annotations

import argparse
import io
import math
import re
import time
import zipfile
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from PIL import Image
from torch import Tensor
from torch.nn import functional as F

from app.nets import beam
from app.nets.captioner import END, PAD, START, UNKNOWN, CaptionDecoder, Captioner, Places

SIDE = 224


def words_of(caption: str) -> list[str]:
    """Lower-cased words without punctuation, as the references are scored."""
    return re.findall(r"[a-z0-9]+(?:'[a-z]+)?", caption.lower())


@dataclass(frozen=True, eq=False)
class CaptionedPictures:
    names: list[str]
    pixels: np.ndarray  # (pictures, SIDE, SIDE, 3) uint8
    captions: list[list[list[str]]]  # a picture, its captions, their words

    def __add__(self, other: CaptionedPictures) -> CaptionedPictures:
        return CaptionedPictures(
            self.names + other.names, np.concatenate([self.pixels, other.pixels]), self.captions + other.captions
        )


def read(path: Path) -> CaptionedPictures:
    """All pictures of a zip, squeezed to SIDE x SIDE, with their captions."""
    captions: dict[str, list[list[str]]] = {}
    with zipfile.ZipFile(path) as archive:
        for line in archive.read("captions.tsv").decode().splitlines():
            name, _, caption = line.split("\t")
            captions.setdefault(name, []).append(words_of(caption))
        pixels = np.empty((len(captions), SIDE, SIDE, 3), np.uint8)
        for i, name in enumerate(captions):
            with Image.open(io.BytesIO(archive.read(name))) as picture:
                pixels[i] = np.asarray(picture.convert("RGB").resize((SIDE, SIDE), Image.Resampling.BILINEAR))
    return CaptionedPictures(list(captions), pixels, list(captions.values()))


def make_vocabulary(pictures: CaptionedPictures, seen: int) -> list[str]:
    """Words seen at least `seen` times, most frequent first, after the four special ones."""
    counts = Counter(w for captions in pictures.captions for words in captions for w in words)
    return ["<pad>", "<unknown>", "<start>", "<end>", *(w for w, n in counts.most_common() if n >= seen)]


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


def build_encoder() -> torch.nn.Module:
    """EfficientNet-Lite0 with the embedded weights."""
    from safetensors.torch import load_file

    from app.nets.efficientnet_lite import EfficientNetLite

    encoder = EfficientNetLite(0)
    root = Path(__file__).resolve().parents[2]
    state = load_file(root / "weights" / "efficientnet-lite0.safetensors")
    encoder.load_state_dict({k: v.float() for k, v in state.items()})
    return encoder


class GridCache:
    """The frozen encoder's grids of all pictures and their mirror images, in half precision."""

    def __init__(self, encoder: Any, pixels: np.ndarray, device: torch.device) -> None:
        self.grids = torch.empty(2, len(pixels), 1280, 7, 7, dtype=torch.float16)
        encoder.eval().to(device)
        with torch.inference_mode():
            for k in range(0, len(pixels), 64):
                x = to_input(pixels[k : k + 64], device)
                self.grids[0, k : k + 64] = encoder.features(x).half().cpu()
                self.grids[1, k : k + 64] = encoder.features(x.flip(3)).half().cpu()

    def take(self, rows: np.ndarray, random: np.random.Generator, device: torch.device) -> Tensor:
        return self.grids[random.integers(0, 2, len(rows)), rows].to(device).float()


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


def evaluate(
    model: Captioner, pictures: CaptionedPictures, vocabulary: list[str], width: int, alpha: float, device: torch.device
) -> dict[str, float]:
    model.eval()
    with torch.inference_mode():
        grids = (
            model.encoder.features(to_input(pictures.pixels[k : k + 50], device))  # type: ignore[operator]
            for k in range(0, len(pictures.pixels), 50)
        )
        ids = describe(model, grids, width, alpha, device)
    return scores([[vocabulary[i] for i in caption] for caption in ids], pictures.captions)


def batches(
    pictures: CaptionedPictures, index: dict[str, int], size: int, random: np.random.Generator
) -> Iterator[Any]:
    """One epoch of (rows, ids): every picture once, with `per` of its captions, each caption a row."""
    order = random.permutation(len(pictures.names))
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


def self_critical_loss(model: Captioner, grid: Tensor, references: list[list[list[str]]], vocabulary: list[str],
                       device: torch.device, samples: int = 4) -> Tensor:  # fmt: skip
    """REINFORCE with the mean reward of the other samples as the baseline (Luo 2020, arXiv 2003.09971)."""
    from pycocoevalcap.cider.cider import Cider

    n = len(grid)
    places = model.decoder.look(grid)
    rows = torch.arange(n, device=device).repeat_interleave(samples)
    places = places.select(rows)
    state = model.decoder.start(places)
    words = torch.full((n * samples,), START, device=device)
    alive = torch.ones(n * samples, dtype=torch.bool, device=device)
    spoken, log_p, masks = [], [], []
    for _ in range(20):
        logits, _, state = model.decoder.step(words, state, places)
        logits[:, [PAD, START, UNKNOWN]] = float("-inf")
        distribution = F.log_softmax(logits.float(), -1)
        words = torch.multinomial(distribution.exp(), 1).squeeze(1)
        log_p.append(distribution.gather(1, words.unsqueeze(1)).squeeze(1))
        masks.append(alive)
        spoken.append(words)
        alive = alive & (words != END)
        if not bool(alive.any()):
            break
    table = torch.stack(spoken, 1).tolist()
    ours = {r: [" ".join(vocabulary[w] for w in row[: row.index(END)] if w > END) if END in row
                else " ".join(vocabulary[w] for w in row)] for r, row in enumerate(table)}  # fmt: skip
    truth = {r: [" ".join(words_) for words_ in references[r // samples]] for r in range(n * samples)}
    _, each = Cider().compute_score(truth, ours)
    reward = torch.tensor(each, dtype=torch.float32, device=device).view(n, samples)
    baseline = (reward.sum(1, keepdim=True) - reward) / (samples - 1)
    advantage = (reward - baseline).view(-1, 1)
    mask = torch.stack(masks, 1).float()
    return -(advantage * torch.stack(log_p, 1) * mask).sum() / mask.sum()


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--phase", choices=["frozen", "end-to-end", "self-critical"], required=True)
    parser.add_argument("--epochs", type=int, default=14)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--rate", type=float, help="default: 1e-3 frozen, 2e-4 end-to-end, 5e-5 self-critical")
    parser.add_argument("--encoder-rate", type=float, default=0.25, help="times the decoder's rate")
    parser.add_argument("--captions", type=int, default=80, help="a batch")
    parser.add_argument("--smoothing", type=float, default=0.1)
    parser.add_argument("--width", type=int, default=3, help="beam while choosing the epoch")
    parser.add_argument("--alpha", type=float, default=0.7)
    args = parser.parse_args()
    rate = args.rate or {"frozen": 1e-3, "end-to-end": 2e-4, "self-critical": 5e-5}[args.phase]
    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    torch.manual_seed(1)
    args.out.mkdir(parents=True, exist_ok=True)

    train = read(args.data / "flickr8k_train_1.zip") + read(args.data / "flickr8k_train_2.zip")
    train = train + read(args.data / "coco_captioned.zip")
    val = read(args.data / "flickr8k_val.zip")
    vocabulary = make_vocabulary(train, 4)
    (args.out / "vocabulary.txt").write_text("\n".join(vocabulary) + "\n", encoding="utf-8")
    index = {word: i for i, word in enumerate(vocabulary)}
    model = Captioner(build_encoder(), CaptionDecoder(len(vocabulary))).to(device)
    before = {"end-to-end": "frozen", "self-critical": "end-to-end"}.get(args.phase)
    if before:
        model.load_state_dict(torch.load(args.out / f"{before}.pt", map_location=device, weights_only=True))
    end_to_end = args.phase != "frozen"
    groups = [{"params": model.decoder.parameters(), "scale": 1.0}]
    if end_to_end:
        groups.append({"params": model.encoder.parameters(), "scale": args.encoder_rate})
    optimiser = torch.optim.AdamW(groups, lr=rate, weight_decay=0.01)
    epoch, best, last = 0, -1.0, args.out / f"{args.phase}.last.pt"
    if last.exists():
        saved = torch.load(last, map_location=device, weights_only=True)
        model.load_state_dict(saved["model"])
        optimiser.load_state_dict(saved["optimiser"])
        epoch, best = saved["epoch"], saved["best"]
    cache = None if end_to_end else GridCache(model.encoder, train.pixels, device)
    steps_an_epoch = len(train.names) // max(1, args.captions // 5)
    total, step = args.epochs * steps_an_epoch, epoch * steps_an_epoch

    while epoch < args.epochs:
        random = np.random.default_rng(epoch)
        model.decoder.train()
        model.encoder.eval()  # batch statistics stay the published ones; the weights move with the gradient
        begin, losses = time.perf_counter(), []
        for rows, ids in batches(train, index, args.captions, random):
            for group in optimiser.param_groups:
                decay = 0.5 * (1 + math.cos(math.pi * min(1.0, step / total)))
                group["lr"] = rate * group["scale"] * min(1.0, (step + 1) / 200) * max(decay, 0.01)
            ids_here = ids.to(device)
            with torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda"):
                unique, back = np.unique(rows, return_inverse=True)
                if cache is not None:
                    grid = cache.take(unique, random, device)
                else:
                    grid = model.encoder.features(to_input(train.pixels[unique], device, random))  # type: ignore[operator]
                if args.phase == "self-critical":
                    loss = self_critical_loss(model, grid, [train.captions[i] for i in unique], vocabulary, device)
                else:
                    places = model.decoder.look(grid).select(torch.from_numpy(back).to(device))
                    loss = loss_of(model.decoder, places, ids_here, args.smoothing)
            optimiser.zero_grad(set_to_none=True)
            torch.autograd.backward(loss)
            torch.nn.utils.clip_grad_norm_(model.parameters(), 5.0)
            optimiser.step()
            losses.append(loss.item())
            step += 1
        epoch += 1
        found = evaluate(model, val, vocabulary, args.width, args.alpha, device)
        line = " ".join(f"{k} {v:.3f}" for k, v in found.items())
        print(
            f"{args.phase} {epoch}: loss {np.mean(losses):.3f}, {time.perf_counter() - begin:.0f} s, {line}", flush=True
        )
        with (args.out / "curve.tsv").open("a") as curve:
            curve.write(f"{args.phase}\t{epoch}\t{np.mean(losses):.4f}\t{line}\n")
        if found["CIDEr"] > best:
            best = found["CIDEr"]
            torch.save(model.state_dict(), args.out / f"{args.phase}.pt")
        torch.save(
            {"model": model.state_dict(), "optimiser": optimiser.state_dict(), "epoch": epoch, "best": best}, last
        )


if __name__ == "__main__":
    main()
