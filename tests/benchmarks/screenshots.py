"""Pictures of every state of the window, to be looked at: `python -m tests.benchmarks.screenshots OUT_DIR [STATE …]`.

Each state is taken light and dark at 1280 × 800, then at 720 × 520, at 200 % scale and in a pseudo-language that is
half as long again (which also shows what was never given to `tr()`: it stays plain). Offscreen; folders of its own.
`STATES` holds what is taken: add a function that brings the window into the state and returns what to grab.
"""

from __future__ import annotations

import argparse
import os
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from PySide6.QtWidgets import QWidget

    from app.gui.caption.figure_view import FigureTab as CaptionFigureTab
    from app.gui.caption.panel import CaptionPanel
    from app.gui.classify.figure_view import FigureTab
    from app.gui.classify.panel import ClassifyPanel
    from app.gui.lab.view import LabView
    from app.gui.translate.panel import TranslatePanel
    from app.gui.window import MainWindow

STATES: dict[str, Callable[[MainWindow], QWidget]] = {}
# name: width, height, theme, scale, pseudo-language
WAYS = {
    "light": (1280, 800, "light", 1, False),
    "dark": (1280, 800, "dark", 1, False),
    "small": (720, 520, "light", 1, False),
    "double": (720, 520, "dark", 2, False),
    "pseudo": (1280, 800, "light", 1, True),
    "pseudo-small": (720, 520, "dark", 1, True),
}


def state(take: Callable[[MainWindow], QWidget]) -> Callable[[MainWindow], QWidget]:
    """Registers a state under the function's name."""
    STATES[take.__name__.replace("_", "-")] = take
    return take


def wait(until: Callable[[], bool] = lambda: False, seconds: float = 0.2) -> bool:
    """Lets the window live until something is true, for `seconds` at most."""
    from PySide6.QtWidgets import QApplication

    end = time.monotonic() + seconds
    while time.monotonic() < end and not until():
        QApplication.processEvents()
        time.sleep(0.005)
    return until()


@state
def classify_empty(window: MainWindow) -> QWidget:
    window.tabs.setCurrentIndex(0)
    wait(seconds=1.0)  # the samples' thumbnails
    return window


def answered(window: MainWindow, sample: str) -> ClassifyPanel:
    """The panel with the answers of the real engine to one of the samples."""
    from app.gui.classify.panel import ClassifyPanel
    from app.store.locate import bundled

    window.tabs.setCurrentIndex(0)
    panel = window.tabs.widget(0)
    assert isinstance(panel, ClassifyPanel)
    window.warm_up()
    panel.open_paths([bundled("assets") / "samples" / sample])
    wait(lambda: panel.session.decoded is not None and bool(panel.session.current and panel.session.current.done), 60)
    return panel


def explained(panel: ClassifyPanel) -> None:
    wait(lambda: panel.left.view.has_heat and not panel.explainer.waiting, 30)


def many(window: MainWindow) -> ClassifyPanel:
    """The samples twelve times over, and two files that are no pictures."""
    from app.store.locate import bundled

    panel = answered(window, "coffee.jpg")
    folder = Path(os.environ["TRIPTYCH_HOME"]) / "holiday"
    if not folder.exists():
        folder.mkdir()
        for number in range(12):
            for sample in (bundled("assets") / "samples").glob("*.jpg"):
                shutil.copy(sample, folder / f"{sample.stem} {number + 1}.jpg")
        (folder / "broken.jpg").write_bytes(b"")
        (folder / "cut off.jpg").write_bytes((folder / "coffee 1.jpg").read_bytes()[:3000])
    panel.open_paths([folder])
    wait(lambda: len(panel.pictures.items) == 51 and not panel.session.run.running, 60)
    wait(seconds=0.5)
    return panel


@state
def classify_answer(window: MainWindow) -> QWidget:
    answered(window, "coffee.jpg")
    return window


@state
def classify_heat(window: MainWindow) -> QWidget:
    panel = answered(window, "coffee.jpg")
    panel.explanations.turn(True)
    explained(panel)
    return window


