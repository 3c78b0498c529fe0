"""Where clips stand: manifests (`recipes.speech.manifests`), and folders of named files."""

from __future__ import annotations

import fnmatch
import re
from collections import Counter
from collections.abc import Sequence
from pathlib import Path

from recipes.kit.data.audio import SUFFIXES, UNSUPPORTED, unsupported
from recipes.kit.data.facts import Fact, how_many, merged
from recipes.kit.data.files import data_files, is_hidden
from recipes.kit.data.source import Source
from recipes.kit.data.splits import files_of_splits, split_of
from recipes.kit.errors import UserError
from recipes.speech.manifests import MANIFESTS, Entry, read_manifest
from recipes.speech.options import Config

Listed = tuple[list[Entry], list[Fact]]


def list_entries(source: Source, config: Config) -> Listed:
    """The entries of a manifest or a folder, or of those of each part, and where they are found.

    Raises:
        UserError: If there are none, or it is not clear which manifest to read.
        DataError: If a manifest is malformed; names file and line.
    """
    if source.parts:
        named = [(split, path) for split, paths in source.parts.items() for path in paths]
        if any(path.is_file() for _, path in named):
            return _of_manifests(named, config, source)
        listed = [(split, list_folder(path, config, split)) for split, path in named]
        entries = [entry for _, (own, _) in listed for entry in own]
        facts = merged([(split, facts) for split, (_, facts) in listed])
        return _of_subset(entries, config, source), facts
    path = source.path
    if path.is_file():
        return _of_manifests([(None, path)], config, source)
    if config.transcript_from_name is None:
        if manifests := files_of_splits(path, MANIFESTS):
            return _of_manifests(_of_splits(path, manifests, config), config, source)
        if several := data_files(path, MANIFESTS):
            if len(several) > 1:
                names = ", ".join(file.name for file in several)
                raise UserError(
                    f"{path}: several manifests, {names}, none named after a split; give one, or "
                    "--train, --valid and --test FILE."
                )
            return _of_manifests([(None, several[0])], config, source)
    entries, facts = list_folder(path, config)
    return _of_subset(entries, config, source), facts


def _of_manifests(
    named: Sequence[tuple[str | None, Path]], config: Config, source: Source
) -> Listed:
    """The entries of manifests, each with the split it is."""
    entries: list[Entry] = []
    sizes, facts = [], []
    for split, path in named:
        own, understood = read_manifest(path, config, split=split)
        facts.append((path.name, understood))
        entries += own
        sizes.append(f"{path.name}: {how_many(len(own), 'clips')}")
    return _of_subset(entries, config, source), [Fact("files", "; ".join(sizes)), *merged(facts)]


def _of_splits(
    folder: Path, manifests: dict[str, list[Path]], config: Config
) -> list[tuple[str | None, Path]]:
    """The one manifest of each split of a folder."""
    named: list[tuple[str | None, Path]] = []
    for split, files in manifests.items():
        files = [file for file in files if config.subset is None or config.subset in file.name]
        if len(files) > 1:
            names = ", ".join(file.name for file in files)
            raise UserError(
                f"{folder}: several files for the {split} split: {names}; --subset WORD takes "
                "those with the word in their names, --train, --valid and --test FILE choose."
            )
        named += [(split, file) for file in files]
    if not named:
        raise UserError(f"{folder}: no manifest has {config.subset!r} in its name.")
    return named


def _of_subset(entries: list[Entry], config: Config, source: Source) -> list[Entry]:
    """The entries with the word of `--subset`, in the name of the file or of the manifest."""

    def has_word(entry: Entry) -> bool:
        manifest = entry.manifest[0].name if entry.manifest else ""
        return config.subset is None or config.subset in f"{entry.path} {manifest}"

    kept = [entry for entry in entries if has_word(entry)]
    if not kept:
        raise UserError(f"{source}: no path has {config.subset!r} in it.")
    return kept


