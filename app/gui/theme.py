"""One visual language: palette, spacing, type sizes and icons, light and dark."""

from __future__ import annotations

from PySide6.QtCore import QObject, QRect, QSize, Qt, Signal, Slot
from PySide6.QtGui import QColor, QFont, QIcon, QIconEngine, QPainter, QPalette, QPixmap
from PySide6.QtWidgets import QApplication, QStyleFactory, QWidget

from app.gui.colours import DARK, LIGHT, Colours
from app.gui.style import style_sheet
from app.store.locate import bundled

QUARTER, STEP, WIDE, WIDER = 4, 8, 16, 24  # pixels between things
CORNER = 6
SIZES = {"body": 1.0, "secondary": 0.9, "title": 1.2, "caption": 1.8}
CHOICES = ("system", "light", "dark")
MOTION = 150  # ms that a movement takes at most


class Theme(QObject):
    """The colours in force; `changed` when the person or the system switches."""

    changed = Signal()

    def __init__(self, choice: str = "system", parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.choice = choice if choice in CHOICES else "system"
        application = QApplication.instance()
        assert isinstance(application, QApplication)
        self._application = application
        self.colours = LIGHT
        application.setStyle(QStyleFactory.create("Fusion"))
        self._tell_system()
        application.styleHints().colorSchemeChanged.connect(self._follow)
        self._apply()

    def choose(self, choice: str) -> None:
        """ "system", "light" or "dark"."""
        self.choice = choice if choice in CHOICES else "system"
        self._tell_system()
        self._apply()

    @property
    def dark(self) -> bool:
        return self.colours is DARK

    @property
    def motion(self) -> int:
        """Milliseconds that a movement may take: 0 where the system asks for none."""
        return MOTION if self._application.isEffectEnabled(Qt.UIEffect.UI_General) else 0

    @property
    def series(self) -> list[QColor]:
        """The colours of models beside each other in one chart."""
        return [QColor(colour) for colour in self.colours.marks]

    def mark(self, number: int) -> QColor:
        """The colour of the `number`-th model in view."""
        return QColor(self.colours.marks[number % len(self.colours.marks)])

    def colour(self, role: str) -> QColor:
        """The colour of a role of `Colours`, such as "accent"."""
        return QColor(getattr(self.colours, role))

    def icon(self, name: str, role: str = "text") -> QIcon:
        """assets/icons/NAME.svg in the colour of `role`, following the theme."""
        return QIcon(_TintedIcon(name, role, self))

    def pixmap(self, name: str, role: str = "text", size: int = 16, ratio: float = 1.0) -> QPixmap:
        """The same as a picture of `size` pixels, `ratio` device pixels each; it does not follow the theme."""
        pixmap = QPixmap(QSize(round(size * ratio), round(size * ratio)))
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        paint_icon(painter, QRect(0, 0, pixmap.width(), pixmap.height()), name, self.colours.of(role))
        painter.end()
        pixmap.setDevicePixelRatio(ratio)
        return pixmap

    @Slot()
    def _follow(self) -> None:
        if self.choice == "system":
            self._apply()

    def _tell_system(self) -> None:
        """Title bars and the system's own dialogs follow the choice, too, where the platform lets them."""
        schemes = {"light": Qt.ColorScheme.Light, "dark": Qt.ColorScheme.Dark}
        self._application.styleHints().setColorScheme(schemes.get(self.choice, Qt.ColorScheme.Unknown))

    def _apply(self) -> None:
        scheme = self._application.styleHints().colorScheme()
        dark = self.choice == "dark" or (self.choice == "system" and scheme == Qt.ColorScheme.Dark)
        self.colours = DARK if dark else LIGHT
        self._application.setPalette(palette(self.colours))
        controls = (bundled("assets") / "icons" / "controls").as_posix()
        self._application.setStyleSheet(style_sheet(self.colours, CORNER, controls, "dark" if dark else "light"))
        self.changed.emit()


def palette(colours: Colours) -> QPalette:
    """Qt's roles from ours. Fusion draws edges from Window, Mid and Dark: all of them are said, none left to guess."""
    made = QPalette(QColor(colours.raised), QColor(colours.surface))
    roles = {
        QPalette.ColorRole.Window: colours.surface,
        QPalette.ColorRole.Base: colours.raised,
        QPalette.ColorRole.AlternateBase: colours.surface,
        QPalette.ColorRole.Button: colours.raised,
        QPalette.ColorRole.WindowText: colours.text,
        QPalette.ColorRole.Text: colours.text,
        QPalette.ColorRole.ButtonText: colours.text,
        QPalette.ColorRole.BrightText: colours.error,
        QPalette.ColorRole.ToolTipBase: colours.raised,
        QPalette.ColorRole.ToolTipText: colours.text,
        QPalette.ColorRole.PlaceholderText: colours.secondary,
        QPalette.ColorRole.Highlight: colours.accent,
        QPalette.ColorRole.HighlightedText: colours.on_accent,
        QPalette.ColorRole.Link: colours.accent,
        QPalette.ColorRole.LinkVisited: colours.accent,
        QPalette.ColorRole.Accent: colours.accent,
        QPalette.ColorRole.Light: colours.raised,
        QPalette.ColorRole.Midlight: colours.hairline,
        QPalette.ColorRole.Mid: colours.hairline,
        QPalette.ColorRole.Dark: colours.outline,
    }
    for role, colour in roles.items():
        made.setColor(role, QColor(colour))
    for role in (QPalette.ColorRole.WindowText, QPalette.ColorRole.Text, QPalette.ColorRole.ButtonText):
        made.setColor(QPalette.ColorGroup.Disabled, role, QColor(colours.disabled))
    return made


def sized(widget: QWidget, size: str, bold: bool = False) -> None:
    """Give `widget` one of the `SIZES` of type."""
    font = scaled(QApplication.font(), size)
    font.setBold(bold)
    widget.setFont(font)


def scaled(font: QFont, size: str) -> QFont:
    """The same font in one of the `SIZES` of type."""
    made = QFont(font)
    made.setPointSizeF(font.pointSizeF() * SIZES[size])
    return made


def tabular(font: QFont) -> QFont:
    """The same font with digits of one width, for numbers that change in place."""
    made = QFont(font)
    made.setFeature(QFont.Tag("tnum"), 1)
    return made


_drawings: dict[str, str] = {}


def paint_icon(painter: QPainter, place: QRect, name: str, colour: str) -> None:
    """Draw assets/icons/NAME.svg, whose strokes say `currentColor`, in `colour`, sharp at any scale."""
    from PySide6.QtCore import QRectF
    from PySide6.QtSvg import QSvgRenderer

    if name not in _drawings:
        _drawings[name] = (bundled("assets") / "icons" / f"{name}.svg").read_text("utf-8")
    renderer = QSvgRenderer(_drawings[name].replace("currentColor", colour).encode())
    renderer.render(painter, QRectF(place))


class _TintedIcon(QIconEngine):
    """An icon in the theme's colour of the moment."""

    def __init__(self, name: str, role: str, theme: Theme) -> None:
        super().__init__()
        self._name, self._role, self._theme = name, role, theme

    def paint(self, painter: QPainter, rect: QRect, mode: QIcon.Mode, state: QIcon.State) -> None:
        role = "disabled" if mode == QIcon.Mode.Disabled else self._role
        paint_icon(painter, rect, self._name, self._theme.colours.of(role))

    def pixmap(self, size: QSize, mode: QIcon.Mode, state: QIcon.State) -> QPixmap:
        if size.isEmpty():  # of a control that its layout has not given any room yet
            return QPixmap()
        pixmap = QPixmap(size)
        pixmap.fill(Qt.GlobalColor.transparent)
        painter = QPainter(pixmap)
        self.paint(painter, pixmap.rect(), mode, state)
        painter.end()
        return pixmap

    def clone(self) -> QIconEngine:
        return _TintedIcon(self._name, self._role, self._theme)
