"""The `mill` command line.

Exit codes: 0 done, 2 wrong usage or recipe, 3 contract failed, 4 unreadable input over the limit,
1 anything else, 130 stopped by Ctrl-C.
"""

import sys

import typer

from data_contracts.errors import CorpusError
from flows.commands import (
    building,
    contracts,
    exchanging,
    keeping,
    looking,
    modelling,
    models,
    promoting,
    serving,
)

STOPPED = 130


app = typer.Typer(
    name="mill",
    help="Corpusmill: raw corpora in; a tracked dataset, a trained model, an honest verdict out.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    epilog="Exit codes: 0 done, 2 wrong usage or recipe, 3 contract failed, "
    "4 unreadable input over the limit, 1 anything else.",
)


@app.callback()
def begin(context: typer.Context) -> None:
    """Let what a command changes of the terminal end with it."""
    context.call_on_close(_leave_terminal)


def _leave_terminal() -> None:
    # Not imported for this: it takes longer than most commands' help.
    if terminal := sys.modules.get("flows.terminal"):
        terminal.leave_output_to_json(False)


for command in (
    building.run,
    building.plan,
    building.train_quality,
    looking.what_if,
    looking.why,
    looking.near,
    looking.clusters,
    looking.diff,
    looking.report,
    looking.show,
    looking.lineage,
    keeping.verify,
    keeping.forget,
    keeping.gc,
    exchanging.export,
    exchanging.adopt,
    exchanging.backfill,
    promoting.compare,
    promoting.promote,
    promoting.rollback,
    looking.explain,
    modelling.sample,
    modelling.translate,
    modelling.classify,
    models.compress,
    models.export_model,
    models.read,
    serving.up,
    serving.setup,
    serving.status,
):
    app.command()(command)
app.command(name="ls")(looking.list_versions)
app.add_typer(contracts.contract)


def main() -> None:
    """Run the command line; errors that users can meet are told without a traceback."""
    try:
        app()
    except CorpusError as error:
        from flows.reports.visible_text import visible

        print(f"mill: {visible(str(error))}", file=sys.stderr)  # it may quote a corpus
        sys.exit(error.exit_code)
    except SystemExit as end:
        if end.code == STOPPED:  # Typer's answer to Ctrl-C
            print("mill: stopped; nothing is half-published, a rerun continues", file=sys.stderr)
        raise
