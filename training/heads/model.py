"""The EAGLE-3 head while it learns: the weights of speculators' own model, with a forward pass made for a CPU.

`speculators.models.eagle3.Eagle3DraftModel` holds the weights, so what is trained is what is exported, name by name.
Its forward packs conversations into one sequence with a dense mask; the one here batches them instead and keeps the
attention to the head's own earlier guesses as one number a row, which is what makes training-time test affordable.
`tests/test_training_heads.py` compares it with what vLLM computes.
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


class Unrolled:
    """A head unrolled over a batch: each `step()` guesses one token further, from the head's own last states.

    B conversations of T rows, hidden size H. Row t starts from the verifier's state at position t and the token at
    t + 1, so after k steps its output guesses the token at t + 1 + k.
    """

    def __init__(self, draft: Any, aux: Tensor) -> None:
        """`aux` (B, T, A * H): the auxiliary states, padded on the right."""
        self.draft = draft
        if draft.fc_norm is not None:
            chunks = aux.chunk(len(draft.fc_norm), dim=-1)
            aux = torch.cat([norm(chunk) for norm, chunk in zip(draft.fc_norm, chunks, strict=True)], dim=-1)
        self.state = draft.fc(aux)
        length = aux.shape[1]
        self.blocked = torch.ones(length, length, dtype=torch.bool).triu(1)
        self.keys: list[Tensor] = []
        self.values: list[Tensor] = []

    def step(self, ids: Tensor) -> Tensor:
        """Feed token `ids` (B, T) and return the states (B, T, H) whose norm goes into the output matrix."""
        layer = self.draft.layers[0]
        hidden = layer.hidden_norm(self.state)
        residual = hidden if layer.norm_before_residual else self.state
        both = torch.cat([layer.input_layernorm(self.draft.embed_tokens(ids)), hidden], dim=-1)
        hidden = residual + layer.self_attn.o_proj(self._attend(layer.self_attn, both))
        self.state = hidden + layer.mlp(layer.post_attention_layernorm(hidden))
        normed: Tensor = self.draft.norm(self.state)
        if self.draft.config.norm_output:
            self.state = normed
        return normed

    def _attend(self, attention: Any, both: Tensor) -> Tensor:
        """Attend to the rows up to one's own of the first step, and to one's own row of each later step."""
        batch, length, _ = both.shape
        query, key, value = (
            project(both).view(batch, length, -1, attention.head_dim).transpose(1, 2)
            for project in (attention.q_proj, attention.k_proj, attention.v_proj)
        )
        positions = torch.arange(length)[None] + len(self.keys)
        cos, sin = self.draft.rotary_emb(both, positions)
        groups = attention.num_key_value_groups
        query = rotate(query, cos, sin) * attention.scaling
        self.keys.append(rotate(key, cos, sin).repeat_interleave(groups, 1))
        self.values.append(value.repeat_interleave(groups, 1))
        scores = (query @ self.keys[0].transpose(2, 3)).masked_fill(self.blocked, -torch.inf)
        own = [(query * key).sum(-1, keepdim=True) for key in self.keys[1:]]
        weights = torch.cat([scores, *own], dim=-1).softmax(dim=-1)
        mixed = weights[..., :length] @ self.values[0]
        for number, later in enumerate(self.values[1:]):
            mixed = mixed + weights[..., length + number, None] * later
        return mixed.transpose(1, 2).reshape(batch, length, -1)


def rotate(x: Tensor, cos: Tensor, sin: Tensor) -> Tensor:
    """Rotate x (B, heads, T, D) by its positions; cos and sin are (1, T, D)."""
    first, second = x.chunk(2, dim=-1)
    return x * cos[:, None] + torch.cat([-second, first], dim=-1) * sin[:, None]


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
