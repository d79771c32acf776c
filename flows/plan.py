"""What a run would do: every stage's key, what is reused, and the room it takes.

A stage's key is the fingerprint of all that decides its output: the content landed, its part of the
recipe, its version, the libraries that decide bytes, and the key of the stage before. The last key
of the data half is the dataset's fingerprint. Nothing here imports Prefect.
"""

import os
import shutil
import unicodedata
from collections.abc import Mapping
from pathlib import Path

import model
import pipeline.clean
import pipeline.dedup
import pipeline.ingest
import pipeline.shard
import pipeline.validate
from data_contracts.contracts import Contracts
from data_contracts.errors import DiskFull, RecipeInvalid
from data_contracts.fingerprint import fingerprint, library_versions, sha256_of_file
from data_contracts.forgotten import FORGET_FILE, NOBODY, ForgetList
from data_contracts.frozen import Frozen
from data_contracts.gate import TOKENIZER_FILE
from data_contracts.lock import LOCK_FILE, Lock
from data_contracts.reasons import Stage
from data_contracts.results import RESULT_FILE
from data_contracts.shipped_contracts import Judged
from data_contracts.warehouse import Warehouse
from flows.decontamination import Against, decides, find_against
from flows.recipe import Recipe
from model.tasks.definition import task_fingerprint
from pipeline.clean.own import check_parts, decided_by
from pipeline.ingest.increments import land_all, to_keep
from pipeline.ingest.landing import LandedSource
from pipeline.shard.tokenizer import given, settings_fingerprint

STAGES = {
    Stage.INGEST: pipeline.ingest,
    Stage.CLEAN: pipeline.clean,
    Stage.DEDUP: pipeline.dedup,
    Stage.VALIDATE: pipeline.validate,
    Stage.SHARD: pipeline.shard,
}
DATA_STAGES = tuple(STAGES)


class StagePlan(Frozen):
    """One stage of a plan."""

    stage: Stage
    """Which stage."""
    key: str
    """Fingerprint of its output."""
    reused: bool
    """Whether its output is in the cache."""


class Plan(Frozen):
    """A recipe, what landed for it, and what a run of it would do."""

    recipe: Recipe
    """The recipe, its paths resolved."""
    warehouse: Path
    """The warehouse's folder."""
    landed: tuple[LandedSource, ...]
    """What lies in the sources."""
    stages: tuple[StagePlan, ...]
    """The stages of the data half, in order."""
    against: tuple[Against, ...] = ()
    """What no document may repeat."""
    tokenizer_sha256: str | None
    """The tokenizer that is pinned; None: it will be learned."""
    lock: Path | None = None
    """The folder that pins it; None: it will be learned, or the recipe names it."""
    forgotten: ForgetList = NOBODY
    """Who must not be in the dataset."""
    dataset_version: str | None
    """The version that already is what this run would make."""
    model_fingerprint: str | None
    """What the model will be; None: nothing is trained, or the dataset is not known yet."""
    model_version: str | None
    """The model version that already is what this run would make."""
    evaluated: bool
    """Whether that model's figures are there."""
    bytes_landed: int
    """Size of the sources' files."""
    to_keep: int = 0
    """Deliveries of `append` sources that are not kept yet."""
    bytes_needed: int
    """Room that the run takes at most, roughly."""
    bytes_free: int
    """Room that there is."""

    @property
    def nothing_to_do(self) -> bool:
        """Whether all that the recipe asks for is there."""
        if self.dataset_version is None or self.to_keep:
            return False
        return self.recipe.train is None or (self.model_version is not None and self.evaluated)

    def key(self, stage: Stage) -> str:
        """Look up a stage's key."""
        return next(one.key for one in self.stages if one.stage == stage)

    @property
    def fingerprint(self) -> str:
        """The dataset's fingerprint, as far as it is known (see `tokenizer_sha256`)."""
        return self.key(Stage.SHARD)

    def require_room(self) -> None:
        """Refuse to begin what would not fit.

        Raises:
            DiskFull: Naming the bytes needed and free.
        """
        if self.bytes_needed > self.bytes_free:
            raise DiskFull(self.warehouse, self.bytes_needed, self.bytes_free)


