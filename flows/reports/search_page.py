"""The page of a search over a ledger: a form, the records found, and why each is where it is."""

from urllib.parse import urlencode

from data_contracts.reasons import Reason, meaning
from flows.ledger_search import DEEPEST, PAGE_ROWS, Answer
from flows.reports.formats import count, counted
from flows.reports.page import render_page

_MEANINGS = {str(one): meaning(one) for one in Reason}


def render_search(label: str, answer: Answer) -> str:
    """Lay out an answer.

    Args:
        label: NAME@VERSION whose ledger was searched.
        answer: What was found.
    """
    question = answer.question
    last = max(1, min(-(-answer.total // PAGE_ROWS), DEEPEST // PAGE_ROWS))

    def leads_to(page: int) -> str | None:
        there = 1 <= page <= last
        return f"?{urlencode({**question.model_dump(), 'page': page})}" if there else None

    first = (question.page - 1) * PAGE_ROWS
    return render_page(
        "search.html",
        {},
        asks=True,
        label=label,
        answer=answer,
        question=question,
        choices=[
            (name, name.capitalize(), answer.choices.get(name, ()), getattr(question, name))
            for name in ("source", "reason", "language")
        ],
        found=f"{counted(answer.total, 'record')} of {count(answer.of)}",
        shown=f"{count(first + 1)} to {count(first + len(answer.rows))}" if answer.rows else "none",
        earlier=leads_to(question.page - 1),
        later=leads_to(question.page + 1),
        meanings=_MEANINGS,
    )
