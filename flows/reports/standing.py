"""What the Prefect pages show of a candidate: the comparison with production, and how to promote."""

from data_contracts.aliases import Target
from flows.promotion import Standing
from flows.reports.difference_figure import difference_figure
from flows.reports.formats import count, megabytes
from flows.reports.markdown import code, link, picture, table


def standing_markdown(
    standing: Standing, promote_url: str | None = None, reports_url: str | None = None
) -> str:
    """Show how a candidate stands to production.

    Args:
        standing: What was found and decided.
        promote_url: The form of the deployment `promote`; None: there are no pages.
        reports_url: Address of the report server; None: there is none.
    """
    parts = [
        f"# {standing.name}: candidate and production\n",
        f"{standing.note[:1].upper()}{standing.note[1:]}.\n",
    ]
    if not standing.promoted:
        by_hand = f"or run {code(f'mill promote {standing.name}')}"
        button = link("Promote this candidate", promote_url) if promote_url else "Promote it"
        parts.append(f"**{button}** with the deployment `promote`, {by_hand}.\n")
    rows = [("candidate", *_target(standing.candidate, reports_url))]
    if standing.production is not None:
        rows.append(("production before", *_target(standing.production, reports_url)))
    parts.append(table(("", "dataset", "model"), rows))
    if standing.comparison is not None:
        parts += _comparison(standing)
    return "\n".join(parts)


def _comparison(standing: Standing) -> list[str]:
    found = standing.comparison
    assert found is not None, "the caller looked"  # noqa: S101
    difference = [("all documents", found.difference, "accent")]
    difference += [(name, one.difference, "faint") for name, one in found.sources.items()]
    title = "Difference in bits per byte, candidate less production"
    drawn = difference_figure(difference[:12], found.margin, 720).as_picture(title)
    both = (
        ("candidate", found.candidate, found.candidate_bits_per_byte),
        ("production", found.production, found.production_bits_per_byte),
    )
    return [
        f"## {title}\n",
        picture(title, drawn),
        table(
            ("", "model", "bits per byte", "95% interval"),
            [
                (role, code(label), f"{one.value:.4f}", f"{one.low:.4f} to {one.high:.4f}")
                for role, label, one in both
            ],
            numbers=2,
        ),
        (
            f"Measured on {count(found.documents)} documents ({megabytes(found.text_bytes)}) that both "
            f"versions hold out; {count(found.seen_in_training)} of {count(found.held_out_in_both)} "
            "were left out because training text of either repeats 13 of their tokens.\n"
        ),
        table(
            ("source", "documents", "difference", "95% interval"),
            [
                (
                    code(name),
                    count(one.documents),
                    f"{one.difference.value:+.4f}",
                    f"{one.difference.low:+.4f} to {one.difference.high:+.4f}",
                )
                for name, one in found.sources.items()
            ],
            numbers=3,
        ),
    ]


def _target(target: Target, reports_url: str | None) -> tuple[str, str]:
    return (
        _page("datasets", target.dataset, reports_url),
        _page("models", target.model, reports_url) if target.model else "none",
    )


def _page(kind: str, label: str, reports_url: str | None) -> str:
    if reports_url is None:
        return code(label)
    name, _, version = label.partition("@")
    return link(label, f"{reports_url}/{kind}/{name}/{version}/report.html")
