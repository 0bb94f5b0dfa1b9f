"""Writes a trained head as it ships: Speculators format, half precision, without what the verifier has, small files."""

import json
from pathlib import Path
from typing import Any

import torch

MAX_SHARD = "9.5MB"  # plain git hosts take files up to 10 MB
# vLLM shares the verifier's embeddings with a head that has none; the other two are only for training.
LEFT_OUT = ("embed_tokens.", "verifier_lm_head.", "verifier_norm.")


def export(draft: Any, folder: Path) -> None:
    """Write config.json and safetensors of the speculators model `draft` into `folder`."""
    from huggingface_hub import save_torch_state_dict

    folder.mkdir(parents=True, exist_ok=True)
    for old in folder.glob("*.safetensors*"):
        old.unlink()
    weights = {
        name: value.half() if value.is_floating_point() else value
        for name, value in draft.state_dict().items()
        if not name.startswith(LEFT_OUT)
    }
    save_torch_state_dict(
        {name: value.contiguous() for name, value in weights.items()}, folder, max_shard_size=MAX_SHARD
    )
    config = draft.config.to_diff_dict() | {
        "dtype": str(torch.float16).removeprefix("torch."),
        "architectures": ["Eagle3DraftModel"],
    }
    config.pop("auto_map", None)  # would name a Python file that a loader then runs
    (folder / "config.json").write_text(json.dumps(config, indent=2, sort_keys=True, default=str) + "\n")