def make_plan(
    recipe: Recipe,
    warehouse: Warehouse,
    *,
    lock: Path | None = None,
    relearn_tokenizer: bool = False,
) -> Plan:
    """Look at the sources and the warehouse, and tell what a run would do.

    Args:
        recipe: The recipe, its paths resolved.
        warehouse: Where versions and caches are.
        lock: A folder of lock.json and tokenizer.json, such as a version of another warehouse, to
            make the same dataset here (its forget list counts, too); None: the lock of the latest
            version, if there is one.
        relearn_tokenizer: Learn a tokenizer from what is there now, whatever was locked.

    Raises:
        SourceMissing: A source or an evaluation set is not there or cannot be listed.
        VersionUnknown: A dataset version that the recipe names is not there.
        RecipeInvalid: The recipe's tokenizer is not there or cannot be used.
        ContractInvalid: The recipe's contract cannot be compiled.
        RecipeInvalid: The lock is none, or not one for this recipe.
        VersionCorrupt: The lock's tokenizer is not the one that was locked.
        RecipeInvalid: A part of the recipe's own is not there or not of its kind.
        QualityModelInvalid: The quality model is not there, or does not fit.
    """
    check_parts(recipe.clean)
    memo = warehouse.landing_memo() if warehouse.is_there else None  # a plan makes no warehouse
    kept = warehouse.increments(recipe.name)
    landed = tuple(land_all(source, memo, kept) for source in recipe.sources)
    pairs = zip(recipe.sources, landed, strict=True)
    fresh = [file for source, one in pairs for file in to_keep(source, one, kept)]
    if recipe.ingest.sample_records is not None:
        fresh = []  # a trial keeps nothing
    pinned, locked = _pinned_tokenizer(recipe, warehouse, lock, relearn=relearn_tokenizer)
    forgotten = warehouse.forgotten(recipe.name)
    if lock is not None:
        forgotten = forgotten.joined(ForgetList.load(lock / FORGET_FILE).records)
    against = find_against(recipe, warehouse, memo)
    keys = data_keys(recipe, landed, pinned, forgotten, against)
    stages = tuple(
        StagePlan(
            stage=stage,
            key=key,
            reused=(warehouse.run_folder(stage, key) / RESULT_FILE).exists(),
        )
        for stage, key in keys.items()
    )
    dataset = warehouse.dataset_with(recipe.name, keys[Stage.SHARD]) if pinned else None
    trained = model_key(recipe, keys[Stage.SHARD]) if recipe.train and pinned else None
    found = warehouse.model_with(recipe.name, trained) if trained else None
    evaluated = bool(
        found
        and dataset
        and (
            warehouse.evaluation_folder(
                f"{recipe.name}@{found[1].version}",
                f"{recipe.name}@{dataset[1].version}",
                evaluation_key(recipe, found[1].fingerprint, keys[Stage.SHARD]),
            )
            / RESULT_FILE
        ).exists()
    )
    landed_bytes = sum(source.bytes for source in landed)
    return Plan(
        recipe=recipe,
        warehouse=warehouse.root,
        landed=landed,
        against=against,
        stages=stages,
        tokenizer_sha256=pinned,
        lock=locked,
        forgotten=forgotten,
        dataset_version=dataset[1].version if dataset else None,
        model_fingerprint=trained,
        model_version=found[1].version if found else None,
        evaluated=evaluated,
        bytes_landed=landed_bytes,
        to_keep=len(fresh),
        bytes_needed=_bytes_needed(landed) + sum(file.bytes for file in fresh),
        bytes_free=shutil.disk_usage(_existing(warehouse.root)).free,
    )


def data_keys(
    recipe: Recipe,
    landed: tuple[LandedSource, ...],
    tokenizer_sha256: str | None,
    forgotten: ForgetList,
    against: tuple[Against, ...],
) -> dict[Stage, str]:
    """Compute the keys of the data half, ingest to shard.

    Args:
        recipe: The recipe.
        landed: What lies in the sources.
        tokenizer_sha256: The tokenizer; None: a stand-in for "to be learned", under which the
            shard stage's work is cached but no version is ever published.
        forgotten: Who must not be in the dataset.
        against: What no document may repeat.
    """
    sources = [
        source.model_dump(
            mode="json", exclude={"path", "reader", "delivery", "license", "language", "priority"}
        )
        for source in recipe.sources
    ]
    languages = {source.name: source.language for source in recipe.sources}
    priorities = {source.name: source.priority for source in recipe.sources}
    licenses = {source.name: source.license for source in recipe.sources}
    contracts = Contracts.load(recipe.validation.contracts)
    forget = [forgotten.identity] if forgotten.records else []
    parts: dict[Stage, object] = {
        Stage.INGEST: [{one.name: one.digest for one in landed}, sources, recipe.ingest, *forget],
        Stage.CLEAN: [*decided_by(recipe.clean), languages],
        Stage.DEDUP: [recipe.dedup, recipe.split, priorities, *decides(recipe, against)],
        Stage.VALIDATE: [
            recipe.name,
            recipe.validation.model_dump(mode="json", exclude={"contracts"}),
            [one.sha256 for one in contracts.stamps_at(Judged.BORDER, Judged.GATE)],
            licenses,
        ],
        Stage.SHARD: [
            recipe.shard.model_dump(mode="json", exclude={"tokenizer"}),
            tokenizer_sha256 or "to be learned",
            [one.sha256 for one in contracts.stamps_at(Judged.RELEASE)],
        ],
    }
    keys: dict[Stage, str] = {}
    before = ""
    for stage, part in parts.items():
        before = keys[stage] = fingerprint([before, stage, stage_versions(stage), part])
    return keys