@state
def classify_against(window: MainWindow) -> QWidget:
    panel = answered(window, "chelsea.jpg")
    panel.explanations.turn(True)
    explained(panel)
    bars = panel.right.columns.columns[0].bars
    assert bars.rows[2].bar is not None
    bars.held_against.emit(bars.rows[2].bar.index)
    wait(lambda: panel.explainer.against is not None and not panel.explainer.waiting, 30)
    return window


@state
def classify_failed(window: MainWindow) -> QWidget:
    panel = many(window)
    panel.right.one.setChecked(True)
    panel._go_to(panel.pictures.row(next(item for item in panel.pictures.items if item.error)))
    return window


@state
def classify_model_failed(window: MainWindow) -> QWidget:
    from app.gui.classify.answers import Answer

    panel = answered(window, "coffee.jpg")
    column = panel.right.columns.columns[0]
    words = window.tr("EfficientNet-Lite0 can't be loaded: its file is damaged. Verify it on the models page.")
    assert panel.session.current is not None
    panel.session.current.answers[column.card.id] = Answer(column.card.id, error=words)
    panel._answers_changed()
    return window


@state
def classify_downloading(window: MainWindow) -> QWidget:
    from app.store.progress import Progress

    panel = answered(window, "rocket.jpg")
    column = panel.right.columns.columns[-1]
    column.show_progress(Progress(12_300_000, 46_830_571, 3.1e6, 11.2, "https://download.pytorch.org"))
    return window


@state
def classify_many(window: MainWindow) -> QWidget:
    many(window)
    return window


@state
def classify_working(window: MainWindow) -> QWidget:
    panel = many(window)
    panel.right.folder.progress.start(window.tr("Classifying"), at_once=True)
    panel.right.folder.progress.advance(0, 10_000)
    wait(seconds=0.6)
    panel.right.folder.progress.advance(49, 10_000)
    return window


@state
def classify_nothing_found(window: MainWindow) -> QWidget:
    many(window).right.folder.text.setText("zebra")
    return window


@state
def classify_inside(window: MainWindow) -> QWidget:
    panel = answered(window, "coffee.jpg")
    panel.toggle_inside()
    return window


def laboratory(window: MainWindow, network: int = -2) -> LabView:
    """The laboratory with the real engine. `network`: its place in the list; the last two are the fresh ones, residual
    and plain, before them stand the trained ones that are here."""
    from app.gui.classify.panel import ClassifyPanel
    from app.gui.lab.view import LabView

    window.tabs.setCurrentIndex(0)
    panel = window.tabs.widget(0)
    assert isinstance(panel, ClassifyPanel)
    window.context.worker.start()
    panel.toggle_inside()
    panel.inside.choose("laboratory")
    view = panel.inside.view("laboratory")
    assert isinstance(view, LabView)
    view.controls.network.setCurrentIndex(network % view.controls.network.count())
    drawn(view)
    return view


def drawn(view: LabView) -> None:
    """Until the curves are what the controls say, and what they are compared with is there."""
    wait()
    wait(lambda: not view.asker.waiting and view.asker._beside_ticket is None and view.asker.now is not None, 90)


@state
def laboratory_trained(window: MainWindow) -> QWidget:
    """A trained ResNet where there is one, with three bypasses cut; else what to download."""
    view = laboratory(window, 0)
    for switch in view.controls.switches._switches[2:5]:
        switch.click()
    drawn(view)
    return window


@state
def laboratory_shrinks(window: MainWindow) -> QWidget:
    view = laboratory(window, -1)
    view.controls.norm.setChecked(False)
    view.controls.init.setCurrentIndex(0)
    for depth in (0, 1, 2):
        view.controls.layers.setCurrentIndex(depth)
        drawn(view)
        if depth < 2:
            view.keep.click()
    return window


@state
def laboratory_gradient(window: MainWindow) -> QWidget:
    view = laboratory(window, -1)
    view.what.choose(1)
    drawn(view)
    view.plot.setFocus()
    view.plot.reads = (0, 9)
    return window


@state
def laboratory_failed(window: MainWindow) -> QWidget:
    view = laboratory(window)
    view.asker.failed.emit(window.tr("ResNet-18 can't be loaded: its file is damaged. Verify it on the models page."))
    return window


@state
def race_idle(window: MainWindow) -> QWidget:
    laboratory(window).what.choose(2)
    return window


