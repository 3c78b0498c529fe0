"""WAV files as they are written: with sizes in their headers that are not true, or cut off."""

from __future__ import annotations

import io
from pathlib import Path
from typing import BinaryIO

from recipes.kit.errors import DataError

#: What a header states as a size from here on, or zero, means "until the end": it was written to a
#: pipe, before anybody knew how much would come.
_UNTIL_THE_END = 0x7FFFF000

#: Usual chunks.
_CHUNKS = (b"data", b"fmt ", b"LIST", b"fact", b"JUNK", b"PEAK", b"bext", b"cue ", b"smpl", b"id3 ")


def whole_wave(path: Path) -> Path | io.BytesIO:
    """A RIFF file, or its sound under a header that is right where its own is not.

    Args:
        path: A file that begins with `RIFF`.

    Raises:
        DataError: If it is cut off.
    """
    size = path.stat().st_size
    with path.open("rb") as file:
        stated = int.from_bytes(file.read(8)[4:], "little")
        endless = stated == 0 or stated >= _UNTIL_THE_END
        file.seek(12)
        form, mend = b"", False
        position, length = 12, 0
        while len(head := file.read(8)) == 8:
            name, length = head[:4], int.from_bytes(head[4:], "little")
            position = file.tell()
            if name == b"data":
                break
            if name == b"fmt ":
                form = head + file.read(length)
            position += length
            if length % 2 and not _is_chunk(file, position + 1) and _is_chunk(file, position):
                mend = True  # The byte that makes it even is missing.
            else:
                position += length % 2
            file.seek(position)
        else:
            name = b""
        # The byte that makes the last chunk even may be missing, too.
        if not endless and size < stated + 8 - length % 2:
            raise _cut_off(path, stated + 8, size)
        if name != b"data":
            return path
        rest = size - position
        if length < _UNTIL_THE_END and length > rest:
            raise _cut_off(path, position + length, size)
        if length == 0 and rest > 0 and not _is_chunk(file, position):
            length, mend = rest, True
        if not mend:
            return path
        file.seek(position)
        sound = file.read(min(length, rest))
    body = b"WAVE" + form + b"data" + len(sound).to_bytes(4, "little") + sound
    return io.BytesIO(b"RIFF" + len(body).to_bytes(4, "little") + body)


def check_whole(path: Path, head: bytes) -> None:
    """Refuse an AIFF or AU file that is cut off, of which libsndfile would read what is there.

    Args:
        path: The file.
        head: Its first twelve bytes.

    Raises:
        DataError: If it is cut off.
    """
    size = path.stat().st_size
    stated = 0
    if head[:4] == b"FORM":
        stated = int.from_bytes(head[4:8], "big") + 8
    elif head[:4] == b".snd" and (length := int.from_bytes(head[8:12], "big")) < _UNTIL_THE_END:
        stated = int.from_bytes(head[4:8], "big") + length
    if size + 1 < stated < _UNTIL_THE_END:
        raise _cut_off(path, stated, size)


def _is_chunk(file: BinaryIO, position: int) -> bool:
    """Whether the name of a chunk stands there; the file stays where it is."""
    before = file.tell()
    file.seek(position)
    name = file.read(4)
    file.seek(before)
    return name in _CHUNKS


def _cut_off(path: Path, expected: int, found: int) -> DataError:
    return DataError(path, f"is cut off: expected {expected:,} bytes, found {found:,}")
