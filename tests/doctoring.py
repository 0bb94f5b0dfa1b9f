"""Heads and verifiers for tests of the doctor, as files without weights."""

import json
from pathlib import Path
from typing import Any

# The published reference: the fields that matter here.
REFERENCE: dict[str, Any] = {
    "architectures": ["Eagle3Speculator"],
    "draft_vocab_size": 202_048,
    "eagle_aux_hidden_state_layer_ids": [1, 23, 44],
    "norm_before_residual": False,
    "speculators_config": {
        "algorithm": "eagle3",
        "proposal_methods": [{"proposal_type": "greedy", "speculative_tokens": 3}],
        "verifier": {
            "architectures": ["Llama4ForConditionalGeneration"],
            "name_or_path": "RedHatAI/Llama-4-Maverick-17B-128E-Instruct-quantized.w4a16",
        },
    },
    "speculators_model_type": "eagle3",
    "transformer_layer_config": {
        "head_dim": 128,
        "hidden_size": 5120,
        "max_position_embeddings": 131_072,
        "model_type": "llama",
        "num_attention_heads": 40,
        "num_hidden_layers": 1,
        "num_key_value_heads": 8,
        "rope_scaling": {"factor": 8.0, "rope_type": "llama3"},
        "rope_theta": 500_000.0,
        "vocab_size": 202_048,
    },
    "use_aux_hidden_state": True,
}
MAVERICK: dict[str, Any] = {
    "architectures": ["Llama4ForConditionalGeneration"],
    "model_type": "llama4",
    "text_config": {
        "hidden_size": 5120,
        "max_position_embeddings": 1_048_576,
        "num_hidden_layers": 48,
        "rope_theta": 500_000.0,
        "vocab_size": 202_048,
    },
}


def written(folder: Path, config: dict[str, Any]) -> str:
    """A folder with this config and nothing else."""
    folder.mkdir()
    (folder / "config.json").write_text(json.dumps(config), encoding="utf-8")
    return str(folder)
