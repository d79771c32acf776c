"""Options and arguments that several commands take."""

from pathlib import Path
from typing import Annotated

import typer

from flows.commands.completion import a_version

RecipePath = Annotated[Path, typer.Argument(help="A recipe file (YAML).")]
WarehousePath = Annotated[
    Path, typer.Option("--warehouse", "-w", help="Folder that versions are published in.")
]
Sample = Annotated[
    int | None, typer.Option(min=1, help="Take only this many records of each source.")
]
Changes = Annotated[
    list[str] | None,
    typer.Option(
        "--set",
        help="Set a field of the recipe for this run, FIELD=VALUE, such as "
        "dedup.jaccard_threshold=0.7; may be repeated.",
    ),
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object as the last line.")]
Dataset = Annotated[
    str | None,
    typer.Option(
        help="NAME@VERSION, or NAME for its latest version; default: the latest of all.",
        autocompletion=a_version,
    ),
]
Version = Annotated[
    str,
    typer.Argument(help="NAME@VERSION, or NAME for its latest version.", autocompletion=a_version),
]
Wanted = Annotated[
    str | None,
    typer.Argument(
        metavar="NAME[@VERSION]",
        help="A dataset or model; default: the latest.",
        autocompletion=a_version,
    ),
]
_A_MODEL = "NAME@VERSION, NAME for its latest version, or a model's folder."
Model = Annotated[str, typer.Argument(help=_A_MODEL, autocompletion=a_version)]
ModelOption = Annotated[str, typer.Option(help=_A_MODEL, autocompletion=a_version)]
LockPath = Annotated[
    Path | None,
    typer.Option(
        "--lock",
        help="Use the tokenizer of this folder, such as a dataset version of another warehouse: "
        "a rebuild elsewhere then makes the same bytes.",
    ),
]
Relearn = Annotated[
    bool, typer.Option("--relearn-tokenizer", help="Learn a tokenizer from the data as it is now.")
]
Most = Annotated[int, typer.Option("--most", "-n", min=1, help="How many to show.")]
DEFAULT_WAREHOUSE = Path("warehouse")
