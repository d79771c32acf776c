"""The gate: training reads a version that passed its contract and was not touched since."""

import json
import shutil

import pytest

from data_contracts.errors import GateRefused
from data_contracts.fingerprint import sha256_of_file
from data_contracts.gate import Gate, gated_files, require_passed


@pytest.fixture
def version(tmp_path):
    """A version's gated files and the result that lets them pass."""
    folder = tmp_path / "demo" / "0001-1f2e3d4c"
    for split in ("train", "validation", "test"):
        (folder / "tokens" / split).mkdir(parents=True)
        (folder / "tokens" / split / "spans.arrow").write_bytes(split.encode())
    (folder / "tokenizer.json").write_text("{}", encoding="utf-8")
    (folder / "quality.json").write_text('{"checks": []}', encoding="utf-8")
    write(folder)
    return folder


def write(folder, **changes):
    gate = {
        "passed": True,
        "checks": 51,
        "contracts": [{"id": "corpusmill.documents", "version": "1.0.0", "sha256": "0" * 64}],
        "quality_sha256": sha256_of_file(folder / "quality.json"),
        "data_sha256": gated_files(folder),
    }
    (folder / "gate.json").write_text(json.dumps({**gate, **changes}), encoding="utf-8")


def test_a_version_that_passed_is_let_through(version):
    gate = require_passed(version)
    assert gate == Gate.model_validate_json((version / "gate.json").read_text(encoding="utf-8"))
    assert set(gate.data_sha256) == {
        "tokenizer.json",
        "tokens/train/spans.arrow",
        "tokens/validation/spans.arrow",
        "tokens/test/spans.arrow",
    }


def test_a_version_that_was_copied_is_let_through(version, tmp_path):
    shutil.copytree(version, tmp_path / "elsewhere")
    assert require_passed(tmp_path / "elsewhere").passed


def no_gate(version):
    (version / "gate.json").unlink()


def no_json(version):
    (version / "gate.json").write_text("passed: true", encoding="utf-8")


def no_text(version):
    (version / "gate.json").write_bytes(b"\xff\xfe")


def no_file(version):
    (version / "gate.json").unlink()
    (version / "gate.json").mkdir()


def another_shape(version):
    (version / "gate.json").write_text('{"passed": true, "checks": 51}', encoding="utf-8")


def more_than_a_gate(version):
    write(version, note="trust me")


def failed(version):
    write(version, passed=False)


def nothing_checked(version):
    write(version, checks=0)


def fewer_than_nothing_checked(version):
    write(version, checks=-1)


def quality_changed(version):
    (version / "quality.json").write_text("{}", encoding="utf-8")


def quality_missing(version):
    (version / "quality.json").unlink()


def text_changed(version):
    (version / "tokens" / "train" / "spans.arrow").write_bytes(b"other documents")


def split_missing(version):
    (version / "tokens" / "test" / "spans.arrow").unlink()


def split_added(version):
    (version / "tokens" / "more").mkdir()
    (version / "tokens" / "more" / "spans.arrow").write_bytes(b"unseen")


def splits_swapped(version):
    train, test = (version / "tokens" / name / "spans.arrow" for name in ("train", "test"))
    content = train.read_bytes()
    train.write_bytes(test.read_bytes())
    test.write_bytes(content)


def tokenizer_changed(version):
    (version / "tokenizer.json").write_text('{"other": 1}', encoding="utf-8")


def tokenizer_missing(version):
    (version / "tokenizer.json").unlink()


@pytest.mark.parametrize(
    ("tamper", "problem"),
    [
        (no_gate, "there is no gate.json"),
        (no_json, "gate.json is not a gate result"),
        (no_text, "gate.json cannot be read"),
        (no_file, "gate.json cannot be read"),
        (another_shape, "gate.json is not a gate result"),
        (more_than_a_gate, "gate.json is not a gate result"),
        (failed, "its contract did not pass"),
        (nothing_checked, "its contract did not pass"),
        (fewer_than_nothing_checked, "gate.json is not a gate result"),
        (quality_changed, "quality.json is not the file that the gate wrote"),
        (quality_missing, "quality.json is missing"),
        (text_changed, "tokens/train/spans.arrow is not the file that passed"),
        (split_missing, "tokens/test/spans.arrow is not the file that passed"),
        (split_added, "tokens/more/spans.arrow is not the file that passed"),
        (splits_swapped, "spans.arrow is not the file that passed"),
        (tokenizer_changed, "tokenizer.json is not the file that passed"),
        (tokenizer_missing, "tokenizer.json is missing"),
    ],
)
def test_any_other_version_is_refused(version, tamper, problem):
    tamper(version)
    with pytest.raises(GateRefused, match="mill run RECIPE") as caught:
        require_passed(version)
    assert problem in caught.value.problem
    assert caught.value.version == str(version)
    assert caught.value.exit_code == 3


def test_a_gate_result_of_another_version_does_not_open_this_one(version, tmp_path):
    other = tmp_path / "other"
    shutil.copytree(version, other)
    text_changed(other)
    write(other)
    shutil.copy(other / "gate.json", version / "gate.json")
    with pytest.raises(GateRefused):
        require_passed(version)


def test_there_is_nothing_to_train_on_without_a_version(tmp_path):
    with pytest.raises(GateRefused, match=r"there is no gate\.json"):
        require_passed(tmp_path / "nowhere")
