"""Commands that let models write, translate and tell classes apart."""

import json as json_text
import sys
from pathlib import Path
from typing import Annotated

import typer

from data_contracts.progress import Progress, silent
from flows.commands.options import DEFAULT_WAREHOUSE, Json, ModelOption, WarehousePath

TaskOrModel = Annotated[
    Path, typer.Argument(help="A task file (.yaml) to train on, or the folder that this left.")
]
Texts = Annotated[
    list[str] | None,
    typer.Argument(help="What a trained model reads; none: the lines of standard input."),
]
Output = Annotated[
    Path | None,
    typer.Option(help="Folder for what training leaves; default: the task file's name, beside it."),
]


def sample(
    prompt: Annotated[str, typer.Argument(help="What the model continues.")],
    model: ModelOption,
    tokens: Annotated[int, typer.Option(min=1, help="How many tokens to write at most.")] = 100,
    temperature: Annotated[
        float, typer.Option(min=0, help="How freely tokens are drawn; 0 takes the likeliest.")
    ] = 0.8,
    top_p: Annotated[
        float,
        typer.Option(min=0.0, max=1.0, help="Draw from the likeliest tokens that reach this."),
    ] = 0.95,
    seed: Annotated[int, typer.Option(min=0, help="Another number gives another text.")] = 1,
    warehouse: WarehousePath = DEFAULT_WAREHOUSE,
    json: Json = False,
) -> None:
    """Let a decoder continue a text."""
    from data_contracts.errors import ModelUnfit
    from data_contracts.gate import TOKENIZER_FILE
    from flows.model_folders import model_folder
    from flows.reports.visible_text import visible
    from flows.terminal import leave_output_to_json
    from model.pretrained import end_of_text_id, load_pretrained, load_tokenizer
    from model.sample import write

    leave_output_to_json(json)
    folder = model_folder(model, warehouse)
    writer = load_pretrained(folder)
    if writer.shape.kind != "decoder":
        raise ModelUnfit(folder, "it is no decoder, so it writes nothing", "Name one that is.")
    tokenizer = load_tokenizer(folder / TOKENIZER_FILE)
    end = end_of_text_id(tokenizer, folder / TOKENIZER_FILE)
    read = [end, *tokenizer.encode(prompt, add_special_tokens=False).ids]
    written = write(writer, read, tokens, temperature, seed, end, top_p)
    text = tokenizer.decode(written)
    print(json_text.dumps({"prompt": prompt, "text": text}) if json else visible(prompt + text))


def translate(
    task: TaskOrModel, texts: Texts = None, output: Output = None, json: Json = False
) -> None:
    """Train an encoder-decoder on pairs of texts and score it, or translate texts with one."""
    from data_contracts.whole_text import replace_text
    from flows.reports.translate_page import render_translated
    from flows.reports.visible_text import visible
    from flows.task_files import load_translate
    from flows.terminal import leave_output_to_json
    from model.supervised.translate import Translator
    from model.supervised.translate import translate as train

    leave_output_to_json(json)
    if task.is_dir():
        read = _given(texts)
        found = Translator.load(task).translations(read, beams=5, length_penalty=1.0)
        for text in found if not json else ():
            print(visible(text))
        if json:
            print(json_text.dumps(found))
        return
    folder = output or task.with_suffix("")
    result = train(load_translate(task), folder, progress=tell(json=json))
    replace_text(folder / "report.html", render_translated(result, task.stem))
    if json:
        print(result.model_dump_json())
        return
    print(f"{result.scores.test_texts:,} test texts, {result.parameters:,} parameters")
    for name in ("bleu_lowercase", "bleu", "chrf"):
        one = getattr(result.scores, name)
        print(f"{name:<14} {one.value:.2f} [{one.low:.2f}, {one.high:.2f}]  {one.signature}")
    print(f"report         {folder / 'report.html'}")


def classify(
    task: TaskOrModel, texts: Texts = None, output: Output = None, json: Json = False
) -> None:
    """Train an encoder to tell classes apart and measure it, or let one read texts."""
    from data_contracts.whole_text import replace_text
    from flows.reports.classify_page import render_classified
    from flows.reports.visible_text import visible
    from flows.task_files import load_classify
    from flows.terminal import leave_output_to_json
    from model.supervised.classify import Classifier
    from model.supervised.classify import classify as train

    leave_output_to_json(json)
    if task.is_dir():
        classifier, labels = Classifier.load(task)
        read = _given(texts)
        rows = [dict(zip(labels, row, strict=True)) for row in classifier.chances(read).tolist()]
        for text, row in zip(read, rows if not json else [], strict=not json):
            best = max(row, key=lambda label: row[label])
            print(f"{visible(best)}\t{row[best]:.3f}\t{visible(text)}")
        if json:
            print(json_text.dumps(rows))
        return
    folder = output or task.with_suffix("")
    result = train(load_classify(task), folder, progress=tell(json=json))
    replace_text(folder / "report.html", render_classified(result, task.stem))
    if json:
        print(result.model_dump_json())
        return
    print(f"{result.model.texts:,} test texts, {result.parameters:,} parameters")
    for name in ("accuracy", "precision_macro", "recall_macro", "f1_macro", "roc_auc"):
        ours = getattr(result.model, name)
        line = f"{name:<16} {ours.value:.4f} [{ours.low:.4f}, {ours.high:.4f}]"
        if result.baseline:
            theirs = getattr(result.baseline, name)
            line += f"   linear {theirs.value:.4f} [{theirs.low:.4f}, {theirs.high:.4f}]"
        print(line)
    for label, figures in result.model.by_class.items():
        of = " ".join(
            f"{name} {getattr(figures, name).value:.4f}" for name in ("precision", "recall", "f1")
        )
        print(f"  {visible(label)}: {of}, {figures.texts:,} texts")
    print(f"report   {folder / 'report.html'}")


def _given(texts: list[str] | None) -> list[str]:
    return texts or [line.strip() for line in sys.stdin if line.strip()]


def tell(*, json: bool) -> Progress:
    """Show progress on standard error, in place, where somebody looks."""
    if json or not sys.stderr.isatty():
        return silent

    def show(done: int, total: int, unit: str, note: str = "") -> None:
        print(f"\r{done:,} of {total:,} {unit} {note}   ", end="", file=sys.stderr, flush=True)

    return show
