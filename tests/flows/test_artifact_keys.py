"""Keys of artifacts: valid, and each of one artifact of one dataset."""

import itertools

from hypothesis import given
from hypothesis import strategies as st
from prefect.client.schemas.actions import ArtifactCreate

from data_contracts.reasons import Stage
from flows import artifact_keys
from flows.artifact_keys import PROGRESS, artifact_key
from flows.recipe import Recipe

STAGES = [stage.value for stage in Stage]
WORDS = [
    *STAGES,
    *(PROGRESS + stage for stage in STAGES),
    *(
        value
        for name, value in vars(artifact_keys).items()
        if name.isupper() and name != "PROGRESS"
    ),
]
NAMES = st.from_regex(Recipe.model_fields["name"].metadata[0].pattern, fullmatch=True)


def test_no_word_begins_another():
    for one, other in itertools.permutations(WORDS, 2):
        assert not other.startswith(f"{one}-")


@given(
    pairs=st.lists(st.tuples(st.sampled_from(WORDS), NAMES | st.sampled_from(WORDS)), unique=True)
)
def test_every_key_stands_for_one_artifact_of_one_dataset(pairs):
    keys = {artifact_key(*pair) for pair in pairs}
    assert len(keys) == len(pairs)
    for key in keys:
        assert ArtifactCreate(key=key).key == key  # Prefect's own rule
        assert len(key) < 100
