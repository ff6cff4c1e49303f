"""A picture fitted into the room there is, with a heat map over the part that the network saw."""

from __future__ import annotations

from PySide6.QtCore import QRect, QRectF, QSize, Qt
from PySide6.QtGui import QImage, QMouseEvent, QPainter, QPainterPath, QPaintEvent, QPen, QPixmap
from PySide6.QtWidgets import QSizePolicy, QWidget

from app.gui.theme import STEP, WIDER, Theme, paint_icon

MOST_ENLARGED = 3.0  # small pictures grow no further
Box = tuple[float, float, float, float]


class PictureView(QWidget):
    """Shows a picture, or a sentence where there is none to show."""

    def __init__(self, theme: Theme, parent: QWidget | None = None) -> None:
        super().__init__(parent)
        self._theme = theme
        self._image: QImage | None = None
        self._scaled: QPixmap | None = None
        self._overlay: QImage | None = None
        self._box: Box | None = None
        self._strength = 0.7
        self._heat_shown = True
        self._sentence = ""
        self.setSizePolicy(QSizePolicy.Policy.Expanding, QSizePolicy.Policy.Expanding)
        self.setMinimumSize(160, 48)
        self.setFocusPolicy(Qt.FocusPolicy.StrongFocus)
        self.setAccessibleName(self.tr("Picture"))
        theme.changed.connect(self.update)

    # What is shown

    def show_picture(self, image: QImage, name: str) -> None:
        self._image, self._scaled, self._sentence = image, None, ""
        self.clear_heat()
        self.setAccessibleDescription(name)

    def show_sentence(self, sentence: str) -> None:
        """In place of a picture that can't be shown."""
        self._image, self._scaled, self._sentence = None, None, sentence
        self.clear_heat()
        self.setAccessibleDescription(sentence)

    @property
    def sentence(self) -> str:
        return self._sentence

    @property
    def has_picture(self) -> bool:
        return self._image is not None

    def show_heat(self, overlay: QImage, box: Box) -> None:
        """`box`: the part of the picture, in its pixels, that the map belongs to."""
        self._overlay, self._box = overlay, box
        self.update()

    def clear_heat(self) -> None:
        self._overlay = self._box = None
        self.update()

    @property
    def has_heat(self) -> bool:
        return self._overlay is not None

    def set_strength(self, strength: float) -> None:
        self._strength = strength
        self.update()

    def set_heat_shown(self, shown: bool) -> None:
        self._heat_shown = shown
        self.update()

    def composed(self) -> QImage | None:
        """The picture in its own pixels with the map on it, to be saved."""
        if self._image is None:
            return None
        made = self._image.convertToFormat(QImage.Format.Format_RGB32)
        painter = QPainter(made)
        self._paint_heat(painter, QRectF(made.rect()), outline=False)
        painter.end()
        return made

    # Qt

    def sizeHint(self) -> QSize:
        return QSize(560, 420)

    def mousePressEvent(self, event: QMouseEvent) -> None:
        self.setFocus(Qt.FocusReason.MouseFocusReason)
        event.accept()

    def paintEvent(self, event: QPaintEvent) -> None:
        painter = QPainter(self)
        if self._image is None:
            if self._sentence:
                self._paint_sentence(painter)
        else:
            place = self.picture_place()
            if self._scaled is None or self._scaled.deviceIndependentSize().toSize() != place.size():
                self._scale(place.size())
            assert self._scaled is not None
            painter.drawPixmap(place, self._scaled)
            self._paint_heat(painter, QRectF(place), outline=True)
        if self.hasFocus():
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.setPen(QPen(self._theme.colour("accent"), 2))
            around = self.rect() if self._image is None else self.picture_place().adjusted(-3, -3, 3, 3)
            painter.drawRect(around.intersected(self.rect().adjusted(1, 1, -1, -1)))

    def picture_place(self) -> QRect:
        """Where the picture lies in this widget."""
        assert self._image is not None
        room = self.rect().adjusted(4, 4, -4, -4)
        size = self._image.size().scaled(room.size(), Qt.AspectRatioMode.KeepAspectRatio)
        most = self._image.size() * MOST_ENLARGED
        if size.width() > most.width():
            size = most
        place = QRect(0, 0, max(1, size.width()), max(1, size.height()))
        place.moveCenter(room.center())
        return place

    def _scale(self, size: QSize) -> None:
        assert self._image is not None
        ratio = self.devicePixelRatioF()
        scaled = self._image.scaled(
            size * ratio, Qt.AspectRatioMode.IgnoreAspectRatio, Qt.TransformationMode.SmoothTransformation
        )
        self._scaled = QPixmap.fromImage(scaled)
        self._scaled.setDevicePixelRatio(ratio)

    def _paint_heat(self, painter: QPainter, place: QRectF, outline: bool) -> None:
        if self._overlay is None or self._box is None or self._image is None or not self._heat_shown:
            return
        across, down = place.width() / self._image.width(), place.height() / self._image.height()
        left, top, width, height = self._box
        seen = QRectF(place.left() + left * across, place.top() + top * down, width * across, height * down)
        painter.save()
        painter.setRenderHint(QPainter.RenderHint.SmoothPixmapTransform)
        if outline:  # what the network didn't see steps back
            around = QPainterPath()
            around.addRect(place)
            inner = QPainterPath()
            inner.addRect(seen)
            veil = self._theme.colour("surface")
            veil.setAlphaF(0.45)
            painter.fillPath(around.subtracted(inner), veil)
        painter.setOpacity(self._strength)
        painter.drawImage(seen, self._overlay)
        painter.setOpacity(1.0)
        if outline:
            pen = QPen(Qt.GlobalColor.white, 1)
            pen.setCosmetic(True)
            painter.setPen(pen)
            painter.setBrush(Qt.BrushStyle.NoBrush)
            painter.drawRect(seen.adjusted(0.5, 0.5, -0.5, -0.5))
        painter.restore()

    def _paint_sentence(self, painter: QPainter) -> None:
        room = self.rect().adjusted(WIDER, WIDER, -WIDER, -WIDER)
        flags = int(Qt.AlignmentFlag.AlignHCenter | Qt.AlignmentFlag.AlignTop | Qt.TextFlag.TextWordWrap)
        room.setWidth(min(room.width(), 420))
        room.moveCenter(self.rect().center())
        box = painter.boundingRect(room, flags, self._sentence)
        icon = QRect(0, 0, 28, 28)
        top = max(room.top(), (self.height() - box.height() - 28 - STEP) // 2)
        icon.moveTopLeft(box.topLeft())
        icon.moveLeft(self.rect().center().x() - 14)
        icon.moveTop(top)
        paint_icon(painter, icon, "warning", self._theme.colours.of("warning"))
        room.setTop(top + 28 + STEP)
        painter.setPen(self._theme.colour("text"))
        painter.drawText(room, flags, self._sentence)