@state
def race_running(window: MainWindow) -> QWidget:
    view = laboratory(window)
    view.what.choose(2)
    view.race.layers.setCurrentIndex(1)
    view.race.steps.setValue(100)
    view.race.start.click()
    wait(lambda: len(view.run.points) >= 40, 120)
    return window


@state
def race_done(window: MainWindow) -> QWidget:
    view = laboratory(window)
    view.what.choose(2)
    view.race.layers.setCurrentIndex(1)
    view.race.steps.setValue(60)
    view.race.start.click()
    wait(lambda: view.run.state == "done", 240)
    return window


def page(window: MainWindow, number: int) -> QWidget:
    """A page to read, all over the panel."""
    from app.gui.classify.panel import ClassifyPanel
    from app.gui.read_view import ReadView

    window.tabs.setCurrentIndex(0)
    panel = window.tabs.widget(0)
    assert isinstance(panel, ClassifyPanel)
    panel.toggle_inside()
    panel.inside.choose("read")
    panel.inside.whole.setChecked(True)
    view = panel.inside.view("read")
    assert isinstance(view, ReadView)
    view.choices.choose(number)
    return window


@state
def read_alexnet(window: MainWindow) -> QWidget:
    return page(window, 0)


@state
def read_resnet(window: MainWindow) -> QWidget:
    return page(window, 1)


@state
def read_laboratory(window: MainWindow) -> QWidget:
    return page(window, 2)


def figure(window: MainWindow, sample: str = "chelsea.jpg") -> FigureTab:
    """The figure over the whole panel, recorded and measured."""
    from app.gui.classify.figure_view import FigureTab

    panel = answered(window, sample)
    panel.inside.choose("figure")
    panel.toggle_inside()
    panel.inside.whole.setChecked(True)
    tab = panel.inside.view("figure")
    assert isinstance(tab, FigureTab)
    wait(lambda: tab.view.figure is not None and tab.view.figure.pass_ms is not None, 60)
    return tab


@state
def figure_network(window: MainWindow) -> QWidget:
    figure(window)
    return window


def mapped(window: MainWindow) -> FigureTab:
    """The figure with the maps of the first convolution of a cell, whatever network stands first."""
    tab = figure(window)
    assert tab.view.figure is not None
    tab.open_maps(next(node.id for node in tab.view.figure.nodes if node.kind == "conv" and node.cell is not None))
    wait(lambda: bool(tab.maps.grid.tiles), 30)
    return tab


@state
def figure_maps(window: MainWindow) -> QWidget:
    mapped(window)
    return window


@state
def figure_large(window: MainWindow) -> QWidget:
    from PySide6.QtCore import Qt
    from PySide6.QtTest import QTest

    tab = mapped(window)
    QTest.keyClick(tab.maps.grid, Qt.Key.Key_Return)
    return window


def caption_panel(window: MainWindow) -> CaptionPanel:
    from app.gui.caption.panel import CaptionPanel

    window.tabs.setCurrentIndex(1)
    panel = window.tabs.widget(1)
    assert isinstance(panel, CaptionPanel)
    window.context.worker.start()
    return panel


def described(window: MainWindow, sample: str) -> CaptionPanel:
    """The Caption panel with what the real engine says of one of the samples."""
    from app.store.locate import bundled

    panel = caption_panel(window)
    panel.open_paths([bundled("assets") / "samples" / sample])
    wait(lambda: panel.reading.caption is not None and not panel.session.waiting, 120)
    return panel


def watched(window: MainWindow, seconds: float = 3.0) -> CaptionPanel:
    """The Caption panel live, with a test picture in a camera's place."""
    from app.gui.caption.session import Kind
    from app.media.synthetic import Synthetic
    from app.store.locate import bundled

    panel = caption_panel(window)
    samples = bundled("assets") / "samples"
    panel.watching.play(Synthetic(pictures=(samples / "astronaut.jpg", samples / "chelsea.jpg")), Kind.MOVING)
    wait(lambda: panel.reading.caption is not None, 120)
    wait(seconds=seconds)
    return panel


@state
def caption_empty(window: MainWindow) -> QWidget:
    caption_panel(window)
    wait(seconds=1.0)  # the samples' thumbnails
    return window


