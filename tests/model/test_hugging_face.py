"""The checkpoint that counts: what `transformers` makes of a folder that we wrote."""

import pytest
import torch

from model.pretrained import end_of_text_id, load_pretrained, load_tokenizer, save_pretrained
from model.sample import write
from tests.model.conftest import random_decoder, write_documents
from tests.model.test_transformer import SHAPES

pytestmark = pytest.mark.filterwarnings("ignore")  # of a library in development


@pytest.fixture(params=SHAPES.values(), ids=SHAPES)
def folder(request, version, tmp_path):
    tokenizer = version / "tokenizer.json"
    size = load_tokenizer(tokenizer).get_vocab_size()
    save_pretrained(random_decoder(request.param, size), tokenizer, tmp_path)
    return tmp_path


def opened(folder):
    from transformers import AutoModelForCausalLM

    theirs, report = AutoModelForCausalLM.from_pretrained(folder, output_loading_info=True)
    assert not any(report[kind] for kind in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    return theirs.eval()


def test_transformers_gives_the_same_logits_and_the_same_greedy_text(folder):
    ours, theirs = load_pretrained(folder), opened(folder)
    tokenizer = load_tokenizer(folder / "tokenizer.json")
    end = end_of_text_id(tokenizer, folder)
    # A context's worth: rotary angles must agree up to the last position.
    tokens = [end, *tokenizer.encode(write_documents(1, seed=9)[0]).ids][:16]
    tokens_BT = torch.tensor([tokens])
    with torch.no_grad():
        expected = theirs(tokens_BT).logits
        torch.testing.assert_close(ours(tokens_BT), expected, rtol=1e-5, atol=1e-5)
    written = theirs.generate(
        tokens_BT[:, :4], do_sample=False, max_new_tokens=12, eos_token_id=end, pad_token_id=end
    )
    greedy = write(ours, tokens[:4], tokens=12, temperature=0, seed=1, stop=end)
    assert [one for one in written[0, 4:].tolist() if one != end] == greedy


def test_the_tokenizer_opens_and_agrees(folder):
    from transformers import AutoTokenizer

    theirs = AutoTokenizer.from_pretrained(folder)
    ours = load_tokenizer(folder / "tokenizer.json")
    text = " ".join(write_documents(2, seed=10)) + "\n  naïve 河水\t!"
    assert theirs(text)["input_ids"] == ours.encode(text).ids
    assert theirs.decode(theirs(text)["input_ids"]) == text
    assert theirs.eos_token_id == end_of_text_id(ours, folder)


def test_settings_survive_both_ways(folder):
    from transformers import AutoConfig

    ours, theirs = load_pretrained(folder), AutoConfig.from_pretrained(folder)
    assert theirs.rope_parameters["rope_theta"] == ours.shape.rope_theta
    assert theirs.head_dim == ours.shape.head_width_or_default
    assert theirs.max_position_embeddings == ours.shape.context_tokens
    assert ours.shape.kv_heads == theirs.num_key_value_heads
    assert theirs.dtype == torch.float32
