"""The cards of files one click away: `python -m app.store.official`.

Those of torchvision's official weights are written from torchvision's own records; nothing is retyped. The records give
the address (whose file name holds the first eight digits of the SHA-256), the number of parameters, ImageNet scores,
the size in MiB to three places, and the preprocessing. None of us has opened the addresses, so every card says
`confirmed = false`.

Beside them stand two compressed ResNets (`app.store.compressed_resnets`). Their authors' repository gives their top-1;
size and SHA-256 are those of the files in that repository's commit. And two checkpoints of TensorFlow, which are
converted here (`app.store.published`): where they are, and what they reach, as the repositories that used them say.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path, PurePosixPath
from typing import Any
from urllib.parse import urlsplit

from app.media.preprocess import Preprocessing
from app.store import locate
from app.store.cards import Card, Measurement, Part, write_card

ALEXNET_PAPER = "A. Krizhevsky: One weird trick for parallelizing convolutional neural networks (arXiv:1404.5997, 2014)"
RESNET_PAPER = "K. He, X. Zhang, S. Ren, J. Sun: Deep Residual Learning for Image Recognition (arXiv:1512.03385, 2015)"
LICENCE = "BSD-3-Clause (torchvision, its code); no licence of their own is stated for the weights"
RESEARCH = "Learnt from research data: for research and education."
TERMS = f"ImageNet (ILSVRC 2012), handed out for non-commercial research and education. {RESEARCH}"
LIMITS = (
    "Knows the 1,000 classes of ImageNet-1k and nothing else, and always names one of them, however unsure. "
    "Learnt from photos on the web: it shares their blind spots."
)


COMPRESSED_PAPER = (
    "P. Stock, A. Joulin, R. Gribonval, B. Graham, H. Jégou: And the bit goes down: Revisiting the quantization of "
    "neural networks (ICLR 2020, arXiv:1907.05686)"
)
KILL_THE_BITS = "facebookresearch/kill-the-bits/9ea70f1aef44f4ffb14d89fb304dcbcb93a31ec7"


def cards() -> tuple[Card, ...]:
    """All official cards, torchvision's first, smallest network first. Imports torchvision: ImportError without it."""
    from app.nets._torchvision import import_torchvision

    models = import_torchvision().models
    made = [_card("alexnet", 1, models.AlexNet_Weights.IMAGENET1K_V1)]
    for depth in (18, 34, 50, 101, 152):
        records = getattr(models, f"ResNet{depth}_Weights")
        for version in (1, 2):
            if (record := getattr(records, f"IMAGENET1K_V{version}", None)) is not None:
                made.append(_card(f"resnet{depth}", version, record))
    made += [
        _compressed(18, "small", 65.81, 1_669_921, "54e98666166baa8f5e6fd783b75fef3780e8c9069351ae146781b23f6a0f4729"),
        _compressed(50, "large", 68.21, 3_629_468, "e2b6b85665a24660035170927bc9e5ea4ca5ae2528c1cbc364af109ac712bce9"),
    ]
    return (*made, _gnmt(), _show_and_tell())


def _gnmt() -> Card:
    def part(record: str, file: str) -> Part:
        return Part(
            file,
            (
                f"https://zenodo.org/record/{record}/files/{file}",
                f"https://zenodo.org/records/{record}/files/{file}?download=1",
            ),
        )

    parts = (part("2530924", "gnmt_model.zip"), part("3437893", "gnmt_inference_data.zip"))
    return Card(
        id="gnmt-wmt16-en-de",
        name="GNMT (published, English → German)",
        year=2016,
        task="translate",
        architecture="gnmt-2016",
        origin="official",
        file="gnmt-wmt16-en-de.safetensors",
        licence="Apache-2.0 (mlcommons/inference, its code; none of us has read what the two Zenodo records state)",
        terms=f"The texts of WMT 2016, English and German (their owners' terms). {RESEARCH}",
        limits=(
            "Translates English into German and nothing else, a sentence at a time. Learnt from news and speeches of "
            "parliaments: everyday talk is strange to it, and it can leave out or make up words."
        ),
        summary=(
            "Google's GNMT of 4 + 4 LSTM layers of 1,024, as the MLPerf inference benchmark published it: BLEU 23.9 on "
            "newstest2014. It is converted here, to a file of about 200 MB."
        ),
        addresses=tuple(one.addresses[0] for one in parts),
        parts=parts,
        confirmed=False,
        source=(
            "Y. Wu et al.: Google's Neural Machine Translation System (arXiv:1609.08144, 2016); trained with "
            "github.com/tensorflow/nmt"
        ),
        attribution="The authors of tensorflow/nmt and of MLPerf inference (github.com/mlcommons/inference)",
        labels="",
        published=(
            Measurement(
                "newstest2014 en-de (3,003 sentences), beam 10, tokenised",
                None,
                None,
                "README of github.com/mlcommons/inference, retired_benchmarks/translation/gnmt/tensorflow",
                (("BLEU", 23.9),),
            ),
        ),
        extra=(
            ("directions", "en-de"),
            ("alpha", 1.0),
            ("size_approx", 800_000_000),
            # verify_dataset.sh of github.com/mlcommons/inference, retired_benchmarks/translation/gnmt/tensorflow
            (
                "sums",
                "md5 bbf724dc2e0ad4b35926d8557e34f465 vocab.bpe.32000.en\n"
                "md5 bbf724dc2e0ad4b35926d8557e34f465 vocab.bpe.32000.de\n"
                "md5 cb014e2509f86cd81d5a87c240c07464 newstest2014.tok.bpe.32000.en\n"
                "md5 d616740f6026dc493e66efdf9ac1cb04 newstest2014.tok.bpe.32000.de",
            ),
        ),
    )


