"""Which tokenizer a version has: that of the lock, the recipe's, or one learned from its documents."""

import os
import shutil
from pathlib import Path

from data_contracts.fingerprint import sha256_of_file
from data_contracts.gate import TOKENIZER_FILE
from data_contracts.lock import Lock
from data_contracts.split import SPLITS
from pipeline.shard import tokenizer
from pipeline.shard.documents import read_documents
from pipeline.shard.recipe import ShardRecipe


def take_known(recipe: ShardRecipe, lock: Path | None, output_dir: Path) -> Lock | None:
    """Take the tokenizer from the lock or the recipe; write it and the new lock.

    Args:
        recipe: Settings.
        lock: Folder of the lock; None: there is none.
        output_dir: Receives both files.

    Returns:
        The new lock; None: the tokenizer must be learned.

    Raises:
        RecipeInvalid: The recipe's cannot be used.
        VersionCorrupt: The lock is broken.
    """
    locked = Lock.load(lock) if lock is not None else None
    if locked is not None and locked.settings == tokenizer.settings_fingerprint(recipe):
        assert lock is not None, "it was loaded from there"  # noqa: S101
        shutil.copyfile(lock / TOKENIZER_FILE, output_dir / TOKENIZER_FILE)
        return locked.save(output_dir)
    if recipe.tokenizer is not None:
        return _settle(recipe, output_dir, tokenizer.given(recipe))
    return None


def learn(recipe: ShardRecipe, output_dir: Path) -> Lock:
    """Learn the tokenizer from the training documents that lie in the folder; write it and the lock."""
    documents = read_documents(output_dir / "documents" / SPLITS[0])
    texts = tokenizer.sample(documents, recipe.tokenizer_sample_bytes)
    return _settle(recipe, output_dir, tokenizer.learned(texts, recipe).to_str(pretty=True))


def _settle(recipe: ShardRecipe, output_dir: Path, text: str) -> Lock:
    target = output_dir / TOKENIZER_FILE
    partial = target.with_name(f"{TOKENIZER_FILE}.partial")
    partial.write_text(text, encoding="utf-8")
    os.replace(partial, target)
    return Lock(
        tokenizer_sha256=sha256_of_file(target),
        vocabulary_size=tokenizer.Encoder(text).vocabulary_size,
        settings=tokenizer.settings_fingerprint(recipe),
    ).save(output_dir)
