import json

import numpy as np
import pytest
from safetensors.numpy import save_file

from data_contracts.errors import QualityModelInvalid
from pipeline.clean.quality import model as module
from pipeline.clean.quality.model import FORMAT, QualityModel, load_model, save_model

MODEL = QualityModel(np.arange(8, dtype=np.float32), -0.5, {"auc": 0.75})


def written(folder, weights=MODEL.weights, bias=(0.0,), **told):
    about = {"format": FORMAT, "words": module._words(), "about": {}} | told
    tensors = {"weights": np.asarray(weights), "bias": np.asarray(bias, np.float64)}
    save_file(tensors, folder / "m", metadata={"quality_model": json.dumps(about)})
    return folder / "m"


def test_a_model_is_read_as_it_was_written_and_the_same_one_gives_the_same_bytes(tmp_path):
    save_model(MODEL, tmp_path / "new" / "one")
    save_model(MODEL, tmp_path / "other")
    assert (tmp_path / "new" / "one").read_bytes() == (tmp_path / "other").read_bytes()
    found = load_model(tmp_path / "other")
    assert found.weights.tolist() == MODEL.weights.tolist()
    assert (found.bias, found.about) == (MODEL.bias, MODEL.about)
    assert not found.weights.flags.writeable


def test_a_model_that_changed_is_read_again(tmp_path):
    save_model(MODEL, tmp_path / "m")
    load_model(tmp_path / "m")
    save_model(MODEL._replace(bias=9.0, weights=np.ones(16, np.float32)), tmp_path / "m")
    assert load_model(tmp_path / "m").bias == 9


@pytest.mark.parametrize(
    ("change", "problem"),
    [
        ({"format": "another"}, "no quality model"),
        ({"words": "0"}, "another version finds them"),
        ({"weights": np.ones(7, np.float32)}, "table of"),
        ({"weights": np.ones(1, np.float32)}, "table of"),
        ({"weights": np.ones((2, 2), np.float32)}, "table of"),
        ({"weights": np.ones(8, np.float64)}, "table of"),
        ({"bias": (0.0, 1.0)}, "table of"),
        ({"bias": (float("nan"),)}, "no numbers"),
        ({"weights": np.full(8, np.inf, np.float32)}, "no numbers"),
    ],
)
def test_what_does_not_fit_is_refused(tmp_path, change, problem):
    with pytest.raises(QualityModelInvalid, match=problem):
        load_model(written(tmp_path, **change))


def test_what_is_no_model_is_refused(tmp_path):
    with pytest.raises(QualityModelInvalid, match="cannot be read"):
        load_model(tmp_path / "nowhere")
    for number, junk in enumerate((b"", b"{}", b"\x80\x04junk", b"\x02\0\0\0\0\0\0\0{}")):
        (tmp_path / str(number)).write_bytes(junk)
        with pytest.raises(QualityModelInvalid):
            load_model(tmp_path / str(number))
    save_file({"weights": MODEL.weights}, tmp_path / "m", metadata={"quality_model": "[]"})
    with pytest.raises(QualityModelInvalid):
        load_model(tmp_path / "m")