@state
def caption_answer(window: MainWindow) -> QWidget:
    described(window, "astronaut.jpg")
    return window


@state
def caption_word(window: MainWindow) -> QWidget:
    panel = described(window, "chelsea.jpg")
    panel.reading.step(1)
    panel.reading.step(1)
    return window


@state
def caption_picked(window: MainWindow) -> QWidget:
    panel = described(window, "chelsea.jpg")
    panel.reading.step(1)
    panel.reading.step(1)
    panel.reading.pick(1)
    wait(lambda: panel.reading.own is not None and not panel.session.waiting, 30)
    return window


@state
def caption_sentences(window: MainWindow) -> QWidget:
    panel = described(window, "coffee.jpg")
    panel.right.beam.setCurrentIndex(6)
    panel.right.which.choose(1)
    wait(lambda: panel.right.sentences.count() > 3, 30)
    return window


@state
def caption_live(window: MainWindow) -> QWidget:
    panel = watched(window)
    panel.left.bar.sign.show_on(True)  # as with a camera
    return window


@state
def caption_paused(window: MainWindow) -> QWidget:
    panel = watched(window, 1.0)
    panel.toggle()
    wait(seconds=0.5)
    return window


@state
def caption_timeline(window: MainWindow) -> QWidget:
    panel = watched(window, 8.0)
    panel.toggle_inside()
    wait(seconds=0.5)
    return window


@state
def caption_folder(window: MainWindow) -> QWidget:
    """Several pictures, two of which are none."""
    from app.store.locate import bundled

    panel = caption_panel(window)
    folder = Path(os.environ["TRIPTYCH_HOME"]) / "album"
    if not folder.exists():
        folder.mkdir()
        for sample in (bundled("assets") / "samples").glob("*.jpg"):
            shutil.copy(sample, folder / sample.name)
        (folder / "broken.jpg").write_bytes(b"")
    panel.open_paths([folder])
    wait(lambda: len(panel.history.rows) == 5 and not panel.run.running, 120)
    wait(seconds=0.5)
    return window


@state
def caption_camera_gone(window: MainWindow) -> QWidget:
    from app.media.cameras import Camera

    panel = caption_panel(window)
    panel.watching.play_camera(Camera("HD Webcam C525", index=77, key="046d:0826@usb-1"))
    wait(lambda: bool(panel.strips.sentences()), 10)
    return window


@state
def caption_absent(window: MainWindow) -> QWidget:
    panel = described(window, "rocket.jpg")
    panel.right.show_model(panel.card, ready=False, damaged=False)
    return window


@state
def caption_failed(window: MainWindow) -> QWidget:
    panel = caption_panel(window)
    panel.session.set_model("")
    described_not = window.tr("Captioner can't be loaded: its file is damaged. Verify it on the models page.")
    from app.store.locate import bundled

    panel.open_paths([bundled("assets") / "samples" / "rocket.jpg"])
    wait(lambda: panel.left.view.frame is not None, 10)
    panel.session.failed.emit(described_not)
    return window


def caption_figure(window: MainWindow, sample: str = "chelsea.jpg") -> CaptionFigureTab:
    """The captioner's figure over the whole panel, recorded and measured."""
    from app.gui.caption.figure_view import FigureTab as CaptionFigureTab

    panel = described(window, sample)
    panel.inside.choose("figure")
    panel.toggle_inside()
    panel.inside.whole.setChecked(True)
    tab = panel.inside.view("figure")
    assert isinstance(tab, CaptionFigureTab)
    wait(lambda: tab.view.figure is not None and tab.view.figure.pass_ms is not None, 60)
    return tab


@state
def figure_caption(window: MainWindow) -> QWidget:
    caption_figure(window)
    return window


@state
def figure_caption_attention(window: MainWindow) -> QWidget:
    caption_figure(window).open_maps("attention.1")
    return window


@state
def figure_caption_lstm(window: MainWindow) -> QWidget:
    caption_figure(window).open_maps("lstm.1")
    return window


@state
def figure_caption_words(window: MainWindow) -> QWidget:
    caption_figure(window).open_maps("out.1")
    return window


