"""Which leaves of a Parquet file hold anything, so that the others need not be read."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    import pyarrow as pa

NEEDED: Final = frozenset(("id", "value", "unit", "system", "code"))
"""Fields whose absence says something else than null in every row; read with whatever stands beside them."""


def used(table: Any, groups: Iterable[int]) -> list[str]:
    """Paths of the leaves to read from some row groups of a ParquetFile; reading them alone changes nothing.

    Left out are columns that begin with `x_`, and leaves that are null in every row by the file's
    own statistics. A list keeps at least one leaf, for null and empty are told apart by it.
    """
    metadata = table.metadata
    chosen = [metadata.row_group(group) for group in groups]
    leaves = iter(range(metadata.num_columns))
    nodes = [_node(field.name, field.type, leaves) for field in table.schema_arrow]
    if next(leaves, None) is not None:
        # A type that is stored in another number of leaves than thought: read whole columns.
        return [node.name for node in nodes if not node.name.startswith("x_")]
    empty = frozenset(
        leaf for leaf in range(metadata.num_columns) if all(_all_null(group.column(leaf)) for group in chosen)
    )
    kept: list[int] = []
    for node in nodes:
        if node.name.startswith("x_"):
            continue
        found = _kept(node, empty)
        kept += found or (node.leaves()[:1] if node.name == "id" else [])
    first = metadata.row_group(0)
    return [first.column(leaf).path_in_schema for leaf in sorted(kept)]


@dataclass(frozen=True, slots=True)
class _Node:
    name: str
    is_list: bool
    children: tuple[_Node, ...]
    leaf: int

    def leaves(self) -> list[int]:
        return [self.leaf] if self.leaf >= 0 else [leaf for child in self.children for leaf in child.leaves()]


def _node(name: str, kind: pa.DataType, leaves: Iterator[int]) -> _Node:
    import pyarrow as pa

    if isinstance(kind, pa.BaseExtensionType):
        kind = kind.storage_type
    if pa.types.is_map(kind):
        children = (_node("key", kind.key_type, leaves), _node("value", kind.item_type, leaves))
        return _Node(name, True, children, -1)
    if pa.types.is_struct(kind):
        return _Node(name, False, tuple(_node(field.name, field.type, leaves) for field in kind), -1)
    if kind.num_fields and not pa.types.is_dictionary(kind):
        return _Node(name, True, (_node("", kind.field(0).type, leaves),), -1)
    return _Node(name, False, (), next(leaves, -2))


def _all_null(chunk: Any) -> bool:
    statistics = chunk.statistics
    return bool(
        statistics is not None
        and statistics.has_null_count
        and statistics.null_count == chunk.num_values
        and not statistics.has_min_max
    )


def _kept(node: _Node, empty: frozenset[int]) -> list[int]:
    """Leaves to read of a node; none when it is null in every row, or a struct of nothing but nulls."""
    if not node.children:
        return [] if node.leaf in empty else [node.leaf]
    if node.is_list:
        (item, *_) = node.children
        found = [leaf for child in node.children for leaf in _kept(child, empty)]
        return found or item.leaves()[:1]
    kept = {child.name: _kept(child, empty) for child in node.children}
    if not any(kept.values()):
        return []
    for child in node.children:
        if child.name in NEEDED and not kept[child.name]:
            kept[child.name] = child.leaves()
    return [leaf for child in node.children for leaf in kept[child.name]]
