"""What is trained is what vLLM runs: the forward pass in `training/`, against the numbers in a real recording."""

import pytest

from eagle3_viz import bundled
from eagle3_viz.events import Sampling
from eagle3_viz.sources.base import Request, record
from eagle3_viz.sources.vllm_engine import VllmSource


@pytest.mark.engine
async def test_the_first_guess_is_the_one_that_vllm_makes(vllm_source: VllmSource, pair: bundled.Pair) -> None:
    import torch
    from safetensors.torch import load_file
    from transformers import LlamaForCausalLM

    from eagle3_viz.heads.unrolled import Unrolled
    from training.heads import model
    from training.smollm2 import settings

    question = [{"role": "user", "content": "How does a bicycle stay upright?"}]
    asked = Request(request_id="r", messages=question, sampling=Sampling(max_tokens=40))
    seen = (await record(vllm_source, [asked])).requests["r"]
    ids = torch.tensor([[*seen.started.token_ids, *seen.output_token_ids]])

    weights: dict[str, torch.Tensor] = {}
    for shard in sorted(pair.speculator.glob("*.safetensors")):
        weights |= load_file(shard)
    draft_ids = weights["d2t"] + torch.arange(len(weights["d2t"]))
    verifier = LlamaForCausalLM.from_pretrained(pair.verifier, dtype=torch.float32).eval()
    shape = model.HeadShape(settings.AUX_LAYERS, intermediate_size=len(weights["layers.0.mlp.gate_proj.weight"]))
    draft = model.build(verifier, settings.VERIFIER_ID, draft_ids, shape)
    missing, unexpected = draft.load_state_dict(weights, strict=False)
    assert unexpected == []
    assert all(name.startswith(("embed_tokens", "verifier_")) for name in missing)

    with torch.inference_mode():
        states = verifier.model(ids, output_hidden_states=True).hidden_states
        aux = torch.cat([states[layer] for layer in settings.AUX_LAYERS], dim=-1)
        guesses = draft.lm_head(Unrolled(draft, aux).step(ids.roll(-1, 1)))[0].log_softmax(-1)

    judged = [step for step in seen.steps if step.proposed]
    assert len(judged) > 10
    for step in judged:
        # The token at P is guessed from the verifier's state at P - 2 and the token at P - 1.
        row = guesses[len(seen.started.token_ids) + step.output_start - 2]
        first = step.proposed[0]
        assert first.id == draft_ids[row.argmax()]
        assert first.logprob == pytest.approx(float(row.max()), abs=1e-3)
        best = row.topk(len(first.top))
        assert [token for token, _ in first.top] == draft_ids[best.indices].tolist()
        assert [logprob for _, logprob in first.top] == pytest.approx(best.values.tolist(), abs=1e-3)
