"""Train the translator: `python -m app.training.gnmt FOLDER --directions en-de,de-en --hours 3`.

FOLDER holds tokens.npz and wordpieces.model (app.training.gnmt_data). Writes FOLDER/NAME/last.pt (to resume), the
average of the last checkpoints as average.safetensors, curve.tsv, and as told.json what its card will say of it. One
run goes on where the last one stopped. Where last.pt is gone, `--start gnmt-en-de` goes on from the embedded weights
and their curve, with a schedule of its own.

The learning rate warms up and decays (cosine) over the time budget; only time spent in steps counts, so a paused
process loses nothing. AdamW, gradient clipping, dropout, label smoothing as in the data README's trial.

The stacks grow while they learn, a layer a side at a time (as Gong et al. 2019, "Efficient Training of BERT by
Progressively Stacking", do with another network): three layers learn in a third of the time, and what comes on top of
them begins as next to nothing beside its own bypass, so nothing that was learnt is lost. And the attention is shown
where to look, much at first and a little to the end (app.training.aligner).
"""

from __future__ import annotations

import argparse
import contextlib
import json
import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from safetensors.torch import save_file
from torch import Tensor
from torch.nn import functional as F

from app.nets import beam
from app.nets.gnmt import GNMT, DecoderState, Memory
from app.store.architectures import TIED
from app.store.catalog import Store
from app.text.wordpieces import END, PAD, START, language_token
from app.training.aligner import Aligner
from app.training.gnmt_data import LANGUAGES, Corpus, pad

TOLD = "told.json"
BATCH_IN_A_STEP = 64  # sentences decoded at once while measuring


def learning_rate(peak: float, step: int, warmup: int, fraction: float) -> float:
    """`fraction` (0 to 1) of the time budget is spent."""
    return peak * min(1.0, (step + 1) / warmup) * (0.02 + 0.98 * 0.5 * (1 + math.cos(math.pi * min(1.0, fraction))))


def layers_at(fraction: float, first: int, last: int, growing: float, grown: float) -> int:
    """How deep the stacks are when `fraction` of the time is spent: `first` layers a side up to `growing`, one more at
    that moment, and `last` from `grown` on."""
    if fraction < growing:
        return first
    if fraction >= grown:
        return last
    return min(last, first + 1 + int((last - first - 1) * (fraction - growing) / (grown - growing)))


def deepen(net: GNMT, shallow: GNMT) -> GNMT:
    """`net` with the weights of the shallower network; what is new begins small, so that it says little at first."""
    known = shallow.state_dict()
    with torch.no_grad():
        for name, parameter in net.named_parameters():
            if name not in known and parameter.dim() > 1:
                parameter.mul_(0.25)
    net.load_state_dict(known, strict=False)
    return net


def inherit(net: GNMT, parent: Mapping[str, Tensor], pieces: Sequence[str], known: Sequence[str]) -> int:
    """Weights of a network for another pair of languages to begin with (Zoph et al. 2016, "Transfer Learning for
    Low-Resource Neural Machine Translation"): all layers, and what it knows of the wordpieces that both have. `pieces`
    are the network's, `known` the parent's; returns how many were taken over."""
    rows = {piece: row for row, piece in enumerate(known)}
    pairs = [(row, rows[piece]) for row, piece in enumerate(pieces) if piece in rows]
    here, there = (torch.tensor(column) for column in zip(*pairs, strict=True))
    state = net.state_dict()
    for name, tensor in parent.items():
        if name in TIED:
            continue
        if name in ("embedding.weight", "output.bias"):
            state[name][here] = tensor[there]
        else:
            state[name] = tensor
    net.load_state_dict(state)
    return len(pairs)


def guidance(fraction: float) -> float:
    """How much the attention's distance to the aligner's counts beside the words' loss."""
    return max(0.5 * (1 - fraction / 0.4), 0.05)


def guided_loss(attention: Tensor, aligned: Tensor) -> Tensor:
    """Cross-entropy a target piece, both (batch, target, source); rows of padding are zero in `aligned`."""
    return -(aligned * attention.float().clamp_min(1e-5).log()).sum() / aligned.sum()


@dataclass(frozen=True)
class Earlier:
    """What an embedded model's training left: weights, and the lines of its curve."""

    state: dict[str, Tensor]
    hours: float
    steps: int
    lines: tuple[str, ...]
    begun: str  # for its card


