"""Conversations as token ids, with the picture's place and the tokens that the verifier learns to write."""

import random
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor

from training.tiny_llama4 import settings
from training.tiny_llama4.conversations import Conversation

IMAGE_TOKENS = settings.GRID**2
# What Llama4Processor puts in place of a picture of one tile.
IMAGE_TEXT = "<|image_start|><|image|>" + "<|patch|>" * IMAGE_TOKENS + "<|image_end|>"
TEXT_FIRST = 0.1  # share of prompts in which the picture comes behind the question


@dataclass(frozen=True)
class Encoded:
    """Token `ids`, and for each whether it belongs to an answer (its end-of-turn included)."""

    ids: list[int]
    written: list[bool]


def header(role: str) -> str:
    """Return what the chat template puts before a message."""
    return f"<|header_start|>{role}<|header_end|>\n\n"


def prompt_of(question: str, with_image: bool, text_first: bool = False) -> str:
    """Return one user's turn and the header of the answer, without the begin token."""
    image = IMAGE_TEXT if with_image else ""
    content = question + image if text_first else image + question
    return f"{header('user')}{content}<|eot|>{header('assistant')}"


def encode(tokenizer: Any, conversation: Conversation, rng: random.Random) -> Encoded:
    """Encode with a `tokenizers.Tokenizer`; the picture is part of the first turn."""
    ids, written = [settings.BEGIN], [False]
    for number, exchange in enumerate(conversation.exchanges):
        with_image = number == 0 and conversation.scene is not None
        prompt = prompt_of(exchange.question, with_image, rng.random() < TEXT_FIRST)
        for text, answered in ((prompt, False), (exchange.answer + "<|eot|>", True)):
            found = tokenizer.encode(text, add_special_tokens=False).ids
            ids += found
            written += [answered] * len(found)
    return Encoded(ids, written)


def collate(encoded: list[Encoded]) -> tuple[Tensor, Tensor]:
    """Pad on the right: ids (B, T), and labels (B, T), the id that comes next where it is to be learnt, else -100."""
    length = max(len(one.ids) for one in encoded)
    ids = torch.full((len(encoded), length), settings.PAD)
    labels = torch.full((len(encoded), length), -100)
    for row, one in enumerate(encoded):
        ids[row, : len(one.ids)] = torch.tensor(one.ids)
        following = [token if wanted else -100 for token, wanted in zip(one.ids[1:], one.written[1:], strict=True)]
        labels[row, : len(following)] = torch.tensor(following)
    return ids, labels
