"""YAML without repeated keys: the second `quality:` would silently replace the first."""

from typing import Any

import yaml


def load_strictly(text: str) -> Any:
    """Read a YAML document of plain values.

    Raises:
        yaml.YAMLError: It is not YAML, or a mapping has a key twice.
    """
    return yaml.load(text, Loader=_StrictLoader)  # noqa: S506 - a SafeLoader


class _StrictLoader(yaml.SafeLoader):  # type: ignore[misc]  # yaml has no types
    def construct_mapping(self, node: yaml.MappingNode, deep: bool = False) -> dict[Any, Any]:  # noqa: FBT001, FBT002 - the library's signature
        keys = [self.construct_object(key, deep=True) for key, _ in node.value]
        for key in keys:
            if keys.count(key) > 1:
                problem = f"the key `{key}` is there twice"
                raise yaml.constructor.ConstructorError(None, None, problem, node.start_mark)
        return dict(super().construct_mapping(node, deep=deep))
