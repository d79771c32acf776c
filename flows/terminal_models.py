"""What commands about models print for people."""

from pathlib import Path

from rich.table import Table

from flows.terminal import console
from model.compress.stage import CompressResult


def print_compressed(result: CompressResult, folder: Path) -> None:
    """Print the models made, what each costs in bits per byte, and where the report is."""
    table = Table(box=None, pad_edge=False)
    table.add_column("model")
    for name in (
        "parameters",
        "MB",
        "tokens/s",
        "bits per byte",
        "more than the original",
    ):
        table.add_column(name, justify="right")
    for one in result.models:
        more = one.difference
        table.add_row(
            one.name,
            f"{one.parameters:,}",
            f"{one.model_bytes / 1e6:,.1f}",
            f"{one.tokens_per_second:,.0f}",
            f"{one.bits_per_byte.value:.4f}",
            ""
            if one.method == "none"
            else f"{more.value:+.4f} [{more.low:+.4f}, {more.high:+.4f}]",
        )
    console.print(table)
    front = ", ".join(one.name for one in result.models if one.on_front)
    console.print(f"beaten by none in quality, size and speed together: {front}", soft_wrap=True)
    console.print(
        f"tokens/s: of one thread, {result.speed_rows} texts of {result.speed_tokens} tokens at once",
        highlight=False,
    )
    console.print(f"report   {folder / 'report.html'}", highlight=False, soft_wrap=True)
