"""From files to frames: GIFs, videos, folders of images, their times, and their shape."""

from __future__ import annotations

import struct
from pathlib import Path

import numpy as np
import pytest
from PIL import Image
from video_clips import frames, write_folder, write_gif, write_video

from recipes.kit.data.images import BrokenImage, Canvas, draw
from recipes.kit.data.source import Source
from recipes.kit.errors import DataError, UserError
from recipes.video.decoding import Taking, read_frames
from recipes.video.options import Config
from recipes.video.pixels import fit_frames


def taking(size: int = 8, **options: object) -> Taking:
    return Taking.of(Config(data=Source.of(Path("clips")), size=size, **options))


def columns(pixels: np.ndarray) -> list[int]:
    """Where the light is in each frame."""
    return pixels[:, 0, :, 0].argmax(axis=1).tolist()


def test_each_kind_of_clip(tmp_path: Path) -> None:
    pictures = frames(12, size=16)
    for path in (
        write_gif(tmp_path / "clip.gif", pictures),
        write_gif(tmp_path / "clip.webp", pictures),
        write_video(tmp_path / "clip.avi", pictures),
        write_folder(tmp_path / "clip", pictures),
    ):
        taken = read_frames(path, taking(16))
        assert taken.frames.shape == (12, 16, 16, 1) and taken.count == 12
        assert columns(taken.frames) == [*range(12)]
        assert taken.fps == pytest.approx(0 if path.is_dir() else 10)
        some = read_frames(path, taking(16, every=2, max_frames=3))
        assert some.numbers == (0, 4, 10) or some.numbers == (0, 6, 10)
        assert columns(some.frames) == [*some.numbers]
        assert some.fps == pytest.approx(0 if path.is_dir() else 2.5)


def test_frames_a_second(tmp_path: Path) -> None:
    """What is seen at 0, 1/fps, 2/fps, ... seconds, whatever the file's own rate is."""
    video = write_video(tmp_path / "clip.avi", frames(12, size=16))
    assert read_frames(video, taking(16, fps=5)).numbers == (0, 2, 4, 6, 8, 10)
    assert read_frames(video, taking(16, fps=20)).numbers == (*sorted([*range(12)] * 2),)
    gif = write_gif(tmp_path / "clip.gif", frames(4), duration=[100, 400, 100, 200])
    taken = read_frames(gif, taking(fps=10))
    assert taken.numbers == (0, 1, 1, 1, 1, 2, 3, 3) and taken.fps == pytest.approx(10)
    assert columns(taken.frames) == [*taken.numbers]
    assert read_frames(gif, taking(fps=2.5)).numbers == (0, 1)
    assert read_frames(gif, taking(fps=0.1)).numbers == (0,)
    with pytest.raises(BrokenImage, match="does not say how long frame 0 is shown"):
        read_frames(write_gif(tmp_path / "still.gif", frames(3), duration=0), taking(fps=5))
    with pytest.raises(DataError, match="holds images, which have no times: --every"):
        read_frames(write_folder(tmp_path / "clip", frames(3)), taking(fps=5))


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (
            {"data": Source.of(Path("a.gif")), "fps": 5.0, "every": 2},
            "--every has no .* with --fps",
        ),
        ({"fps": 5.0}, "--fps has no effect with --data embedded"),
        ({"data": Source.of(Path("a.npz")), "fps": 5.0}, "--fps has no effect with .npz files"),
        ({"data": Source("tfds", "ucf101"), "fps": 5.0}, "--fps has no effect with --data tfds"),
        ({"data": Source("tfds", "ucf101"), "label_column": "a"}, "--label-column has no effect"),
        ({"labels": "frame", "compare": True}, "--compare has no effect with --labels frame"),
        ({"recurrence": "conv_lstm", "bidirectional": True}, "--bidirectional has no effect"),
    ],
)
def test_options_without_effect(options: dict, message: str) -> None:
    with pytest.raises(UserError, match=message):
        Config(**options)


