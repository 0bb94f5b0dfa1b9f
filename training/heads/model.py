"""The EAGLE-3 head while it learns: the weights of speculators' own model, with a forward pass made for a CPU.

`speculators.models.eagle3.Eagle3DraftModel` holds the weights, so what is trained is what is exported, name by name.
Its forward packs conversations into one sequence with a dense mask; `eagle3_viz.heads.unrolled`, which learns here,
batches them instead, and that is what makes training-time test affordable.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor
from torch.nn import functional


@dataclass(frozen=True)
class HeadShape:
    """What of a head is ours to choose; the rest follows from its verifier."""

    aux_layers: tuple[int, ...]
    intermediate_size: int
    norm_before_residual: bool = True
    fc_norm: bool = True
    num_speculative_tokens: int = 3
    rope_parameters: dict[str, Any] | None = None  # None: the verifier's
    architecture: str = "LlamaForCausalLM"  # of the whole verifier, where the causal LM is only a part of it


def build(verifier: Any, verifier_id: str, draft_ids: Tensor, shape: HeadShape) -> Any:
    """Return an untrained head (`Eagle3DraftModel`) for the transformers causal LM `verifier`.

    `draft_ids` int64 (V_draft,): the ascending verifier ids that the head can propose. Embeddings, output matrix and
    final norm are the verifier's and stay so. fc passes the last auxiliary state through and the layer's output
    projections start near zero: from a random start the head hardly learns in the same time.
    """
    from speculators.models.eagle3 import Eagle3DraftModel

    config = verifier.config
    draft = Eagle3DraftModel(speculator_config(config, verifier_id, len(draft_ids), shape))
    reduced = len(draft_ids) != config.vocab_size
    if reduced:
        t2d = torch.zeros(config.vocab_size, dtype=torch.bool)
        t2d[draft_ids] = True
        draft.load_vocab_mappings(t2d, draft_ids - torch.arange(len(draft_ids)))
    with torch.no_grad():
        draft.embed_tokens.weight.copy_(verifier.get_input_embeddings().weight)
        for matrix in (draft.lm_head, draft.verifier_lm_head):
            matrix.weight.copy_(verifier.get_output_embeddings().weight[draft_ids])
        for norm in (draft.norm, draft.verifier_norm):
            norm.weight.copy_(verifier.model.norm.weight)
        hidden = config.hidden_size
        draft.fc.weight.normal_(std=0.002)
        draft.fc.weight[:, -hidden:] += torch.eye(hidden)
        layer = draft.layers[0]
        for linear in (layer.self_attn.o_proj, layer.mlp.down_proj):
            linear.weight.mul_(0.1)
    for frozen in (draft.embed_tokens, draft.lm_head, draft.verifier_lm_head, draft.norm, draft.verifier_norm):
        frozen.requires_grad_(False)
    return draft


def speculator_config(verifier: Any, verifier_id: str, draft_vocab_size: int, shape: HeadShape) -> Any:
    """Return the `Eagle3SpeculatorConfig` of a single Llama layer for the verifier with this transformers config."""
    from speculators.config import SpeculatorsConfig, VerifierConfig
    from speculators.models.eagle3 import Eagle3SpeculatorConfig
    from speculators.proposals.greedy import GreedyTokenProposalConfig
    from transformers import LlamaConfig

    inherited = (
        "vocab_size", "hidden_size", "num_attention_heads", "num_key_value_heads", "head_dim", "hidden_act",
        "max_position_embeddings", "rms_norm_eps", "rope_parameters", "bos_token_id", "eos_token_id",
    )  # fmt: skip
    taken = {name: getattr(verifier, name) for name in inherited}
    if shape.rope_parameters:
        taken["rope_parameters"] = shape.rope_parameters
    layer = LlamaConfig(
        **taken,
        intermediate_size=shape.intermediate_size,
        num_hidden_layers=1,
        tie_word_embeddings=False,
    )
    layer._attn_implementation = "eager"
    return Eagle3SpeculatorConfig(
        transformer_layer_config=layer,
        draft_vocab_size=draft_vocab_size,
        norm_before_residual=shape.norm_before_residual,
        fc_norm=shape.fc_norm,
        eagle_aux_hidden_state_layer_ids=list(shape.aux_layers),
        speculators_config=SpeculatorsConfig(
            algorithm="eagle3",
            proposal_methods=[GreedyTokenProposalConfig(speculative_tokens=shape.num_speculative_tokens)],
            default_proposal_method="greedy",
            verifier=VerifierConfig(name_or_path=verifier_id, architectures=[shape.architecture]),
        ),
    )


class SoftCrossEntropy(torch.autograd.Function):
    """Sum over rows of the cross-entropy of `softmax(states @ matrix.T)` against given probabilities.

    The matrix is frozen, so the gradient of the states is computed at once and the logits (the largest tensor of a
    step) never outlive this call.
    """

    @staticmethod
    def forward(ctx: Any, states: Tensor, matrix: Tensor, targets: Tensor) -> tuple[Tensor, Tensor]:
        """states (N, H), matrix (V, H), targets (N, V) -> the loss () and the most likely draft ids (N,)."""
        logits = functional.linear(states, matrix).float()
        guesses = logits.argmax(-1)
        logits = logits.log_softmax(-1)
        loss = -torch.dot(targets.flatten(), logits.flatten())
        ctx.save_for_backward((logits.exp_().sub_(targets)) @ matrix)
        ctx.mark_non_differentiable(guesses)
        return loss, guesses

    @staticmethod
    def backward(ctx: Any, *grads: Tensor) -> tuple[Tensor | None, ...]:
        """Scale the stored gradient of the states."""
        (gradient,) = ctx.saved_tensors
        return gradient * grads[0], None, None


def pad(tensors: Sequence[Tensor]) -> Tensor:
    """Stack tensors of different lengths, with zeros on the right."""
    return torch.nn.utils.rnn.pad_sequence(list(tensors), batch_first=True)