@state
def figure_caption_live(window: MainWindow) -> QWidget:
    panel = watched(window, 1.0)
    panel.inside.choose("figure")
    panel.toggle_inside()
    tab = panel.inside.view("figure")
    wait(lambda: tab.view.figure is not None and tab.view.figure.pass_ms is not None, 60)  # type: ignore[union-attr]
    return window


@state
def caption_page(window: MainWindow) -> QWidget:
    panel = caption_panel(window)
    panel.toggle_inside()
    panel.inside.choose("read")
    panel.inside.whole.setChecked(True)
    return window


def translate_panel(window: MainWindow) -> TranslatePanel:
    from app.gui.translate.panel import TranslatePanel

    window.tabs.setCurrentIndex(2)
    panel = window.tabs.widget(2)
    assert isinstance(panel, TranslatePanel)
    window.context.worker.start()
    return panel


def translated(window: MainWindow, sample: int) -> TranslatePanel:
    """The Translate panel with what the real engine says of one of the sample texts; where there is no translator, the
    page that says so."""
    panel = translate_panel(window)
    panel.left.field.replace("")
    if panel.choice.ready:
        panel.choice.choose_source("en")
        panel.left.samples.buttons[sample].click()
        wait(lambda: panel.settled and panel.session.page.complete and not panel.session.working, 120)  # type: ignore[union-attr]
    return panel


@state
def translate_empty(window: MainWindow) -> QWidget:
    translate_panel(window).left.field.replace("")
    wait(seconds=0.5)
    return window


@state
def translate_answer(window: MainWindow) -> QWidget:
    panel = translated(window, 1)
    panel.looking.step_to_end(-1)
    for _ in range(6):
        panel.looking.step(1)
    return window


@state
def translate_alignment(window: MainWindow) -> QWidget:
    from PySide6.QtGui import QTextCursor

    panel = translated(window, 3)
    panel.left.field.moveCursor(QTextCursor.MoveOperation.Start)
    wait(seconds=0.5)
    panel.looking.step_to_end(-1)
    panel.inside.choose("alignment")
    panel.toggle_inside()
    wait(seconds=0.5)
    for _ in range(4):
        panel.looking.step(1)
    return window


@state
def translate_alternatives(window: MainWindow) -> QWidget:
    panel = translated(window, 0)
    panel.inside.choose("alternatives")
    panel.toggle_inside()
    wait(seconds=0.5)
    return window


@state
def translate_history(window: MainWindow) -> QWidget:
    from app.gui.translate.samples import samples

    panel = translated(window, 0)
    panel.note()
    panel.left.samples.chosen.emit(samples(("en",))[2])
    wait(lambda: panel.settled and not panel.session.working, 60)
    panel.note()
    panel.inside.choose("history")
    panel.toggle_inside()
    wait(seconds=0.5)
    return window


@state
def translate_document(window: MainWindow) -> QWidget:
    """While it runs, and one before it is done already."""
    from app.gui.translate.samples import samples

    panel = translated(window, 0)
    folder = Path(os.environ["TRIPTYCH_HOME"]) / "documents"
    folder.mkdir(exist_ok=True)
    short, long = folder / "letter.en.txt", folder / "book.txt"
    lines = "\n".join(sample.path.read_text("utf-8") for sample in samples(("en",)))
    short.write_text(lines, "utf-8")
    long.write_text(lines * 200, "utf-8")
    panel.open_paths([short, long])
    wait(lambda: panel.left.progress.isVisible() and panel.documents.running and bool(panel.strips.sentences()), 60)
    wait(seconds=1.5)
    return window


@state
def translate_failed(window: MainWindow) -> QWidget:
    panel = translated(window, 1)
    words = window.tr("GNMT can't be loaded: its file is damaged. Verify it on the models page.")
    panel.right.strips.say("error", words, ((window.tr("Try again"), panel.session.again),))
    panel.left.strips.say("info", window.tr("This looks like French, which nothing here translates."))
    return window


