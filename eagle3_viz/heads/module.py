"""An EAGLE-3 head as a module of transformers' own parts, from a checkpoint and the settings to run it with.

Modules of one checkpoint share its tensors, so that a head can be tried under other settings at no cost.
"""

from collections.abc import Mapping
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import torch
from torch import Tensor, nn

from eagle3_viz.doctor import reading
from eagle3_viz.doctor.facts import Facts
from eagle3_viz.errors import InputError


@dataclass(frozen=True)
class Settings:
    """What decides how a checkpoint is run, beside its weights.

    Attributes:
        aux_layers: ascending ids of the verifier's layers whose inputs feed the head.
        norm_before_residual, fc_norm, norm_before_fc, norm_output: as in vLLM.
        rope: rotary parameters, as transformers takes them.
        draft_ids: int64 (V_draft,), the verifier's id of each draft id; None: they are the same.
    """

    aux_layers: tuple[int, ...]
    norm_before_residual: bool
    fc_norm: bool
    norm_before_fc: bool
    norm_output: bool
    rope: Mapping[str, Any]
    draft_ids: Tensor | None


@dataclass(frozen=True)
class Checkpoint:
    """A head's tensors, named as in Speculators format, and its layer's config."""

    tensors: Mapping[str, Tensor]
    layer: Mapping[str, Any]

    def module(self, settings: Settings) -> "Head":
        """The head under these settings.

        Raises:
            InputError: it needs tensors that are not there.
        """
        head = Head(self.layer, settings, len(self.tensors["lm_head.weight"]))
        wanted = {name for name, _ in head.named_parameters()}
        missing = [name for name in wanted - set(self.tensors) if "norm" not in name]
        if missing:
            raise InputError(f"the head's checkpoint has no {sorted(missing)[0]}: export it whole")
        ones = {name: torch.ones(len(self.tensors["norm.weight"])) for name in wanted - set(self.tensors)}
        if "input_norm.weight" in ones:
            ones["input_norm.weight"] = torch.ones(self.tensors["fc.weight"].shape[1])
        try:
            head.load_state_dict({**ones, **{n: self.tensors[n] for n in wanted & set(self.tensors)}}, assign=True)
        except RuntimeError as error:
            raise InputError(
                f"the head's tensors do not fit its config: {str(error).splitlines()[-1].strip()}"
            ) from error
        return head.to(self.tensors["fc.weight"].device).eval().requires_grad_(False)


class Head(nn.Module):
    """One layer, with the names of speculators' `Eagle3DraftModel`."""

    def __init__(self, layer: Mapping[str, Any], settings: Settings, draft_vocabulary: int) -> None:
        from transformers import LlamaConfig
        from transformers.models.llama.modeling_llama import LlamaRMSNorm, LlamaRotaryEmbedding

        super().__init__()
        kept = {
            name: value for name, value in layer.items() if name not in ("rope_scaling", "rope_theta", "model_type")
        }
        config = LlamaConfig(**{**kept, "rope_parameters": dict(settings.rope)})
        hidden, eps, count = config.hidden_size, config.rms_norm_eps, len(settings.aux_layers)
        self.config = SimpleNamespace(norm_output=settings.norm_output)
        self.rotary_emb = LlamaRotaryEmbedding(config)
        with torch.device("meta"):  # weights are the checkpoint's own
            self.embed_tokens = nn.Embedding(config.vocab_size, hidden)
            self.fc = nn.Linear(count * hidden, hidden, bias=False)
            norms = nn.ModuleList(LlamaRMSNorm(hidden, eps) for _ in range(count))
            self.fc_norm = norms if settings.fc_norm else None
            self.input_norm = LlamaRMSNorm(count * hidden, eps) if settings.norm_before_fc else None
            self.layers = nn.ModuleList([Layer(config, settings, qwen=layer.get("model_type") == "qwen3")])
            self.norm = LlamaRMSNorm(hidden, eps)
            self.lm_head = nn.Linear(hidden, draft_vocabulary, bias=False)


