"""How much room a widget has for its lines, and how a view hears that it has changed."""

from textual.message import Message


class RoomChanged(Message):
    """A widget has become wider, narrower, higher or lower: its lines are to be cut anew."""
