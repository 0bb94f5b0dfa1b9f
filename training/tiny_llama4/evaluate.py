"""The figures of the model card: the bundled pair in plain vLLM, on pictures and prompts that training never saw.

    python -m training.evaluate --model tiny-llama4 [-k 1 2 3] [-t 0 0.8]

Exactness of each kind of question, ends, variety, pictures that others drew, equality with transformers, and acceptance
by position. Prints Markdown. Pictures are held out by their seed.
"""

import random
from collections.abc import Sequence
from typing import Any

from training.tiny_llama4 import conversations, drawing, questions, reading, scenes, talk
from training.tiny_llama4.foreign import Foreign, by_lot
from training.tiny_llama4.foreign import pictures as foreign_pictures
from training.tiny_llama4.questions import Exchange

MAX_TOKENS = 160
Chat = list[dict[str, Any]]


def chat(question: str, image: Any = None) -> Chat:
    """Return a user's turn as `vllm.LLM.chat` takes it; `image` from pillow."""
    if image is None:
        return [{"role": "user", "content": question}]
    content = [{"type": "image_pil", "image_pil": image}, {"type": "text", "text": question}]
    return [{"role": "user", "content": content}]


def held_out(kind: str | None, count: int) -> list[tuple[Exchange, Chat]]:
    """Return `count` questions of a kind (None: any), each about a picture of its own."""
    rng = random.Random(f"held out {kind}")
    found: list[tuple[Exchange, Chat]] = []
    while len(found) < count:
        scene = scenes.scene(rng)
        try:
            exchange = conversations.ask(rng, scene, kind)
        except ValueError:
            continue
        found.append((exchange, chat(exchange.question, drawing.draw(rng, scene)[0])))
    return found


def prompts_without_picture(count: int) -> list[Chat]:
    """Return `count` prompts that come without a picture."""
    rng = random.Random("held out talk")
    return [chat(talk.prompt(rng)) for _ in range(count)]


class Evaluation:
    """A running `vllm.LLM` and what is asked of it."""

    def __init__(self, llm: Any) -> None:
        self.llm = llm

    def answers(self, chats: Sequence[Chat], temperature: float = 0.0) -> list[Any]:
        """Return vLLM's completion for each chat."""
        from vllm import SamplingParams

        parameters = SamplingParams(temperature=temperature, max_tokens=MAX_TOKENS)
        outputs = self.llm.chat(list(chats), parameters, use_tqdm=False)
        return [output.outputs[0] for output in outputs]

    def exactness(self, count: int) -> list[str]:
        """Return table rows: for each scored kind how many of `count` answers say the right thing."""
        rows, ended, total = [], 0, 0
        for kind in questions.SCORED:
            asked = held_out(kind, count)
            found = self.answers([chat for _, chat in asked])
            right = sum(reading.is_right(e, a.text) for (e, _), a in zip(asked, found, strict=True))
            ended += sum(a.finish_reason == "stop" for a in found)
            total += len(found)
            rows.append(f"| {kind}: exactly right | {right} of {count} |")
        return [*rows, f"| of these, ended by an end-of-turn token | {ended} of {total} |"]

    def variety(self, count: int = 300) -> list[str]:
        """Return table rows: different answers and sentences among `count` at temperature 0.8."""
        found = self.answers([chat for _, chat in held_out(None, count)], 0.8)
        texts = {answer.text for answer in found}
        ended = sum(answer.finish_reason == "stop" for answer in found)
        return [
            f"| different answers at temperature 0.8 | {len(texts)} of {count} |",
            f"| of these, ended by an end-of-turn token | {ended} of {count} |",
        ]

    def foreign(self) -> list[str]:
        """Return table rows: pictures that the recipe's own drawing did not make."""
        return [
            self.told("ten pictures that others drew", list(foreign_pictures())),
            self.told("pictures that another library drew by lot", list(by_lot(100))),
        ]

    def told(self, name: str, pictures: Sequence[Foreign]) -> str:
        """Return the table row of `pictures`: of how many shape and colour are both told right."""
        shapes = self.answers([chat("What shape is it?", p.image) for p in pictures])
        colours = self.answers([chat("What colour is the shape?", p.image) for p in pictures])
        right = [is_told(p, s.text, c.text) for p, s, c in zip(pictures, shapes, colours, strict=True)]
        return f"| {name}, shape and colour right | {sum(right)} of {len(pictures)} |"

    def silence(self, count: int = 50) -> list[str]:
        """Return table rows: prompts without a picture that are answered by asking for one."""
        found = self.answers(prompts_without_picture(count))
        asks = sum(bool({"picture", "pictures", "image"} & set(a.text.lower().replace(".", "").split())) for a in found)
        return [f"| prompts without a picture, answered by pointing to pictures | {asks} of {count} |"]


def is_told(picture: Foreign, shape: str, colour: str) -> bool:
    """Whether two answers name the picture's shape and colour and no others."""
    return reading.is_right(Exchange("shape", "", "", picture.shape), shape) and reading.is_right(
        Exchange("colour", "", "", picture.colour), colour
    )


def transformers_answers(folder: str, chats: Sequence[Chat]) -> list[list[int]]:
    """Return the most likely tokens of an answer to each chat, by transformers in float32, one chat at a time."""
    import torch
    from transformers import AutoProcessor, Llama4ForConditionalGeneration

    processor = AutoProcessor.from_pretrained(folder)
    model = Llama4ForConditionalGeneration.from_pretrained(folder, dtype=torch.float32).eval()
    answers = []
    for turns in chats:
        content = turns[0]["content"]
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else content
        images = [part["image_pil"] for part in parts if "image_pil" in part] or None
        named = [{"type": "image"} if "image_pil" in part else part for part in parts]
        text = processor.apply_chat_template([{"role": "user", "content": named}], add_generation_prompt=True)
        inputs = processor(images=images, text=text, add_special_tokens=False, return_tensors="pt")
        if images:
            inputs["pixel_values"] = inputs["pixel_values"].float()
        output = model.generate(**inputs, max_new_tokens=MAX_TOKENS, do_sample=False)
        answers.append(output[0, inputs["input_ids"].shape[1] :].tolist())
    return answers


def equality(evaluation: Evaluation, folder: str, count: int = 50) -> list[str]:
    """Return table rows: greedy answers whose every token is transformers', of image and of text prompts."""
    rows = []
    for name, chats in (
        ("image", [chat for _, chat in held_out(None, count)]),
        ("text", prompts_without_picture(count)),
    ):
        ours = [list(answer.token_ids) for answer in evaluation.answers(chats)]
        same = sum(a == b for a, b in zip(ours, transformers_answers(folder, chats), strict=True))
        rows.append(f"| {name} prompts whose greedy tokens equal transformers' (float32) | {same} of {count} |")
    return rows


def figures(llm: Any, folder: str, count: int) -> str:
    """Return the table of everything but acceptance."""
    evaluation = Evaluation(llm)
    rows = evaluation.exactness(count) + evaluation.variety() + evaluation.foreign() + evaluation.silence()
    rows += equality(evaluation, folder)
    return "\n".join(["| | |", "|---|---|", *rows])