class Layer(nn.Module):
    """The decoder layer, which takes an embedding and a state side by side."""

    def __init__(self, config: Any, settings: Settings, *, qwen: bool) -> None:
        from transformers.models.llama.modeling_llama import LlamaAttention, LlamaMLP, LlamaRMSNorm

        super().__init__()
        hidden, eps = config.hidden_size, config.rms_norm_eps
        self.norm_before_residual = settings.norm_before_residual
        self.input_layernorm = LlamaRMSNorm(hidden, eps)
        self.hidden_norm = LlamaRMSNorm(hidden, eps)
        self.post_attention_layernorm = LlamaRMSNorm(hidden, eps)
        self.self_attn = LlamaAttention(config, layer_idx=0)
        self.mlp = LlamaMLP(config)
        size = self.self_attn.head_dim
        for name, number in (
            ("q_proj", config.num_attention_heads),
            ("k_proj", config.num_key_value_heads),
            ("v_proj", config.num_key_value_heads),
        ):
            setattr(self.self_attn, name, nn.Linear(2 * hidden, number * size, bias=config.attention_bias))
        if qwen:
            self.self_attn.q_norm = LlamaRMSNorm(size, eps)
            self.self_attn.k_norm = LlamaRMSNorm(size, eps)


def load(folder: Path, facts: Facts, verifier: Any) -> Checkpoint:
    """Read a head's weights in float32 (on a GPU: in the verifier's dtype). What it lacks of embeddings and output
    matrix is `verifier`'s, as in vLLM.

    Raises:
        InputError: there are no safetensors, or the head has more than one layer.
    """
    from safetensors.torch import load_file

    if facts.layer.get("num_hidden_layers", 1) != 1:
        raise InputError("the head has more than one layer: only heads of one layer can be looked into")
    if facts.tensors is None:
        raise InputError(f"{folder} has no safetensors: give a folder with the head's weights")
    embeddings = verifier.get_input_embeddings().weight.detach()
    like = {"dtype": embeddings.dtype, "device": embeddings.device}
    tensors = {
        name.removeprefix("model.").replace("midlayer.", "layers.0."): value.to(**like)
        for path in sorted(folder.glob("*.safetensors"))
        for name, value in load_file(path).items()
        if value.is_floating_point()
    }
    tensors.setdefault("embed_tokens.weight", embeddings)
    tensors.setdefault("lm_head.weight", verifier.get_output_embeddings().weight.detach())
    return Checkpoint(tensors, facts.layer)


def as_configured(facts: Facts) -> Settings:
    """The settings that vLLM runs a head with.

    Raises:
        InputError: they cannot run: another number of layers than fc takes, or an id outside the verifier.
    """
    taken = reading.layers(facts).fed
    if taken is None:
        raise InputError("the head names no auxiliary layers and its verifier is not known: name the verifier")
    width, state = facts.shape("fc.weight"), facts.head.get("target_hidden_size") or facts.hidden
    if width and state and width[1] != len(taken) * state:
        raise InputError(f"the head's fc takes {width[1] / state:g} states and {list(taken)} are fed: see `doctor`")
    if facts.depth is not None and not all(0 <= layer <= facts.depth for layer in taken):
        raise InputError(f"the verifier has {facts.depth} layers and the head names {list(taken)}: see `doctor`")
    return Settings(
        aux_layers=taken,
        norm_before_residual=reading.norm_before_residual(facts),
        fc_norm=bool(facts.head.get("fc_norm")),
        norm_before_fc=reading.norm_before_fc(facts),
        norm_output=bool(facts.head.get("norm_output")),
        rope=reading.rope(facts.layer).parameters(),
        draft_ids=draft_ids(facts),
    )


def draft_ids(facts: Facts) -> Tensor | None:
    """The verifier's ids as vLLM reads d2t: without one, draft ids are taken for the verifier's."""
    size = facts.draft_vocabulary
    if size is None or size == facts.vocabulary:
        return None
    d2t = facts.maps.get("d2t")
    plain = torch.arange(size)
    return plain if d2t is None else (plain + torch.from_numpy(d2t).long()).clamp(0, (facts.vocabulary or size) - 1)


def changed(settings: Settings, **changes: Any) -> Settings:
    """The settings with something else."""
    return replace(settings, **changes)
