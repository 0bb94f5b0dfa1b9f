"""The head's shape: the reference's, a single Llama 3 layer over three auxiliary states, with the whole vocabulary."""

from typing import Any

from training.heads import model
from training.tiny_llama4 import settings
from training.tiny_llama4.architecture import ROPE_THETA

SHAPE = model.HeadShape(
    settings.AUX_LAYERS,
    intermediate_size=384,
    norm_before_residual=False,
    fc_norm=False,
    rope_parameters={
        "rope_type": "llama3",
        "rope_theta": ROPE_THETA,
        "factor": 2.0,
        "low_freq_factor": 1.0,
        "high_freq_factor": 4.0,
        "original_max_position_embeddings": settings.CONTEXT // 2,
    },
    architecture="Llama4ForConditionalGeneration",
)


def build(verifier: Any) -> Any:
    """Return an untrained head for the `Llama4ForConditionalGeneration` verifier."""
    import torch

    return model.build(verifier.language_model, settings.NAME, torch.arange(settings.VOCAB_SIZE), SHAPE)