def test_long_clips_are_read_in_little_memory(tmp_path: Path) -> None:
    pictures = [Image.new("L", (4, 4), 1 + step % 255) for step in range(1300)]
    pictures = [*pictures[:-1], Image.new("L", (4, 4), 0)]
    taken = read_frames(write_gif(tmp_path / "clip.gif", pictures), taking(4))
    assert len(taken.frames) == 32 and taken.count == 1300
    steps = np.diff(taken.numbers)
    assert taken.numbers[0] == 0 and taken.numbers[-1] >= 1296
    assert steps.min() >= 38 and steps.max() <= 46


def test_broken_files(tmp_path: Path) -> None:
    video = write_video(tmp_path / "clip.avi", frames(9, size=16))
    video.write_bytes(video.read_bytes()[:60])
    (tmp_path / "clip.gif").write_bytes(b"GIF89a")
    (tmp_path / "clip.mp4").write_text("not a video")
    for path in (video, tmp_path / "clip.gif", tmp_path / "clip.mp4"):
        with pytest.raises(BrokenImage, match=rf"{path.name}: (cannot be decoded|holds no)"):
            read_frames(path, taking())


def test_videos_are_upright(tmp_path: Path) -> None:
    """Phones film upright clips on their side, and say so in the matrix of the track."""
    lying = np.zeros((16, 32), "uint8")
    lying[:, 24:] = 255  # bright on the right
    pictures = [Image.fromarray(lying)] * 3
    path = write_video(tmp_path / "clip.mp4", pictures, "mpeg4")
    plain = read_frames(path, Taking((16, 32, 1), "black", 1, None, 8)).frames
    assert plain[0, :, 28, 0].min() > 200 > 60 > plain[0, :, 8, 0].max()
    content = path.read_bytes()
    matrix = struct.pack(">9i", 65536, 0, 0, 0, 65536, 0, 0, 0, 1 << 30)
    place = content.index(matrix, content.index(b"tkhd"))
    # By a quarter clockwise: x' = -y, y' = x.
    turned = struct.pack(">9i", 0, 65536, 0, -65536, 0, 0, 0, 0, 1 << 30)
    path.write_bytes(content[:place] + turned + content[place + len(turned) :])
    upright = read_frames(path, Taking((32, 16, 1), "black", 1, None, 8)).frames
    assert upright[0, 28, :, 0].min() > 200 > 60 > upright[0, 8, :, 0].max()  # bright below


def test_animations_are_upright(tmp_path: Path) -> None:
    lying = np.zeros((16, 32, 3), "uint8")
    lying[:, 24:] = 255
    exif = Image.Exif()
    exif[0x0112] = 6  # to be turned by a quarter clockwise
    first, *others = [Image.fromarray(lying)] * 3
    path = tmp_path / "clip.webp"
    first.save(path, save_all=True, append_images=others, exif=exif, lossless=True)
    upright = read_frames(path, Taking((32, 16, 1), "black", 1, None, 8)).frames
    assert upright[0, 28, :, 0].min() > 200 > 60 > upright[0, 8, :, 0].max()


def test_one_shape_for_all() -> None:
    rng = np.random.default_rng(0)
    colours = rng.integers(0, 256, (2, 20, 30, 3)).astype("uint8")
    grey = [draw(Image.fromarray(frame), Canvas("grey", None)) for frame in colours]
    np.testing.assert_array_equal(fit_frames(colours, (20, 30, 1)), grey)
    np.testing.assert_array_equal(fit_frames(colours, (20, 30, 3)), colours)
    np.testing.assert_array_equal(fit_frames(np.stack(grey), (20, 30, 3))[..., 2:], grey)
    # What is not in the centred square does not count.
    small = fit_frames(colours, (10, 10, 3))
    changed = colours.copy()
    changed[:, :, :5] = changed[:, :, 25:] = 0
    np.testing.assert_array_equal(fit_frames(changed, (10, 10, 3)), small)
    assert np.abs(small.mean((1, 2)) - colours[:, :, 5:25].mean((1, 2))).max() < 8
    assert fit_frames(colours[:, :1], (6, 3, 1)).shape == (2, 6, 3, 1)
