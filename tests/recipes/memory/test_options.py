"""Options of the memory recipe: what is refused, and configs of earlier versions."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest

from recipes.kit.cli import main
from recipes.kit.config_file import read_config, read_options
from recipes.kit.errors import DataError
from recipes.memory.options import Config


@pytest.mark.parametrize(
    ("words", "message"),
    [
        ("--data my.csv", "--data must be embedded"),
        ("--data embedded:length=20", "--data must be embedded"),
        ("--length 1", "--length must be at least 2, not 1"),
        ("--recurrent-gain 0", "--recurrent-gain must be above 0 and below 1000000, not 0.0"),
        ("--recurrent-gain inf", "--recurrent-gain must be above 0"),
        ("--bidirectional", "Unrecognized options: --bidirectional"),
        ("--merge-mode sum", "Unrecognized options: --merge-mode"),
        ("--compare gru lstn", "--compare: unknown name 'lstn'; expected groups .cells"),
        ("--epoch-steps 0", "--epoch-steps must be at least 1"),
        ("--cell mingru --recurrent-gain 0.5", "--recurrent-gain has no effect with --cell mingru"),
        ("--cell minlstm --recurrent-gain 2", "--recurrent-gain has no effect with --cell minlstm"),
        ("--cell lru --recurrent-gain 0.5", "--recurrent-gain has no effect with --cell lru"),
    ],
)
def test_wrong_options(words: str, message: str, capsys: pytest.CaptureFixture[str]) -> None:
    assert main(["train", "memory", *words.split()]) == 2
    assert re.search(message, capsys.readouterr().err)


def write(path: Path, **options: object) -> Path:
    path.write_text(json.dumps({"recipe": "memory", "options": options}))
    return path


def test_configs_of_earlier_versions(tmp_path: Path) -> None:
    """They have options for a direction, which only one value left without effect."""
    old = {"data": "embedded", "task": "copy", "bidirectional": False, "merge_mode": "concat"}
    config = read_config(Config, write(tmp_path / "old.json", **old), "memory")
    assert config == Config(task="copy")
    with pytest.raises(DataError, match="bidirectional"):
        read_options(Config, write(tmp_path / "both.json", bidirectional=True), "memory")
