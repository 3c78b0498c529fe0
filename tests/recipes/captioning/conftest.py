"""A small corpus of images with captions, and a captioner trained on it."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from recipes.kit.cli import main

QUICK = "--units 16 --embedding-dim 8 --filters 4 8 12 --size 16 16 --beam-size 2".split()


@pytest.fixture(scope="session")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with red, green and blue images that say so in `captions.csv`."""
    folder = tmp_path_factory.mktemp("corpus")
    rng = np.random.default_rng(0)
    lines = ["image,caption,caption_2"]
    for index in range(60):
        pixels = rng.integers(0, 60, (20, 24, 3)).astype("uint8")
        pixels[..., index % 3] += 190
        Image.fromarray(pixels).save(folder / f"{index}.png")
        colour = ("red", "green", "blue")[index % 3]
        lines.append(f"{index}.png,it is {colour},all {colour}")
    (folder / "captions.csv").write_text("\n".join(lines))
    return folder


@pytest.fixture(scope="session")
def trained(corpus: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run whose captions are mostly right. Tests must not change it."""
    out = tmp_path_factory.mktemp("runs") / "captioning"
    words = ["train", "captioning", "--data", str(corpus / "captions.csv"), "--out", str(out)]
    assert main([*words, *QUICK, "--epochs", "25", "--patience", "25"]) == 0
    return out