@state
def strips(window: MainWindow) -> QWidget:
    window.tabs.setCurrentIndex(2)
    tr = window.tr
    window.say("info", tr("resnet18-v1 is imported. Its check box puts it into the panel."))
    window.say("warning", tr("Triptych crashed the last time."), ((tr("Show the log"), lambda: None),))
    window.say(
        "error",
        tr(
            "The address of AlexNet can't be reached: there is no network. What has come so far is kept, and the next "
            "try goes on from there."
        ),
        ((tr("Try again"), lambda: None), (tr("Settings…"), lambda: None)),
    )
    window.status.set_busy(tr("loading {0}…").format("efficientnet-lite0"))
    window.status.set_downloading(1)
    return window


@state
def menu(window: MainWindow) -> QWidget:
    window.tabs.setCurrentIndex(0)
    return window.menu.menu


@state
def models(window: MainWindow) -> QWidget:
    window.show_models()
    page = window._dialogs["models"]
    page.resize(min(1000, window.width()), min(620, window.height()))
    page.choose("resnet50-v2")  # type: ignore[attr-defined]
    return page


@state
def model_card(window: MainWindow) -> QWidget:
    from app.gui.widgets.model_chip import CardPopover

    card = window.context.store.card("alexnet-v1")
    popover = CardPopover(card, "absent", window.context.theme, window)
    popover.resize(popover.SIZE)
    return popover


@state
def settings(window: MainWindow) -> QWidget:
    window.show_settings()
    return window._dialogs["settings"]


@state
def shortcuts(window: MainWindow) -> QWidget:
    window.show_shortcuts()
    return window._dialogs["shortcuts"]


@state
def about(window: MainWindow) -> QWidget:
    window.show_about()
    return window._dialogs["about"]


@state
def error(window: MainWindow) -> QWidget:
    from app.gui.error_dialog import ErrorDialog

    dialog = ErrorDialog(window.context.store.folders.logs, window)
    dialog.add('Traceback (most recent call last):\n  File "panel.py", line 12, in open\nValueError: no such thing')
    return dialog


def main(out: Path, only: list[str]) -> None:
    """One process a way of looking: the scale and the language are chosen before the application is made."""
    out.mkdir(parents=True, exist_ok=True)
    for way, (_, _, _, scale, _) in WAYS.items():
        with tempfile.TemporaryDirectory() as home:
            environment = {
                **os.environ,
                "QT_QPA_PLATFORM": "offscreen",
                "QT_SCALE_FACTOR": str(scale),
                "TRIPTYCH_HOME": home,
                "SCREENSHOTS_WAY": way,
            }
            command = [sys.executable, "-m", "tests.benchmarks.screenshots", str(out), *only]
            subprocess.run(command, env=environment, check=True)


def take(out: Path, only: list[str], way: str) -> None:
    from PySide6.QtCore import QEvent, QTranslator

    from app.gui import start, system

    system.keep_constants()
    from PySide6.QtWidgets import QApplication

    class Pseudo(QTranslator):
        """Half as long again, and told apart from what was never translated."""

        def isEmpty(self) -> bool:
            return False

        def translate(self, context: str, source: str, disambiguation: str = "", n: int = -1) -> str:
            return f"[{source}{' ë' * (len(source) // 4)}]"

    width, height, theme, _, pseudo = WAYS[way]
    application = QApplication([])
    start.prepare(application)
    if pseudo:
        translator = Pseudo(application)
        application.installTranslator(translator)
    for name, bring in STATES.items():
        if only and name not in only:
            continue
        window = start.make_window(Path(os.environ["TRIPTYCH_HOME"]) / f"{name}.json")
        window.choose_theme(theme)
        window.resize(width, height)
        window.show()
        window.status.look()
        window.status.set_device("CPU, 2 threads")
        wait()
        shown = bring(window)
        if not shown.isVisible():
            shown.show()
        wait()
        shown.grab().save(str(out / f"{name}-{way}.png"))
        shown.close()
        window.close()
        window.deleteLater()  # else every change of theme dresses all the earlier windows again
        application.sendPostedEvents(None, QEvent.Type.DeferredDelete)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("states", nargs="*", metavar="STATE", help=f"default: all of {', '.join(STATES)}")
    options = parser.parse_args()
    if unknown := [name for name in options.states if name not in STATES]:
        parser.error(f"there is no state {', '.join(unknown)}")
    if "SCREENSHOTS_WAY" in os.environ:
        take(options.out, options.states, os.environ["SCREENSHOTS_WAY"])
    else:
        main(options.out, options.states)
