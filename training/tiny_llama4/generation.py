"""The verifier's own answers, many at a time, and its hidden states over them; in transformers."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import Tensor

from training.heads.shards import Sample
from training.tiny_llama4 import encoding, pictures, settings, vision
from training.tiny_llama4.pictures import Picture

MAX_ANSWER = 160  # tokens


@dataclass(frozen=True)
class Asked:
    """A question about a picture, or about none."""

    question: str
    picture: Picture | None


class Answerer:
    """A verifier (`Llama4ForConditionalGeneration`) and its tokenizer."""

    def __init__(self, model: Any, folder: Path = settings.START) -> None:
        from tokenizers import Tokenizer

        from training.tiny_llama4 import quick

        quick.quicken(model)
        self.model = model.eval()
        self.tokenizer = Tokenizer.from_file(str(folder / "tokenizer.json"))

    def prompt(self, asked: Asked) -> list[int]:
        """Return the ids of a whole chat up to the answer's header, one PATCH for each image token."""
        text = encoding.prompt_of(asked.question, asked.picture is not None)
        return [settings.BEGIN, *self.tokenizer.encode(text, add_special_tokens=False).ids]

    @torch.inference_mode()
    def embeddings(self, ids: Tensor, batch: Sequence[Asked]) -> Tensor:
        """Return the input embeddings (B, T, H) of `ids` (B, T), the pictures' in place of their placeholders."""
        embedded: Tensor = self.model.language_model.model.embed_tokens(ids)
        frames = [asked.picture.frame for asked in batch if asked.picture]
        if not frames:
            return embedded
        seen = vision.features(self.model, pictures.pixel_values(torch.from_numpy(np.stack(frames))))
        return embedded.masked_scatter((ids == settings.PATCH)[..., None], seen)

    @torch.inference_mode()
    def answers(self, batch: Sequence[Asked], temperature: float) -> list[list[int]]:
        """Return the ids of an answer to each, its end token included; sampled, or the most likely ones at 0."""
        prompts = [self.prompt(asked) for asked in batch]
        longest = max(len(prompt) for prompt in prompts)
        ids = torch.tensor([[settings.PAD] * (longest - len(prompt)) + prompt for prompt in prompts])
        sampled = {"do_sample": True, "temperature": temperature, "top_k": 0} if temperature else {"do_sample": False}
        found = self.model.language_model.generate(
            inputs_embeds=self.embeddings(ids, batch),
            attention_mask=(ids != settings.PAD).long(),
            max_new_tokens=MAX_ANSWER,
            eos_token_id=settings.END_OF_TURN,
            pad_token_id=settings.PAD,
            **sampled,
        )
        return [[token for token in row if token != settings.PAD] for row in found.tolist()]

    def text(self, answer: Sequence[int]) -> str:
        """Return an answer's text."""
        return str(self.tokenizer.decode(list(answer)))

    @torch.inference_mode()
    def samples(self, batch: Sequence[Asked], answers: Sequence[list[int]]) -> list[Sample]:
        """Return what a head learns from: hidden states over prompts and answers.

        Padding is on the right, where causal attention keeps it from every real token, so no mask is needed.
        """
        prompts = [self.prompt(asked) for asked in batch]
        whole = [torch.tensor(prompt + answer) for prompt, answer in zip(prompts, answers, strict=True)]
        ids = torch.nn.utils.rnn.pad_sequence(whole, batch_first=True, padding_value=settings.PAD)
        output = self.model.language_model.model(
            inputs_embeds=self.embeddings(ids, batch), output_hidden_states=True, use_cache=False
        )
        aux = torch.cat([output.hidden_states[layer] for layer in settings.AUX_LAYERS], dim=-1)
        return [
            Sample(row, aux[i, : len(row)], output.last_hidden_state[i, : len(row)], len(prompts[i]))
            for i, row in enumerate(whole)
        ]
