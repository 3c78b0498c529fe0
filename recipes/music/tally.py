"""What was read of files of music, and what was left out of them."""

from __future__ import annotations

from dataclasses import dataclass

from recipes.kit.data.facts import how_many
from recipes.music.rolls import Piece


@dataclass
class Tally:
    """Counts, raised while files are read.

    Attributes:
        files: MIDI files.
        drums: Notes of the channel of drums.
        outside: Notes outside the keyboard.
        between: Notes that sound at the beginning of no frame.
        silent: Pieces without notes.
        single: Pieces of one frame, of which nothing can be predicted.
    """

    files: int = 0
    drums: int = 0
    outside: int = 0
    between: int = 0
    silent: int = 0
    single: int = 0

    def usable(self, piece: Piece) -> bool:
        """Whether a piece has notes, and more than one frame; counted where it has not."""
        silent = not piece.roll.any()
        self.silent += silent
        self.single += not silent and len(piece) == 1
        return not silent and len(piece) > 1

    def as_text(self) -> str:
        """What was left out; empty where nothing was.

        >>> Tally(drums=1200, single=1).as_text()
        '1,200 drum notes (channel 10); 1 piece of a single frame'
        """
        left = {
            "drum notes (channel 10)": self.drums,
            "notes outside the 88 keys": self.outside,
            "notes between two frames (a finer --step keeps them)": self.between,
            "pieces without notes": self.silent,
            "pieces of a single frame": self.single,
        }
        return "; ".join(how_many(count, what) for what, count in left.items() if count)