def earlier(model: str, wordpieces: bytes) -> Earlier:
    """Raises SystemExit where these are not its wordpieces."""
    store = Store()
    card = store.card(model)
    if store.wordpieces(card) != wordpieces:
        raise SystemExit(
            f"The wordpieces are not those of {model}: make them with app.training.gnmt_data --like {model}."
        )
    extra = dict(card.extra)
    steps = int(extra["steps"])
    points = {name.removeprefix("curve_"): str(text).split() for name, text in extra.items() if "curve_" in name}
    lines = [(*point.split(":"), direction) for direction, found in points.items() for point in found]
    lines.sort(key=lambda line: float(line[0]))
    shown = tuple(f"{hours}\t{steps}\t{direction}\t{score}\n" for hours, score, direction in lines)
    return Earlier(store.state_dict(card), max(float(line[0]) for line in lines), steps, shown, str(extra["begun"]))


def optimiser_of(net: GNMT, rate: float, before: tuple[GNMT, torch.optim.AdamW] | None = None) -> torch.optim.AdamW:
    """AdamW; weights that the network has in common with the one `before` keep their moments."""
    decay = [p for p in net.parameters() if p.dim() > 1]
    plain = [p for p in net.parameters() if p.dim() <= 1]
    optimiser = torch.optim.AdamW(
        [{"params": decay, "weight_decay": 0.01}, {"params": plain, "weight_decay": 0.0}],
        lr=rate,
        betas=(0.9, 0.98),
        fused=True,
    )
    if before is not None:
        old, moments = dict(before[0].named_parameters()), before[1].state
        for name, parameter in net.named_parameters():
            if name in old and old[name] in moments:
                optimiser.state[parameter] = moments[old[name]]
    return optimiser


def pick_autocast(net: GNMT, device: torch.device, batch: tuple[Tensor, Tensor]) -> bool:
    """bf16 on a GPU; on a CPU whichever of bf16 and float32 is faster here, measured on one batch."""
    if device.type != "cpu":
        return True
    seconds = {False: math.inf, True: math.inf}
    for bf16 in (False, True):
        # Processors without bf16 either emulate it slowly or have no such LSTM at all (a RuntimeError of oneDNN).
        with contextlib.suppress(RuntimeError), torch.autocast("cpu", torch.bfloat16, enabled=bf16):
            for _ in range(2):
                begin = time.perf_counter()
                net(*batch).float().logsumexp(-1).sum().backward()
                seconds[bf16] = time.perf_counter() - begin
    net.zero_grad(set_to_none=True)
    print(f"one step: float32 {seconds[False]:.2f} s, bf16 {seconds[True]:.2f} s", flush=True)
    return seconds[True] < seconds[False]


@torch.no_grad()
def translate(
    net: GNMT, sources: list[list[int]], *, width: int, alpha: float, beta: float, device: torch.device
) -> list[list[int]]:
    """Token ids in (language token first, END last), best hypothesis's ids out."""
    net.eval()
    order = sorted(range(len(sources)), key=lambda i: len(sources[i]))
    result: list[list[int]] = [[] for _ in sources]
    for k in range(0, len(order), BATCH_IN_A_STEP):
        rows = order[k : k + BATCH_IN_A_STEP]
        source = torch.from_numpy(pad([np.array(sources[i]) for i in rows])).to(device)
        memory = net.encode(source)

        def step(
            tokens: Tensor, state: DecoderState, inputs: Tensor, memory: Memory = memory
        ) -> tuple[Tensor, Tensor, DecoderState]:
            return net.step(tokens, state, memory.select(inputs))

        found = beam.search(
            step,
            net.start(memory),
            batch=len(rows),
            start=START,
            end=END,
            beam=width,
            longest=[2 * len(sources[i]) + 10 for i in rows],
            alpha=alpha,
            beta=beta,
            source_mask=memory.mask,
            forbidden=(PAD, START),
            device=device,
        )
        for i, hypotheses in zip(rows, found, strict=True):
            result[i] = list(hypotheses[0].tokens)
    net.train()
    return result


