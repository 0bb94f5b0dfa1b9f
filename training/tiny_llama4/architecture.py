"""The verifier: `Llama4ForConditionalGeneration` in miniature, and how it is written to disk."""

import json
from pathlib import Path
from typing import Any

from training.tiny_llama4 import settings

MAX_SHARD = "9MB"  # plain git hosts take files up to 10 MB
HEADS = {"num_attention_heads": 6, "num_key_value_heads": 2, "head_dim": 32}
ROPE_THETA = 10_000.0


def text_config() -> dict[str, Any]:
    """Six layers: mixtures of experts in every other one, no rotary positions in every third."""
    return {
        "vocab_size": settings.VOCAB_SIZE,
        "hidden_size": 192,
        "num_hidden_layers": 6,
        **HEADS,
        "intermediate_size": 256,
        "intermediate_size_mlp": 512,
        "num_local_experts": 4,
        "num_experts_per_tok": 1,
        "interleave_moe_layer_step": 2,
        "no_rope_layer_interval": 3,
        "use_qk_norm": False,
        "attention_chunk_size": 8192,
        "attn_temperature_tuning": False,
        "max_position_embeddings": settings.CONTEXT,
        "rope_parameters": {"rope_type": "default", "rope_theta": ROPE_THETA},
        "bos_token_id": settings.BEGIN,
        "eos_token_id": [settings.END_OF_TEXT, settings.END_OF_TURN],
        "pad_token_id": settings.PAD,
    }


def vision_config() -> dict[str, Any]:
    """Four layers over 10 x 10 patches; the adapter takes four patches together."""
    hidden = 128
    return {
        "hidden_size": hidden,
        "num_hidden_layers": 4,
        "num_attention_heads": 4,
        "intermediate_size": 4 * hidden,  # also the adapter's input, four patches wide
        "image_size": settings.IMAGE_SIZE,
        "patch_size": settings.PATCH_SIZE,
        "pixel_shuffle_ratio": 0.5,
        "projector_input_dim": 192,
        "projector_output_dim": 192,
        "vision_output_dim": 192,
        "rope_parameters": {"rope_type": "default", "rope_theta": ROPE_THETA},
    }


def build() -> Any:
    """Return an untrained verifier, its weights drawn from torch's generator."""
    from transformers import Llama4Config, Llama4ForConditionalGeneration

    config = Llama4Config(
        text_config=text_config(),
        vision_config=vision_config(),
        boi_token_index=settings.IMAGE_START,
        eoi_token_index=settings.IMAGE_END,
        image_token_index=settings.PATCH,
    )
    return Llama4ForConditionalGeneration(config)


def save(model: Any, folder: Path) -> None:
    """Write config, generation config and half precision weights into `folder`, which has the tokenizer already."""
    import torch

    for old in folder.glob("*.safetensors*"):
        old.unlink()
    model.generation_config.eos_token_id = [settings.END_OF_TEXT, settings.END_OF_TURN]
    model.generation_config.bos_token_id = settings.BEGIN
    model.generation_config.pad_token_id = settings.PAD
    halves = {name: value.to(torch.bfloat16) for name, value in model.state_dict().items()}
    model.save_pretrained(folder, state_dict=halves, max_shard_size=MAX_SHARD)
    path = folder / "config.json"
    config = json.loads(path.read_text()) | {"dtype": "bfloat16"}
    path.write_text(json.dumps(config, indent=2, sort_keys=True) + "\n")
