"""Take the text of forgotten records out of kept deliveries; their other records stay.

A file of any format cannot be edited. What is kept instead is the rows that were read of it, as the
recipe reads it today: later changes of how it is read do not reach it any more.
"""

import shutil
import tempfile
import uuid
from collections.abc import Collection
from pathlib import Path

import pyarrow as pa

from data_contracts.arrow_files import write_ipc
from data_contracts.fingerprint import sha256_of_file
from data_contracts.forgotten import ForgetList
from pipeline.ingest.increments import Increment, Increments
from pipeline.ingest.readers.dispatch import read_file
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.units import without


def take_out(
    source: Source, recipe: IngestRecipe, kept: Path, paths: Collection[str], listed: ForgetList
) -> None:
    """Take the text of forgotten records out of a source's deliveries; call it under the lease.

    Args:
        source: The source.
        recipe: How files are read.
        kept: Folder of all kept deliveries of the dataset.
        paths: Of the deliveries that hold such text.
        listed: Whose text must go.
    """
    folder = kept / source.name
    before = Increments.load(folder).increments
    after = [
        _without_text(one, source, recipe, folder, listed) if one.path in paths else one
        for one in before
    ]
    Increments(increments=tuple(after)).save(folder)
    # What no longer is in the index, also what a killed run left.
    needed = {one.file for one in after}
    for path in folder.iterdir():
        if path.suffix != ".json" and path.name not in needed:
            path.unlink()


def _without_text(
    one: Increment, source: Source, recipe: IngestRecipe, folder: Path, listed: ForgetList
) -> Increment:
    scratch = Path(tempfile.mkdtemp(dir=folder, suffix=".partial"))
    try:
        read = read_file(one.landed(folder), source, recipe, scratch, lambda _: None)
        rows = [without(listed, source.name, table) for table in read]
        written = scratch / uuid.uuid4().hex
        write_ipc(written, pa.concat_tables(rows))
        digest = sha256_of_file(written)
        written.rename(folder / digest)
    finally:
        shutil.rmtree(scratch)
    return one.model_copy(update={"file": digest, "file_sha256": digest, "rows": True})
