"""What a dataset must not repeat: evaluation sets and other dataset versions. No Prefect here."""

from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
from pydantic import Field

from data_contracts.arrow_files import partition_name, read_partitions, write_ipc
from data_contracts.errors import SourceChanged
from data_contracts.frozen import Frozen
from data_contracts.manifest import DatasetManifest
from data_contracts.progress import Progress
from data_contracts.schemas import RECORDS
from data_contracts.warehouse import Warehouse
from flows.recipe import Recipe
from pipeline.ingest.landing import land


class Against(Frozen):
    """A set of texts that no document may repeat, as a plan found it."""

    name: str
    """The evaluation set's name, or NAME@VERSION."""
    digest: str
    """Identifies its content."""
    bytes: int = Field(ge=0)
    """Size of its files."""


def find_against(recipe: Recipe, warehouse: Warehouse, memo: Path | None) -> tuple[Against, ...]:
    """Look at the evaluation sets and dataset versions that a recipe names.

    Args:
        recipe: The recipe.
        warehouse: Where the versions are.
        memo: As for `land`.

    Raises:
        SourceMissing: An evaluation set is not there.
        VersionUnknown: A dataset version is not there.
    """
    sets = [land(source, memo) for source in recipe.evaluation_sets]
    found = [Against(name=one.name, digest=one.digest, bytes=one.bytes) for one in sets]
    for label in recipe.disjoint_from:
        manifest = DatasetManifest.load(warehouse.find("datasets", label))
        size = sum(one.bytes for one in manifest.files if one.path.startswith("documents/"))
        found.append(Against(name=label, digest=manifest.fingerprint, bytes=size))
    return tuple(found)


def decides(recipe: Recipe, against: tuple[Against, ...]) -> list[object]:
    """Give what of all this decides dedup's output; nothing where the recipe names no set."""
    settings = [
        source.model_dump(mode="json", include={"format", "text_field"})
        for source in recipe.evaluation_sets
    ]
    return [[(one.name, one.digest) for one in against], settings] if against else []


def evaluation_files(
    recipe: Recipe,
    warehouse: Warehouse,
    against: tuple[Against, ...],
    folder: Path,
    progress: Progress,
) -> dict[str, tuple[Path, ...]]:
    """Read the evaluation sets, and normalise their texts as the documents were.

    Args:
        recipe: Names them, and says how texts are read and normalised.
        warehouse: Where the dataset versions are.
        against: What `find_against` gave.
        folder: Receives the texts; may be deleted when dedup is done.
        progress: Told of files read.

    Returns:
        Arrow files with a column `text`, by name.

    Raises:
        SourceChanged: A set is no longer what the plan was made for.
        CorpusError: As `pipeline.ingest.stage.ingest`.
    """
    from pipeline.clean.normalise.texts import normalise  # noqa: PLC0415
    from pipeline.ingest.stage import ingest  # noqa: PLC0415

    files: dict[str, tuple[Path, ...]] = {}
    if recipe.evaluation_sets:
        whole = recipe.ingest.model_copy(update={"sample_records": None})
        read = ingest(recipe.evaluation_sets, whole, folder / "ingest", progress=progress)
        digests = {one.name: one.digest for one in against}
        for source in recipe.evaluation_sets:
            if land(source, warehouse.landing_memo()).digest != digests[source.name]:
                raise SourceChanged(source.name, source.path)
            files[source.name] = ()
        for number, table in enumerate(read_partitions(read.records, RECORDS)):
            texts = normalise(table["text"], recipe.clean.normalise)
            for name in table["source"].unique().to_pylist():
                path = folder / name / partition_name(number)
                own = texts.filter(pc.equal(table["source"], name).combine_chunks())
                write_ipc(path, pa.table({"text": own}))
                files[name] += (path,)
    for label in recipe.disjoint_from:
        documents = warehouse.find("datasets", label) / "documents"
        files[label] = tuple(sorted(documents.glob("*/*.arrow")))
    return files