AUTHOR = "https://raw.githubusercontent.com/KranthiGV/Pretrained-Show-and-Tell-model"
IBM = "https://raw.githubusercontent.com/IBM/MAX-Image-Caption-Generator"


def _show_and_tell() -> Card:
    drive = "export=download&confirm=t&id=0B3laN3vvvSD2T1RPeDA5djJ6bFE"
    parts = (
        Part(
            "assets.tar.gz",
            ("https://max-cdn.cdn.appdomain.cloud/max-image-caption-generator/1.0.0/assets.tar.gz",),
            way=1,
        ),
        Part(
            "model.ckpt-2000000.index",
            (f"{AUTHOR}/152ed6b/model.ckpt-2000000.index", f"{AUTHOR}/master/model.ckpt-2000000.index"),
            size=16_876,
            sha256="0bff92fec25b1905900a112b3c3250e0a8ab0a7303256df76824bc046ae66a5f",
            way=2,
        ),
        Part(
            "model.ckpt-2000000.data-00000-of-00001",
            (f"https://drive.usercontent.google.com/download?{drive}", f"https://drive.google.com/uc?{drive}"),
            size=149_002_244,
            way=2,
        ),
        Part(
            "word_counts.txt",
            (
                f"{AUTHOR}/152ed6b/word_counts.txt",
                f"{AUTHOR}/master/word_counts.txt",
                f"{IBM}/master/assets/word_counts.txt",
            ),
            size=121_881,
            sha256="18e80c920db50056e39fb7c310421836ee96786bb0da0ebc05d7b6117c45363a",
        ),
        Part(
            "surfing.jpg",
            (f"{IBM}/a228685/samples/surfing.jpg", f"{IBM}/3aefad4563f2a0b2fa5d7b946ce0aeff397c8f08/tests/surfing.jpg"),
            size=236_503,
            sha256="8f588398c2288b40ed35c2cb8838cb5517e45a110b58ec9f38e651e659ed04d3",
            needed=False,
        ),
    )
    return Card(
        id="show-and-tell",
        name="Show and Tell (published)",
        year=2015,
        task="caption",
        architecture="show-and-tell",
        origin="official",
        file="show-and-tell.safetensors",
        licence="MIT (the weights, as their author and IBM's MAX-Image-Caption-Generator state)",
        terms=(
            "COCO (captions CC BY 4.0, pictures under Flickr's terms of use); the encoder began as Inception v3, which "
            f"learnt from ImageNet (non-commercial research and education). {RESEARCH}"
        ),
        limits=(
            "Describes everyday scenes as people did for COCO, and makes things up elsewhere. It has no attention, so "
            "where it looked can only be estimated; it doesn't read, and doesn't count well."
        ),
        summary=(
            "Inception v3 and one LSTM, trained end to end on COCO for two million steps (perplexity 8.44, says its "
            "author), the network of the paper that began it. It is converted here, to a file of about 75 MB."
        ),
        addresses=(parts[0].addresses[0], "https://drive.google.com/open?id=0B3laN3vvvSD2T1RPeDA5djJ6bFE"),  # to read
        parts=parts,
        confirmed=False,
        source="O. Vinyals, A. Toshev, S. Bengio, D. Erhan: Show and Tell (arXiv:1411.4555, 2015)",
        attribution=(
            "Trained by Kranthi Kiran GV (github.com/KranthiGV/Pretrained-Show-and-Tell-model) with im2txt "
            "(github.com/tensorflow/models, Apache-2.0)"
        ),
        labels="",
        preprocessing=Preprocessing(crop=299, mean=(0.5,) * 3, deviation=(0.5,) * 3, squeeze=True, squeezed=346),
        # What the published program says of surfing.jpg: each caption's probability, then its words.
        extra=(
            (
                "surfing",
                "0.03883 a man riding a wave on top of a surfboard .\n"
                "0.01793 a person riding a surf board on a wave\n"
                "0.00566 a man riding a wave on a surfboard in the ocean .",
            ),
            ("size_approx", 149_400_000),
            # sha512sums.txt of github.com/IBM/MAX-Image-Caption-Generator, of the checkpoint in its archive
            (
                "sums",
                "sha512 eda91f4245224b43dd6c36f16dd49c30bb65d0aea51ca84a13a710bd1b18454e"
                "590cd2ff7822afe9e8501a7fa1c0ff9ec98b3dca55ed8415436d95e0f1a48c52 "
                "model2.ckpt-2000000.data-00000-of-00001\n"
                "sha512 39293d83b5d1988537e44810027bb32f7d5f09148da086f4dde1ce1f18f8a53c"
                "c8a67cb415e3ae151d618f15975af796dec2cfbf769bb36168ced81494f90dee "
                "model2.ckpt-2000000.index",
            ),
        ),
    )


