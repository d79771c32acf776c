"""Great Expectations Data Docs of a dataset version, from what its suites said when it was judged.

They are optional: their pages load styles and scripts from the internet, and a logo that tells whoever
hosts it that a page was opened. The report of the version needs neither.
"""

import json
import logging
import warnings
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from data_contracts.checks import RELEASE_SUITES_FILE, SUITES_FILE
from data_contracts.errors import SchemaMismatch
from data_contracts.manifest import DatasetManifest

_SITE: Final = "local_site"


def write_data_docs(version: Path, folder: Path) -> Path:
    """Write Data Docs of a version that is there; nothing is judged again.

    Args:
        version: A dataset version's folder.
        folder: Where they go; what is in it stays.

    Returns:
        The page to open.

    Raises:
        SchemaMismatch: The version keeps nothing to write them of.
        VersionCorrupt: Its manifest cannot be read.
    """
    suites = _suites(version)
    manifest = DatasetManifest.load(version)
    with warnings.catch_warnings():
        warnings.simplefilter(
            "ignore"
        )  # of what its dependencies will drop: nothing to do about it
        return _write(suites, manifest, folder)


def _suites(version: Path) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    for name in (SUITES_FILE, RELEASE_SUITES_FILE):
        path = version / name
        if path.exists():
            found += json.loads(path.read_text(encoding="utf-8"))
    if not found:
        raise SchemaMismatch(str(version), "it keeps nothing that Great Expectations said")
    return found


def _write(suites: list[dict[str, Any]], manifest: DatasetManifest, folder: Path) -> Path:
    import great_expectations as gx  # noqa: PLC0415 - 4 s and 300 MB
    from great_expectations.core.expectation_validation_result import (  # noqa: PLC0415
        expectationSuiteValidationResultSchema,
    )
    from great_expectations.data_context.types.resource_identifiers import (  # noqa: PLC0415
        ExpectationSuiteIdentifier,
        ValidationResultIdentifier,
    )

    logging.getLogger("great_expectations").setLevel(logging.ERROR)
    context = gx.get_context(mode="file", project_root_dir=str(folder))
    made = manifest.created.astimezone(UTC)
    run = gx.core.RunIdentifier(run_name=f"{manifest.name}@{manifest.version}", run_time=made)
    for one in suites:
        result = expectationSuiteValidationResultSchema.load(_told(one, made))
        name = result.suite_name
        expectations = [entry.expectation_config for entry in result.results]
        suite = gx.ExpectationSuite(name=name)
        suite.expectations = [config.to_domain_obj() for config in expectations]
        context.suites.add_or_update(suite)
        key = ValidationResultIdentifier(
            expectation_suite_identifier=ExpectationSuiteIdentifier(name),
            run_id=run,
            batch_identifier=name,
        )
        context.validation_results_store.add_or_update(key, result)
    context.build_data_docs(site_names=[_SITE])
    return folder / "gx" / "uncommitted" / "data_docs" / _SITE / "index.html"


def _told(suite: dict[str, Any], made: datetime) -> dict[str, Any]:
    meta = {"run_id": {"run_name": None, "run_time": made.isoformat()}}
    return {**suite["result"], "suite_name": suite["suite"], "meta": meta}
