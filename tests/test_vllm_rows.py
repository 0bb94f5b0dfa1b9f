"""What is kept of a distribution, against torch's own word for it."""

import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from eagle3_viz.sources.vllm_rows import BLOCK, facts, index_on, largest


@pytest.mark.parametrize("vocabulary", [49_152, 202_048, 4_096, 1_000, 50_257])
@pytest.mark.parametrize("k", [1, 5, 20])
def test_the_largest_are_those_of_topk(vocabulary: int, k: int) -> None:
    rows = torch.randn(4, vocabulary, generator=torch.Generator().manual_seed(k))
    values, indices = largest(rows, k)
    theirs = rows.topk(k, dim=1)
    assert values.tolist() == theirs.values.tolist()
    assert indices.tolist() == theirs.indices.tolist()


@settings(max_examples=30, deadline=None)
@given(st.integers(0, 2**32), st.integers(1, 20), st.integers(21, 80))
def test_equal_entries_are_no_trouble(seed: int, k: int, blocks: int) -> None:
    rows = torch.randint(0, 5, (3, BLOCK * blocks), generator=torch.Generator().manual_seed(seed)).float()
    values, indices = largest(rows, k)
    assert values.tolist() == rows.topk(k, dim=1).values.tolist()
    assert rows.gather(1, indices).tolist() == values.tolist()
    assert all(len(set(row)) == k for row in indices.tolist())


@pytest.mark.parametrize("dtype", [torch.float32, torch.bfloat16])
@pytest.mark.parametrize("most", [0, 5])
@pytest.mark.parametrize("vocabulary", [1_024, 49_152])
def test_facts_are_those_of_the_log_softmax(dtype: torch.dtype, most: int, vocabulary: int) -> None:
    logits = (torch.randn(6, vocabulary, generator=torch.Generator().manual_seed(1)) * 4).to(dtype)
    logits[1, 100:] = float("-inf")  # a head with few tokens of its own, or a mask
    ids = torch.tensor([[3, 5], [7, 9], [0, 1], [1, 2], [4, 4], [vocabulary - 1, 8]])
    theirs = logits.float().log_softmax(1)
    found = facts(logits, ids, most)
    assert torch.allclose(found.logprobs, theirs.gather(1, ids), atol=1e-4)
    assert torch.allclose(found.entropy, torch.special.entr(theirs.exp()).sum(1), atol=1e-3)
    assert torch.allclose(found.top_logprobs, theirs.topk(most, dim=1).values, atol=1e-4)
    assert found.top_ids.shape == (6, most)


def test_indices_are_whole_numbers_even_where_there_are_none() -> None:
    assert index_on(torch.device("cpu"), []).dtype == torch.int64
