"""Connects what is explained with the picture, the bars and the line under the picture."""

from __future__ import annotations

from typing import TYPE_CHECKING

from PySide6.QtCore import QObject, Slot

from app.gui.classify.answers import SHOWN, Answer, percent
from app.gui.classify.columns import Columns
from app.gui.classify.explain import Explainer
from app.gui.classify.picture_side import PictureSide
from app.gui.classify.session import Session
from app.gui.context import Context
from app.gui.widgets.heat_map import overlay

if TYPE_CHECKING:
    from app.engines.classify import HeatMap


class Explanations(QObject):
    """Once the heat map is on it stays on from picture to picture, for the best label of the model that was asked
    last."""

    def __init__(
        self,
        context: Context,
        session: Session,
        explainer: Explainer,
        left: PictureSide,
        columns: Columns,
        parent: QObject | None = None,
    ) -> None:
        super().__init__(parent)
        self._context, self._session, self._explainer = context, session, explainer
        self._left, self._columns = left, columns
        self._on = False
        self._heat: HeatMap | None = None
        columns.chosen.connect(self._choose)
        columns.held_against.connect(self._hold_against)
        explainer.changed.connect(self._changed)
        explainer.mapped.connect(self._mapped)
        explainer.failed.connect(left.explain.show_line)
        left.explain.heat_wanted.connect(self.turn)
        left.explain.strength_changed.connect(left.view.set_strength)
        left.explain.against_wanted.connect(self._against_wanted)
        left.explain.against_dropped.connect(explainer.drop_against)

    def turn(self, on: bool) -> None:
        """The heat map on or off."""
        self._on = on
        self._left.explain.set_heat(on)
        if not on:
            self._explainer.clear()
        else:
            self.look_again()

    def models_changed(self) -> None:
        """The columns may be new ones; a model that is no longer in view explains nothing."""
        if self._explainer.target is not None and self._columns.column(self._explainer.model) is None:
            self._explainer.clear()
        self.look_again()

    def pick(self, place: int) -> None:
        """The runner-up of that place, of the model that was asked last."""
        answer = self._answer()
        if answer is not None and place < len(answer.top):
            self._choose(answer.model, answer.top[place].index)

    def look_again(self) -> None:
        """A picture or an answer has come: where the map is on and nothing is explained yet, the best label is."""
        if not self._on or self._explainer.target is not None or self._session.decoded is None:
            self._changed()
            return
        answer = self._answer()
        if answer is not None:
            self._explainer.explain(answer.model, answer.top[0].index)

    def _answer(self) -> Answer | None:
        """The one of the model that was asked last; of the first that answered otherwise."""
        item = self._session.current
        if item is None:
            return None
        answers = [answer for answer in item.answers.values() if answer.top and self._columns.column(answer.model)]
        own = next((answer for answer in answers if answer.model == self._explainer.model), None)
        return own or next(iter(answers), None)

    @Slot(str, int)
    def _choose(self, model: str, index: int) -> None:
        if self._session.decoded is None:
            return
        self._on = True
        self._left.explain.set_heat(True)
        self._explainer.explain(model, index)

    @Slot(str, int)
    def _hold_against(self, model: str, index: int) -> None:
        if self._session.decoded is None:
            return
        self._on = True
        self._left.explain.set_heat(True)
        self._explainer.hold_against(model, index)

    @Slot(int)
    def _against_wanted(self, index: int) -> None:
        self._explainer.hold_against(self._explainer.model, index)

    def _changed(self) -> None:
        """What is chosen has changed; the map for it is on its way, and the old one stays until then."""
        explainer, bar = self._explainer, self._left.explain
        self._columns.select(explainer.model, explainer.target, explainer.against)
        if explainer.target is None:
            self._left.view.clear_heat()
            self._left.keep_focus()
            bar.show_nothing(self._left.view.has_picture and self._session.decoded is not None)
            return
        answer = self._answer()
        if answer is not None and answer.model == explainer.model:
            others = [(label.index, label.label) for label in answer.top if label.index != explainer.target]
            bar.offer_against(others, explainer.against)

    @Slot(object)
    def _mapped(self, heat: HeatMap) -> None:
        signed = heat.against is not None
        decoded = self._session.decoded
        if decoded is None:
            return
        left, top, width, height = (value * decoded.scale for value in heat.box)
        self._left.view.show_heat(overlay(heat.values, signed), (left, top, width, height))
        card = self._context.store.card(heat.model)
        target = self._named(heat.target)
        method = self.tr("{0}, {1} ms").format(heat.method, round(heat.ms))
        if heat.against is None:
            if not heat.values.any():
                line = self.tr("{0}: nothing in this picture speaks for “{1}”.").format(card.name, target)
            else:
                line = self.tr("Where {0} sees “{1}”").format(card.name, target)
            self._left.explain.show_map(line, method, False, self.tr("little"), self.tr("most"))
        else:
            against = self._named(heat.against)
            line = self.tr("{0}: what speaks for “{1}” and not “{2}”").format(card.name, target, against)
            self._left.explain.show_map(line, method, True, against, target)
        self._changed()

    def _named(self, index: int) -> str:
        """The label, with its place and percentage where the bars don't show it."""
        answer = self._answer()
        for place, label in enumerate(answer.top if answer is not None else (), 1):
            if label.index == index:
                if place <= SHOWN:
                    return label.label
                return self.tr("{0} (place {1}, {2})").format(label.label, place, percent(label.p))
        return str(index)