def dev_bleu(
    net: GNMT,
    pieces: object,
    dev: Path,
    direction: str,
    *,
    limit: int | None,
    width: int,
    device: torch.device,
) -> tuple[float, str]:
    """sacreBLEU on a dev file (tab-separated; en first) and its signature."""
    from sacrebleu.metrics.bleu import BLEU

    a, b = direction.split("-")
    rows = [line.split("\t") for line in dev.read_text(encoding="utf-8").splitlines()]
    if rows[0][0] == "en":  # a header names the columns
        columns = rows.pop(0)
    else:
        columns = (
            ["en", *dev.stem.split(".")[-1].split("-")[1:]] if "." in dev.stem else list(LANGUAGES[: len(rows[0])])
        )
    rows = rows[:limit]
    left, right = [row[columns.index(a)] for row in rows], [row[columns.index(b)] for row in rows]
    token = pieces.piece_to_id(language_token(b))  # type: ignore[attr-defined]
    sources = [[token, *ids, END] for ids in pieces.encode(left)]  # type: ignore[attr-defined]
    output = translate(net, sources, width=width, alpha=0.8 if width > 1 else 0.0, beta=0.0, device=device)
    metric = BLEU()
    score = metric.corpus_score(pieces.decode(output), [right])  # type: ignore[attr-defined]
    return float(score.score), str(metric.get_signature())


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--name", default="model")
    parser.add_argument("--directions", default="en-de,de-en")
    parser.add_argument("--hours", type=float, required=True, help="the whole schedule, over all sessions")
    parser.add_argument("--until", type=float, default=math.inf, help="stop after so many hours of this session")
    parser.add_argument("--width", type=int, default=256)
    parser.add_argument("--layers", type=int, default=8)
    parser.add_argument("--first-layers", type=int, default=3, help="a side, at the beginning")
    parser.add_argument("--growing", type=float, default=0.4, help="share of the time after which the first is added")
    parser.add_argument("--grown", type=float, default=0.75, help="share of the time after which all layers are there")
    parser.add_argument("--dropout", type=float, default=0.1)
    parser.add_argument("--tokens", type=int, default=1300, help="target tokens a batch")
    parser.add_argument("--rate", type=float, default=1.5e-3)
    parser.add_argument("--warmup", type=int, default=600, help="steps")
    parser.add_argument("--smoothing", type=float, default=0.1)
    parser.add_argument("--dev", type=Path, default=Path("../shared/data/translation/dev"))
    parser.add_argument("--every", type=float, default=600, help="seconds between checkpoints")
    origin = parser.add_mutually_exclusive_group()
    origin.add_argument(
        "--parent", type=Path, metavar="RUN", help="a run for other languages whose weights it begins with"
    )
    origin.add_argument("--start", metavar="ID", help="an embedded model to go on from, where there is no last.pt")
    parser.add_argument("--seed", type=int, default=1)
    args = parser.parse_args()

    import sentencepiece

    device = torch.device("cuda" if torch.cuda.is_available() else "cpu")
    pieces = sentencepiece.SentencePieceProcessor(model_file=str(args.folder / "wordpieces.model"))
    ids = {language: pieces.piece_to_id(language_token(language)) for language in LANGUAGES}
    directions = args.directions.split(",")
    corpus = Corpus(args.folder, ids, directions)
    torch.manual_seed(args.seed)
    begin = time.perf_counter()
    aligner = Aligner(corpus, pieces.vocab_size(), device)
    print(f"aligner: {time.perf_counter() - begin:.0f} s", flush=True)
    out = args.folder / args.name
    out.mkdir(parents=True, exist_ok=True)
    step, spent, snapshots = 0, 0.0, []
    before, steps_before = 0.0, 0  # hours and steps of training before this schedule

    def stack(layers: int) -> GNMT:
        return GNMT(pieces.vocab_size(), args.width, layers, dropout=args.dropout, padding=PAD).to(device)

    if (out / "last.pt").exists():
        saved = torch.load(out / "last.pt", map_location=device, weights_only=True)
        layers, told = saved["layers"], saved["told"]
        before, steps_before = told["hours_before"], told["steps_before"]
        net = stack(layers)
        net.load_state_dict(saved["net"])
        optimiser = optimiser_of(net, args.rate)
        optimiser.load_state_dict(saved["optimiser"])
        step, spent, snapshots = saved["step"], saved["spent"], saved["snapshots"]
        print(f"resumed at step {step}, {spent / 3600:.2f} h", flush=True)
    else:
        layers = args.layers if args.start else args.first_layers
        net = stack(layers)
        begun = "from random weights"
        if args.parent is not None:
            theirs = sentencepiece.SentencePieceProcessor(model_file=str(args.parent.parent / "wordpieces.model"))
            parent = torch.load(args.parent / "last.pt", map_location=device, weights_only=True)
            names, known = ([one.id_to_piece(k) for k in range(one.vocab_size())] for one in (pieces, theirs))
            if parent["layers"] != layers:
                raise SystemExit(f"{args.parent} has {parent['layers']} layers a side: --first-layers says {layers}.")
            print(f"{inherit(net, parent['net'], names, known):,} of {len(names):,} wordpieces are known", flush=True)
            taught = dict.fromkeys(line.split("\t")[2] for line in (args.parent / "curve.tsv").read_text().splitlines())
            begun = (
                f"from the weights that a network for {', '.join(taught)} had after {parent['spent'] / 3600:.1f} hours"
            )
        elif args.start:
            found = earlier(args.start, (args.folder / "wordpieces.model").read_bytes())
            loaded = net.load_state_dict(found.state, strict=False)
            if loaded.unexpected_keys or not TIED.issuperset(loaded.missing_keys):
                raise SystemExit(f"{args.start} is no network of {layers} + {layers} layers of {args.width}.")
            step = steps_before = found.steps
            before, begun = found.hours, found.begun
            (out / "curve.tsv").write_text("".join(found.lines), "utf-8")
        optimiser = optimiser_of(net, args.rate)
        told = {
            "begun": begun,
            "hours_before": before,
            "steps_before": steps_before,
            "first_layers": layers,
            "tokens": args.tokens,
            "threads": torch.get_num_threads(),
            "device": device.type,
        }
    batches = corpus.batches(args.tokens, seed=args.seed + step)

    def tensors() -> tuple[Tensor, Tensor]:
        batch = next(batches)
        return (
            torch.from_numpy(batch.source).to(device, non_blocking=True),
            torch.from_numpy(batch.target).to(device, non_blocking=True),
        )

    source, target = tensors()
    bf16 = pick_autocast(net, device, (source, target[:, :-1]))
    budget, session, last_save, losses = args.hours * 3600, 0.0, 0.0, []
    tokens_seen, log_time = 0, time.perf_counter()
    parameters = sum(p.numel() for p in net.parameters())
    print(
        f"{layers} layers a side, {parameters:,} parameters, {len(corpus.starts):,} pairs, {directions}, {device}, "
        f"bf16 {bf16}",
        flush=True,
    )
    while spent < budget and session < args.until * 3600:
        begin = time.perf_counter()
        if (deeper := layers_at(spent / budget, args.first_layers, args.layers, args.growing, args.grown)) > layers:
            shallow, snapshots, layers = net, [], deeper
            net = deepen(stack(layers), shallow)
            optimiser = optimiser_of(net, args.rate, (shallow, optimiser))
            print(f"step {step} {spent / 3600:.3f} h: {layers} layers a side", flush=True)
        for group in optimiser.param_groups:
            group["lr"] = learning_rate(args.rate, step - steps_before, args.warmup, spent / budget)
        with torch.autocast(device.type, torch.bfloat16, enabled=True) if bf16 else contextlib.nullcontext():
            logits, attention = net.attended(source, target[:, :-1])
        loss = F.cross_entropy(
            logits.flatten(0, 1).float(),
            target[:, 1:].flatten(),
            ignore_index=PAD,
            label_smoothing=args.smoothing,
        )
        losses.append(loss.detach())
        loss = loss + guidance(spent / budget) * guided_loss(attention, aligner(source, target))
        optimiser.zero_grad(set_to_none=True)
        torch.autograd.backward(loss)
        torch.nn.utils.clip_grad_norm_(net.parameters(), 1.0)
        optimiser.step()
        tokens_seen += target.numel()
        step += 1
        source, target = tensors()
        took = min(time.perf_counter() - begin, 10.0)  # a paused process is not charged
        spent, session = spent + took, session + took
        if step % 100 == 0:
            rate = tokens_seen / (time.perf_counter() - log_time)
            print(
                f"step {step} {spent / 3600:.3f} h loss {torch.stack(losses).mean().item():.3f} "
                f"lr {optimiser.param_groups[0]['lr']:.2e} {rate:.0f} tokens/s",
                flush=True,
            )
            losses, tokens_seen, log_time = [], 0, time.perf_counter()
        if session - last_save >= args.every or spent >= budget:
            last_save = session
            half = {k: v.detach().to("cpu", torch.float16) for k, v in net.state_dict().items()}
            snapshots = [*snapshots, half][-5:]
            state = {
                "told": told,
                "layers": layers,
                "net": net.state_dict(),
                "optimiser": optimiser.state_dict(),
                "step": step,
                "spent": spent,
            }
            torch.save({**state, "snapshots": snapshots}, out / "last.part")
            (out / "last.part").replace(out / "last.pt")
            with (out / "curve.tsv").open("a") as curve:
                for direction in directions:
                    other = direction.replace("en", "").strip("-")
                    dev = args.dev / f"tatoeba-dev.en-{other}.tsv"
                    if dev.exists():
                        bleu, _ = dev_bleu(net, pieces, dev, direction, limit=300, width=1, device=device)
                        curve.write(f"{before + spent / 3600:.3f}\t{step}\t{direction}\t{bleu:.1f}\n")
                        print(f"  {direction} greedy, 300 of tatoeba-dev: {bleu:.1f}", flush=True)
            log_time, tokens_seen = time.perf_counter(), 0
    if snapshots:
        # The last checkpoints of a decayed schedule lie close together; their mean is a little better than any of them.
        kept = snapshots[-3:] if spent >= budget else snapshots[-1:]
        average = {k: torch.stack([s[k].float() for s in kept]).mean(0).half() for k in kept[0]}
        average.pop("output.weight")  # tied to the embedding
        save_file(average, out / "average.safetensors")
        (out / TOLD).write_text(json.dumps(told, indent=1), "utf-8")


if __name__ == "__main__":
    main()