def stage_versions(stage: Stage) -> dict[str, object]:
    """Name the versions of a stage of the data half: its own, its libraries', Unicode's."""
    module = STAGES[stage]
    return {
        "stage": module.STAGE_VERSION,
        "libraries": library_versions(module.LIBRARIES),
        "unicode": unicodedata.unidata_version,
    }


def model_key(recipe: Recipe, dataset_fingerprint: str) -> str:
    """Compute what a trained model will be: its dataset, its recipe, its versions."""
    return fingerprint([dataset_fingerprint, recipe.train, _versions(model.TRAIN_VERSION)])


def evaluation_key(recipe: Recipe, model_fingerprint: str, dataset_fingerprint: str) -> str:
    """Compute what an evaluation will be.

    Raises:
        TaskInvalid: A task that the recipe names is not there, or is none.
    """
    versions = _versions(model.EVALUATE_VERSION)
    settings = recipe.evaluate.model_dump(mode="json", exclude={"tasks"})
    tasks = [task_fingerprint(path) for path in recipe.evaluate.tasks]
    return fingerprint([model_fingerprint, dataset_fingerprint, settings, tasks, versions])


def _versions(stage_version: int) -> Mapping[str, object]:
    return {"stage": stage_version, "libraries": library_versions(model.LIBRARIES)}


def _pinned_tokenizer(
    recipe: Recipe, warehouse: Warehouse, folder: Path | None, *, relearn: bool
) -> tuple[str | None, Path | None]:
    """Find the tokenizer that a run must use: given, the recipe's own, that of the latest version.

    Returns:
        SHA-256 of its tokenizer.json and the folder that locks it (None: the recipe names it).
        Twice None: there is none yet, or the settings that decide it changed, and one will be
        learned in this run.

    Raises:
        RecipeInvalid: The recipe's own tokenizer is not there, or cannot be used.
    """
    if folder is not None:
        return _given_lock(recipe, folder, relearn=relearn), folder
    if recipe.shard.tokenizer is not None:
        if relearn:
            raise RecipeInvalid(
                recipe.name,
                "shard.tokenizer",
                "the recipe names a tokenizer, so none can be learned",
                "Remove this field, or run without `--relearn-tokenizer`.",
            )
        given(recipe.shard)
        return sha256_of_file(recipe.shard.tokenizer), None
    latest = None if relearn else warehouse.latest("datasets", recipe.name)
    lock = Lock.load(latest) if latest else None
    if lock is None or lock.settings != settings_fingerprint(recipe.shard):
        return None, None
    return lock.tokenizer_sha256, latest


def _given_lock(recipe: Recipe, folder: Path, *, relearn: bool) -> str:
    """Check a lock that the user names.

    Returns:
        SHA-256 of its tokenizer.json.
    """
    lock = Lock.load(folder)
    if relearn:
        problem, fix = "a lock and a newly learned tokenizer exclude each other", "Ask for one."
    elif lock is None:
        problem = "this folder holds no lock"
        fix = f"Name the folder of a dataset version: it holds {LOCK_FILE} and {TOKENIZER_FILE}."
    elif lock.settings != settings_fingerprint(recipe.shard):
        problem = f"this lock is for other settings of `shard` than those of `{recipe.name}`"
        fix = "Set them as they were when it was made, or name another lock."
    else:
        return lock.tokenizer_sha256
    raise RecipeInvalid(folder, "", problem, fix)


PACKED_SUFFIXES = (".gz", ".zst", ".parquet", ".xz", ".bz2")
EXPANSION = 4
"""Text unpacks about fourfold; a warning in advance, not a promise."""
COPIES = 5
"""Records, normalised text in the cache, documents, published text and tokens."""
BASE_BYTES = 200_000_000
"""Model, its checkpoints, reports, Prefect's database."""


def _bytes_needed(landed: tuple[LandedSource, ...]) -> int:
    unpacked = sum(
        file.bytes * (EXPANSION if file.path.endswith(PACKED_SUFFIXES) else 1)
        for source in landed
        for file in source.files
    )
    return BASE_BYTES + COPIES * unpacked


def _existing(path: Path) -> Path:
    while not os.path.lexists(path):
        path = path.parent
    return path
