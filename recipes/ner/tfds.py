"""Tagged sentences from TensorFlow Datasets: sets that hold tokens and a tag for each."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

from recipes.kit.data import tfds
from recipes.kit.errors import DataError, UserError
from recipes.ner.sentences import Raw, Sentence

_TFDS_TAGS = ("ner", "ner_tags", "tags", "upos", "pos", "pos_tags")


def read_tfds(name: str, tag_column: int | str | None) -> tuple[dict[str, Raw], str]:
    """The splits that the dataset has, and its licence.

    Args:
        name: NAME or NAME/CONFIG.
        tag_column: The feature that holds the tags; default the first of ner, tags, upos, pos.

    Raises:
        UserError: If there is no such dataset, it cannot be fetched, or it lacks tokens or tags.
        DataError: If an example's tokens and tags do not agree.
    """
    where = f"tfds:{name}"
    if isinstance(tag_column, int):
        raise UserError(f"tag column {tag_column}: expected the name of a feature for {where}")
    builder = tfds.prepared_builder(name)
    features = builder.info.features
    key = _tag_feature(where, features, tag_column)
    names = getattr(features[key].feature, "names", None)
    raw = {}
    for split, have in tfds.splits(builder).items():
        examples = tfds.decoded(builder, have)
        raw[split] = Raw(where, from_examples(examples, key, names, f"{where} ({have})"))
    return raw, tfds.licence(builder)


def from_examples(
    examples: Iterable[Mapping[str, Any]],
    tag_key: str,
    names: Sequence[str] | None,
    where: str,
) -> tuple[Sentence, ...]:
    """Sentences from decoded TFDS examples; those without tokens are left out.

    Args:
        examples: Mappings with "tokens" (byte or text strings) and `tag_key` (numbers into
            `names`, or strings).
        tag_key: The feature that holds the tags.
        names: The ClassLabel's names, None where tags are strings.
        where: The source, for messages.

    Raises:
        DataError: If tokens and tags differ in length, or a tag has no name.
    """
    sentences = []
    for index, example in enumerate(examples):
        tokens = tuple(tfds.text_of(token) for token in example["tokens"])
        values = list(example[tag_key])
        if len(tokens) != len(values):
            raise DataError(
                where,
                f"example {index}: expected a tag for each token, found {len(tokens)} tokens and "
                f"{len(values)} tags",
            )
        if names is None:
            tags = tuple(tfds.text_of(value) for value in values)
        elif all(0 <= int(value) < len(names) for value in values):
            tags = tuple(names[int(value)] for value in values)
        else:
            found = next(int(v) for v in values if not 0 <= int(v) < len(names))
            raise DataError(
                where, f"example {index}: expected tags 0 to {len(names) - 1}, found {found}"
            )
        if tokens:
            sentences.append(Sentence(tokens, tags))
    return tuple(sentences)


def _tag_feature(where: str, features: Mapping[str, Any], wanted: str | None) -> str:
    have = ", ".join(sorted(features))
    if "tokens" not in features:
        raise UserError(f"{where}: not for sequence labelling; expected tokens, found {have}")
    candidates = _TFDS_TAGS if wanted is None else (wanted,)
    key = next((c for c in candidates if c in features), None)
    if key is None or not hasattr(features[key], "feature"):
        raise UserError(f"{where}: expected tags in {' or '.join(candidates)}, found {have}")
    return key
