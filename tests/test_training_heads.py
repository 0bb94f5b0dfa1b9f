"""What is trained is what vLLM runs, and what a trace tells is true: the numbers of real recordings, computed again.

The verifier is transformers' and the head the forward pass of `training/`: neither is vLLM's code or the probe's.
"""

import io
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from PIL import Image
from safetensors.torch import load_file

from eagle3_viz import bundled
from eagle3_viz.events import Judged, Proposed, Sampling, Step
from eagle3_viz.sources.base import Request, record
from eagle3_viz.sources.vllm_engine import VllmSource
from eagle3_viz.trace import RequestRecord
from tests.picturing import png

pytestmark = pytest.mark.engine

CLOSE = 1e-3
TEXT = [{"role": "user", "content": "How does a bicycle stay upright?"}]
SEEN = [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": "What do you see?"}]}]


@dataclass(frozen=True)
class Recomputed:
    """Natural log-probabilities over one request's tokens.

    `verifier` (T, V): row t tells of the token at t + 1. `drafts` K of (T, V_draft): row t of number k tells of the
    token at t + 2 + k, after the proposals of the step that starts there. `draft_ids` (V_draft,): ids in the verifier.
    """

    verifier: Any
    drafts: list[Any]
    draft_ids: Any


def head(pair: bundled.Pair, causal: Any, shape: Any) -> tuple[Any, Any]:
    """The head that ships, on its verifier's embeddings, and the verifier's ids of its vocabulary."""
    import torch

    from training.heads import model

    weights: dict[str, Any] = {}
    for shard in sorted(pair.speculator.glob("*.safetensors")):
        weights |= load_file(shard)
    size = len(weights["lm_head.weight"])
    draft_ids = torch.arange(size) + weights.get("d2t", 0)
    draft = model.build(causal, "verifier", draft_ids, shape)
    missing, unexpected = draft.load_state_dict(weights, strict=False)
    assert unexpected == []
    assert all(name.startswith(("embed_tokens", "verifier_")) for name in missing)
    return draft, draft_ids


def recomputed(pair: bundled.Pair, seen: RequestRecord, image: bytes | None) -> Recomputed:
    """Run verifier and head over what `seen` recorded."""
    import torch
    from transformers import AutoProcessor, Llama4ForConditionalGeneration, LlamaForCausalLM

    from eagle3_viz.heads.unrolled import Unrolled
    from training.heads import model

    config = json.loads(Path(pair.speculator, "config.json").read_text())
    shape = model.HeadShape(
        tuple(config["eagle_aux_hidden_state_layer_ids"]),
        config["transformer_layer_config"]["intermediate_size"],
        norm_before_residual=config["norm_before_residual"],
        fc_norm=config["fc_norm"],
        rope_parameters=config["transformer_layer_config"]["rope_parameters"],
    )
    ids = torch.tensor([[*seen.started.token_ids, *seen.output_token_ids]])
    more = {}
    if image is None:
        verifier: Any = LlamaForCausalLM if pair.name == "smollm2-135m" else Llama4ForConditionalGeneration
    else:
        verifier = Llama4ForConditionalGeneration
        processor = AutoProcessor.from_pretrained(pair.verifier)
        found = processor(images=[Image.open(io.BytesIO(image))], text="<|image|>", return_tensors="pt")
        more["pixel_values"] = found["pixel_values"].float()
    whole = verifier.from_pretrained(pair.verifier, dtype=torch.float32).eval()
    causal = getattr(whole, "language_model", whole)
    draft, draft_ids = head(pair, causal, shape)
    with torch.inference_mode():
        out = whole(ids, output_hidden_states=True, **more)
        aux = torch.cat([out.hidden_states[layer] for layer in shape.aux_layers], dim=-1)
        unrolled = Unrolled(draft, aux)
        fed = ids.roll(-1, 1)
        drafts = []
        for k in range(max(len(step.proposed) for step in seen.steps)):
            drafts.append(draft.lm_head(unrolled.step(fed))[0].log_softmax(-1))
            for step in proposing(seen):
                fed[0, first_row(seen, step)] = step.proposed[k].id
        return Recomputed(out.logits[0].log_softmax(-1), drafts, draft_ids)


def proposing(seen: RequestRecord) -> list[Step]:
    """The steps with a proposal."""
    return [step for step in seen.steps if step.proposed]


def first_row(seen: RequestRecord, step: Step) -> int:
    """The row from which the step's first proposal is guessed: two before its place."""
    return len(seen.started.token_ids) + step.output_start - 2


def assert_told(told: Proposed | Judged, row: Any, ids: Any) -> None:
    """What a trace tells at a place is `row`, log-probabilities of the tokens `ids`."""
    best = row.topk(len(told.top))
    assert len(told.top) == 5
    assert [logprob for _, logprob in told.top] == pytest.approx(best.values.tolist(), abs=CLOSE)
    at = {int(token): number for number, token in enumerate(ids)}
    assert [float(row[at[token]]) for token, _ in told.top] == pytest.approx(best.values.tolist(), abs=CLOSE)
    assert told.entropy == pytest.approx(float(-(row.exp() * row).sum()), abs=CLOSE)


def assert_true(seen: RequestRecord, again: Recomputed) -> None:
    """Every number of both sides is the recomputed one."""
    everything = range(again.verifier.shape[-1])
    assert len(proposing(seen)) > 3
    for step in proposing(seen):
        start = first_row(seen, step)
        for k, proposed in enumerate(step.proposed):
            row = again.drafts[k][start]
            assert_told(proposed, row, again.draft_ids)
            place = (again.draft_ids == proposed.id).nonzero().item()
            assert proposed.logprob == pytest.approx(float(row[place]), abs=CLOSE)
        kept = step.emitted[: len(step.emitted) - step.num_cut]
        for number, (judged, emitted) in enumerate(zip(step.verifier, kept, strict=False)):
            row = again.verifier[start + 1 + number]
            assert_told(judged, row, everything)
            assert judged.emitted_logprob == pytest.approx(float(row[emitted]), abs=CLOSE)


@pytest.mark.parametrize("temperature", [0.0, 0.8])
async def test_a_text_run_of_the_pair_that_reads(
    vllm_source: VllmSource, pair: bundled.Pair, temperature: float
) -> None:
    seen = await recorded(vllm_source, TEXT, (), temperature)
    assert_true(seen, recomputed(pair, seen, None))


@pytest.mark.parametrize(("messages", "images"), [(TEXT, ()), (SEEN, (png(90, 60),))], ids=["text", "image"])
async def test_a_run_of_the_pair_that_sees(
    seeing_source: VllmSource, messages: list[dict[str, Any]], images: tuple[bytes, ...]
) -> None:
    seen = await recorded(seeing_source, messages, images, 0.0)
    assert_true(seen, recomputed(bundled.get("tiny-llama4"), seen, *(images or (None,))))


async def recorded(
    source: VllmSource, messages: list[dict[str, Any]], images: Iterable[bytes], temperature: float
) -> RequestRecord:
    """One recorded request."""
    sampling = Sampling(max_tokens=40, temperature=temperature, ignore_eos=True)
    request = Request(request_id="r", messages=messages, images=tuple(images), sampling=sampling, top_logprobs=5)
    return (await record(source, [request])).requests["r"]