def _compressed(depth: int, blocks: str, top1: float, size: int, sha256: str) -> Card:
    file = f"resnet{depth}_{blocks}_blocks.pth"
    return Card(
        id=f"resnet{depth}-compressed",
        name=f"ResNet-{depth} compressed (Stock et al.)",
        year=2020,
        task="classify",
        architecture=f"resnet{depth}",
        origin="official",
        file=file,
        licence="CC BY-NC 4.0 (not for commercial use; the repository's LICENSE file, its README says CC BY 4.0)",
        terms=TERMS,
        limits=LIMITS,
        summary=(
            f"ResNet-{depth} in {size / 1e6:.1f} MB: runs of weights are looked up in a code book of each layer. "
            "Here it is decoded into ordinary weights."
        ),
        size=size,
        parameters={18: 11_689_512, 50: 25_557_032}[depth],
        sha256=sha256,
        addresses=(f"https://raw.githubusercontent.com/{KILL_THE_BITS}/src/models/compressed/{file}",),
        confirmed=False,
        source=COMPRESSED_PAPER,
        attribution="Facebook, Inc. and its affiliates (github.com/facebookresearch/kill-the-bits)",
        published=(
            Measurement(
                "ImageNet-1k, validation (50,000 pictures)", top1, None, f"README of github.com/{KILL_THE_BITS}"
            ),
        ),
    )


def _card(architecture: str, version: int, record: Any) -> Card:
    alexnet = architecture == "alexnet"
    shown = "AlexNet, one tower" if alexnet else architecture.replace("resnet", "ResNet-")
    file = PurePosixPath(urlsplit(record.url).path).name
    prefix = re.search(r"-([0-9a-f]{8,64})\.", file)
    assert prefix is not None, f"torchvision's file names end in a hash, {file} doesn't"
    scores = record.meta["_metrics"]["ImageNet-1K"]
    recipe = "the original recipe" if version == 1 else "torchvision's newer recipe"
    return Card(
        id=f"{architecture}-v{version}",
        name=f"{shown} (official, V{version})",
        year=2014 if alexnet else 2015,
        task="classify",
        architecture=architecture,
        origin="official",
        file=file,
        licence=LICENCE,
        terms=TERMS,
        limits=LIMITS,
        summary=f"{shown}, as torchvision offers it, trained on ImageNet with {recipe}.",
        parameters=record.meta["num_params"],
        sha256_prefix=prefix[1],
        addresses=(record.url,),
        confirmed=False,
        source=ALEXNET_PAPER if alexnet else RESNET_PAPER,
        attribution="torchvision (pytorch.org), Copyright Soumith Chintala 2016 and contributors",
        preprocessing=_preprocessing(record.transforms()),
        published=(
            Measurement("ImageNet-1k, validation (50,000 pictures)", scores["acc@1"], scores["acc@5"], _source(record)),
        ),
        # The records give MiB to three places; the exact number of bytes is noted at the download.
        extra=(("size_approx", round(record.meta["_file_size"] * 2**20)),),
    )


def _preprocessing(transforms: Any) -> Preprocessing:
    (resize,), (crop,) = transforms.resize_size, transforms.crop_size
    return Preprocessing(
        resize=resize,
        crop=crop,
        interpolation=transforms.interpolation.value,
        mean=tuple(transforms.mean),
        deviation=tuple(transforms.std),
    )


def _source(record: Any) -> str:
    return f"torchvision's record {type(record).__name__}.{record.name}; recipe: {record.meta['recipe']}"


def write(folder: Path) -> list[Path]:
    """Writes every card into `folder` and removes cards there that torchvision no longer has records for."""
    folder.mkdir(parents=True, exist_ok=True)
    written = []
    for card in cards():
        written.append(folder / f"{card.id}.toml")
        write_card(card, written[-1])
    for path in folder.glob("*.toml"):
        if path not in written:
            path.unlink()
    return written


if __name__ == "__main__":
    sys.stdout.writelines(f"{path.name}\n" for path in write(locate.bundled("weights") / "official"))