def list_folder(folder: Path, config: Config, split: str | None = None) -> Listed:
    """The sound files of a folder, at any depth, with what their names say.

    Args:
        folder: The folder.
        config: Says how the files are named.
        split: That of all of them, if the folder is one part.

    Raises:
        UserError: If there are none, or a name does not fit the template.
    """
    every = [p for p in sorted(folder.rglob("*")) if p.is_file() and not is_hidden(p)]
    files = [path for path in every if path.suffix.lower() in SUFFIXES]
    others = Counter(p.suffix.lower() for p in every if p.suffix.lower() in UNSUPPORTED)
    template = config.transcript_from_name
    aside = [f"{count:,} files: {unsupported(suffix)}" for suffix, count in others.items()]
    if not files:
        found = "; ".join(aside) or "none"
        raise UserError(f"{folder}: expected sound files ({', '.join(SUFFIXES)}), found {found}.")
    if template is None:
        raise UserError(
            f"{folder}: there is no transcript for {files[0].name}; expected a manifest "
            "(train.csv, .tsv or .jsonl with the columns path and transcript), or "
            "--transcript-from-name, such as '{text}_{speaker}_*' for 7_jackson_0.wav."
        )
    pattern, depth = _pattern(template)
    entries, widths = [], Counter[int]()
    for path in files:
        relative = path.relative_to(folder)
        name = "/".join(relative.with_suffix("").parts[-depth:])
        match = pattern.fullmatch(name)
        if match is None:
            raise UserError(
                f"--transcript-from-name {template}: does not fit {name!r}, the name of {path}."
            )
        fields = match.groupdict()
        text = " ".join(fields["text"].replace("_", " ").split())
        own = split or _split_by_name(path.name, config)
        if own is None and len(relative.parts) > 1:
            own = split_of(relative.parts[0])
        entries.append(Entry(path, text, own, fields.get("speaker") or ""))
        widths[name.count("_")] += 1
    facts = [Fact("files", f"{len(entries):,} sound files named {template}")]
    facts += [Fact("left aside", each) for each in aside]
    if len(widths) > 1 and "*" in template:
        first = entries[0]
        facts.append(
            Fact(
                "transcripts",
                f"names have {min(widths) + 1} to {max(widths) + 1} parts between _, and a "
                f"transcript is as short as can be: {first.text!r} of {first.path.name} (where it "
                "has several words, name each part behind it: '{text}_{speaker}_{take}')",
            )
        )
    return entries, facts


def _split_by_name(name: str, config: Config) -> str | None:
    """The split of a file by the patterns, if there are any."""
    for split, patterns in (("test", config.test_names), ("valid", config.valid_names)):
        if any(fnmatch.fnmatch(name, pattern) for pattern in patterns):
            return split
    return "train" if config.valid_names or config.test_names else None


def _pattern(template: str) -> tuple[re.Pattern[str], int]:
    """A template as a regular expression, and the number of parts of a path that it covers.

    The text is as short as the rest of the name allows, so that `*` takes all that comes after
    `{text}_`; what other fields are is without `_`.
    """
    plain = re.sub(r"\.(?:wav|flac|ogg|mp3|\*)$", "", template, flags=re.IGNORECASE)
    parts = re.split(r"(\{\w+\}|\*)", plain)
    fields = [part[1:-1] for part in parts if part.startswith("{")]
    if "text" not in fields or len({*fields}) < len(fields):
        raise UserError(
            f"--transcript-from-name {template!r}: expected {{text}} where the transcript is, and "
            "each name once, such as '{text}_{speaker}_*'."
        )
    expression = ""
    for part in parts:
        if part == "*":
            expression += ".*"
        elif part.startswith("{"):
            expression += f"(?P<{part[1:-1]}>{'.+?' if part == '{text}' else '[^_/]+'})"
        else:
            expression += re.escape(part)
    return re.compile(expression), plain.count("/") + 1
