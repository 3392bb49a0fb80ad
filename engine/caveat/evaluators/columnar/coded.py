"""Columns of words and of lists of words, dictionary-encoded."""

from __future__ import annotations

from typing import Any


def coded(codes: Any, words: list[str], null: Any = None) -> Any:
    """Words by their places in `words`; null where `null` says so."""
    import pyarrow as pa

    return pa.DictionaryArray.from_arrays(
        pa.array(codes, pa.int32(), mask=null), pa.array(words, pa.string())
    )


def listed(codes: Any, lists: list[tuple[str, ...]]) -> Any:
    """Lists of words, each one of `lists`."""
    import numpy as np

    words = sorted({word for names in lists for word in names})
    number = {word: place for place, word in enumerate(words)}
    flat = np.array([number[word] for names in lists for word in names], np.int32)
    return spread(codes, [len(names) for names in lists], flat, words)


def spread(codes: Any, lengths: list[int], flat: Any, words: list[str]) -> Any:
    """Lists of words by code; `flat` holds the words of the lists one after another, as codes."""
    import numpy as np
    import pyarrow as pa

    sizes = np.array(lengths, np.int32)
    starts = np.zeros(len(sizes) + 1, np.int32)
    np.cumsum(sizes, out=starts[1:])
    each = sizes[codes]
    ends = np.zeros(len(codes) + 1, np.int32)
    np.cumsum(each, out=ends[1:])
    places = np.arange(int(ends[-1]), dtype=np.int32)
    places += np.repeat(starts[:-1][codes] - ends[:-1], each)
    return pa.ListArray.from_arrays(pa.array(ends), coded(flat[places], words))
