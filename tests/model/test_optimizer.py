from model.optimizer import build_optimizer, set_learning_rates
from model.recipe import TrainRecipe
from model.transformer import Decoder
from tests.model.conftest import TINY


def test_only_the_matrices_of_blocks_and_head_decay_and_no_parameter_is_forgotten():
    model = Decoder(TINY.model_copy(update={"tied_embeddings": False}), 300)
    groups = build_optimizer(model, TrainRecipe(weight_decay=0.3)).param_groups
    by_id = {id(weight): group["weight_decay"] for group in groups for weight in group["params"]}
    for name, weight in model.named_parameters():
        decays = name.endswith("proj.weight") or name == "lm_head.weight"
        assert by_id.pop(id(weight)) == (0.3 if decays else 0.0), name
    assert not by_id


def test_embeddings_have_a_learning_rate_of_their_own_and_all_follow_the_schedule():
    model = Decoder(TINY, 300)
    optimizer = build_optimizer(model, TrainRecipe(learning_rate=0.5, embedding_learning_rate=2.0))
    set_learning_rates(optimizer, 0.1)
    for group in optimizer.param_groups:
        own = any(weight is model.model.embed_tokens.weight for weight in group["params"])
        assert group["lr"] == (0.2 if own else 0.05)
