"""`mill train-quality`: a quality model learned from files of good and of bad texts. No Prefect here."""

from pathlib import Path
from tempfile import TemporaryDirectory

import pyarrow as pa
import pyarrow.compute as pc

from data_contracts.arrow_files import read_partitions
from data_contracts.fingerprint import sha256_of_file
from data_contracts.frozen import Frozen
from data_contracts.schemas import RECORDS
from flows.recipe import Recipe
from pipeline.clean.edits import edit
from pipeline.clean.quality.model import save_model
from pipeline.clean.quality.training import QualityFigures, train_quality
from pipeline.clean.recipe import CleanRecipe
from pipeline.ingest.recipe import IngestRecipe, Source
from pipeline.ingest.stage import ingest


class TrainedQuality(Frozen):
    """A quality model that was written."""

    path: str
    """The file."""
    sha256: str
    """Its digest: what recipes that use it are told apart by."""
    figures: QualityFigures
    """What it was made of, and what it reached on texts kept out."""


def train(good: str, bad: str, to: Path, text_field: str, like: Recipe | None) -> TrainedQuality:
    """Read both sets of texts, clean them as documents are cleaned, and learn.

    Args:
        good: A file, folder, glob or URL of texts to be told as good; any format that a source may
            have.
        bad: The same of bad ones.
        to: The file to write.
        text_field: Field that holds a record's text.
        like: The recipe that the model is for: texts are read and edited as it says; None: as a
            recipe does that says nothing.

    Raises:
        TooFewExamples: There is too little to learn from.
        CorpusError: As `pipeline.ingest.stage.ingest`.
    """
    sources = tuple(
        Source(
            name=name,
            path=path if "://" in path else str(Path(path).absolute()),
            text_field=text_field,
        )
        for name, path in (("bad", bad), ("good", good))
    )
    reading = like.ingest if like is not None else IngestRecipe()
    cleaning = like.clean if like is not None else CleanRecipe()
    chunks: dict[str, list[pa.Array]] = {"bad": [], "good": []}
    with TemporaryDirectory() as folder:
        read = ingest(sources, reading, Path(folder))
        for table in read_partitions(read.records, RECORDS):
            texts = edit(table["text"], cleaning).texts
            for name, found in chunks.items():
                wanted = pc.equal(table["source"], name).combine_chunks()
                found.append(texts.filter(wanted))
        sets = {name: pa.chunked_array(found, pa.large_string()) for name, found in chunks.items()}
        model, figures = train_quality(sets["good"], sets["bad"])
    save_model(model, to)
    return TrainedQuality(path=str(to), sha256=sha256_of_file(to), figures=figures)
