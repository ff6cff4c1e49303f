"""`triptych bench`: how fast Triptych is on this machine, beside the same work done without it."""

from __future__ import annotations

import argparse

EPILOG = """\
examples:
  triptych bench classify                          every model that is here, against bare libraries
  triptych bench classify --model resnet18 --json
  triptych bench caption                           captions a second, from frame to text
  triptych bench translate                         a sentence, a thousand, and how near the memory's speed
  triptych bench translate --published-size        a network as large as the published GNMT
  triptych bench ui --panel classify               is the window live while a folder is classified?
  triptych bench ui --panel caption --minutes 30   half an hour live: pace, delays, memory
  triptych bench ui --panel translate              somebody types for a minute: is the window live?
  triptych bench start                             how long until the window is painted

Rounds of all competitors follow one another (A B C A B C …), so that a machine's moods meet all of them; what is
printed are medians. Close other programs for figures worth quoting.
"""


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser], debug: argparse.ArgumentParser) -> None:
    command = commands.add_parser(
        "bench",
        help="measure how fast Triptych is here",
        description="Measures how fast Triptych is on this machine, beside the same work done with bare libraries.",
        epilog=EPILOG,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    inner = command.add_subparsers(title="what to measure", metavar="WHAT", required=True)

    classify = inner.add_parser(
        "classify",
        help="decoding, networks, Grad-CAM, latency, throughput",
        description="Medians of decoding, forward passes, Grad-CAM, whole latency and folder throughput, beside torch, "
        "ONNX Runtime and OpenVINO called directly, where they are installed.",
        parents=[debug],
        allow_abbrev=False,
    )
    classify.add_argument("--model", "-m", action="append", metavar="A,B", help="default: every embedded model")
    classify.add_argument(
        "--runs", type=_count, default=15, metavar="N", help="rounds of each measurement (default: 15)"
    )
    classify.add_argument("--device", choices=("auto", "cuda", "mps", "cpu"), default="auto")
    classify.add_argument(
        "--pictures", type=_count, default=64, metavar="N", help="pictures in the folder (default: 64)"
    )
    classify.add_argument("--json", action="store_true", help="one JSON object with all figures")
    classify.set_defaults(run=_classify)

    caption = inner.add_parser(
        "caption",
        help="captions a second, from frame to text, starts",
        description="Captions a second, greedy and with beam 3, beside the network driven by a plain loop; the time "
        "from frame to text while a source of 30 frames a second plays; a folder; the first caption after a start.",
        parents=[debug],
        allow_abbrev=False,
    )
    caption.add_argument("--model", "-m", action="append", metavar="ID", help="default: captioner")
    caption.add_argument(
        "--runs", type=_count, default=3, metavar="N", help="rounds over all frames, each for both (default: 3)"
    )
    caption.add_argument("--seconds", type=_count, default=10, metavar="N", help="of live frames (default: 10)")
    caption.add_argument(
        "--pictures", type=_count, default=64, metavar="N", help="pictures in the folder (default: 64)"
    )
    caption.add_argument(
        "--published-size",
        action="store_true",
        help="instead, a network of random weights as large as the published Show and Tell",
    )
    caption.add_argument("--device", choices=("auto", "cuda", "mps", "cpu"), default="auto")
    caption.add_argument("--json", action="store_true", help="one JSON object with all figures")
    caption.set_defaults(run=_caption)

    translate = inner.add_parser(
        "translate",
        help="one sentence, words a second, the time of a step",
        description="Milliseconds for sentences of twelve words, greedy and with beam 5, and words a second for many "
        "sentences, beside the same weights driven by plain calls and a beam search of one hypothesis at a time; and "
        "how far a step is from the time that reading its weights takes.",
        parents=[debug],
        allow_abbrev=False,
    )
    translate.add_argument("--model", "-m", action="append", metavar="ID", help="default: gnmt-en-de")
    translate.add_argument("--direction", metavar="AA-BB", help="such as en-de (default: the model's first)")
    translate.add_argument(
        "--text", metavar="FILE", help="a sentence a line (default: English ones made up, of about 6.5 words)"
    )
    translate.add_argument(
        "--runs", type=_count, default=5, metavar="N", help="rounds over the sentences of twelve words (default: 5)"
    )
    translate.add_argument("--sentences", type=_count, default=1000, metavar="N", help="in batches (default: 1,000)")
    translate.add_argument(
        "--published-size",
        action="store_true",
        help="instead, a network of random weights as large as the published GNMT: loading, memory, beams of 1, 5, 10 "
        "(takes minutes, and 1.5 GB of disk meanwhile)",
    )
    translate.add_argument("--device", choices=("auto", "cuda", "mps", "cpu"), default="auto")
    translate.add_argument("--json", action="store_true", help="one JSON object with all figures")
    translate.set_defaults(run=_translate)

    ui = inner.add_parser(
        "ui",
        help="how late the window's event loop is while it works",
        description="Opens the real window without a screen, classifies a folder, looks at a moving picture or types a "
        "text in it, and measures how late a timer of 5 ms fires.",
        parents=[debug],
        allow_abbrev=False,
    )
    ui.add_argument("--panel", choices=("classify", "caption", "translate"), default="classify")
    ui.add_argument("--samples", type=_count, default=10_000, metavar="N", help="timer events (default: 10,000)")
    ui.add_argument("--seconds", type=_count, metavar="N", help="stop after this long, with fewer samples")
    ui.add_argument("--minutes", type=_count, metavar="N", help="caption: look on for this long instead")
    ui.add_argument("--beam", type=_count, default=3, metavar="N", help="caption: 1 is greedy (default: 3)")
    ui.add_argument("--json", action="store_true", help="one JSON object with all figures")
    ui.set_defaults(run=_ui)

    start = inner.add_parser(
        "start",
        help="from the start of the process to the window's first paint",
        description="Starts the program several times and measures the time until its window is painted.",
        parents=[debug],
        allow_abbrev=False,
    )
    start.add_argument("--runs", type=_count, default=5, metavar="N", help="starts after a first one (default: 5)")
    start.set_defaults(run=_start)


def _count(text: str) -> int:
    if not text.isdecimal() or int(text) < 1:
        raise argparse.ArgumentTypeError(f"“{text}” is not a whole number above zero")
    return int(text)


def _classify(options: argparse.Namespace) -> int:
    from app.cli.bench_classify import run

    return run(options)


def _caption(options: argparse.Namespace) -> int:
    from app.cli.bench_caption import run

    return run(options)


def _translate(options: argparse.Namespace) -> int:
    from app.cli.bench_translate import run

    return run(options)


def _ui(options: argparse.Namespace) -> int:
    if options.panel == "caption":
        from app.cli.bench_ui_caption import run
    elif options.panel == "translate":
        from app.cli.bench_ui_translate import run
    else:
        from app.cli.bench_ui import run

    return run(options)


def _start(options: argparse.Namespace) -> int:
    from app.cli.bench_ui import start

    return start(options)
