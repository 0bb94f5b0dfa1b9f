"""What the data stage asks of the verifier: prompts out of a few first words, and answers to them."""

import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from training.smollm2 import settings

OPENERS = tuple(Path(__file__).with_name("openers.txt").read_text().splitlines())
NO_OPENER = 0.2  # share of prompts that the verifier begins itself
PROMPT_TOKENS = 128  # longer inventions are dropped
ANSWER_TOKENS = 384
GREEDY = 0.5  # share of answers at temperature 0; the others are sampled at SAMPLED
SAMPLED = 0.8  # also the prompts' temperature: at 1.0 a model this small wanders off in every other one
CONCURRENT = 256  # sequences: more is no faster on two cores


class Inventor:
    """The verifier in vLLM, inside this process, so that one seed fixes all that it samples."""

    def __init__(self, verifier: Path) -> None:
        from transformers import AutoTokenizer
        from vllm import LLM

        self.tokenizer = AutoTokenizer.from_pretrained(verifier)
        self.llm = LLM(
            model=str(verifier),
            dtype=settings.DTYPE,
            max_model_len=1024,
            max_num_seqs=CONCURRENT,
            enforce_eager=True,
            seed=settings.SEED,
        )
        before, after = self.tokenizer.apply_chat_template(
            [{"role": "user", "content": "\x00"}], tokenize=False, add_generation_prompt=True
        ).split("\x00")
        self.before, self.after = self._ids(before), self._ids(after)

    def _ids(self, text: str) -> list[int]:
        return list(self.tokenizer.encode(text, add_special_tokens=False))

    def _generate(self, prompts: Sequence[list[int]], parameters: Any) -> list[Any]:
        """Return vLLM's completions of `prompts`, one each; it shows its own progress bar."""
        inputs = [{"prompt_token_ids": prompt} for prompt in prompts]
        return [output.outputs[0] for output in self.llm.generate(inputs, parameters)]

    def prompts(self, count: int, rng: random.Random) -> list[list[int]]:
        """Return up to `count` different prompts, each as the ids of a whole chat up to the answer's header."""
        from vllm import SamplingParams

        openers = ["" if rng.random() < NO_OPENER else rng.choice(OPENERS) for _ in range(count)]
        begun = [self._ids(opener) for opener in openers]
        parameters = SamplingParams(temperature=SAMPLED, max_tokens=PROMPT_TOKENS)
        completions = self._generate([self.before + ids for ids in begun], parameters)
        ended = {
            (*ids, *completion.token_ids[:-1]): None
            for ids, completion in zip(begun, completions, strict=True)
            if completion.finish_reason == "stop" and len(ids) + len(completion.token_ids) > 4
        }
        return [self.before + list(ids) + self.after for ids in ended]

    def answers(self, prompts: Sequence[list[int]], rng: random.Random) -> list[dict[str, Any]]:
        """Return one record for each prompt (`training.heads.conversations` describes it)."""
        from vllm import SamplingParams

        temperatures = [0.0 if rng.random() < GREEDY else SAMPLED for _ in prompts]
        parameters = [SamplingParams(temperature=t, max_tokens=ANSWER_TOKENS) for t in temperatures]
        return [
            {
                "prompt": prompt,
                "output": list(completion.token_ids),
                "temperature": temperature,
                "finish_reason": completion.finish_reason,
            }
            for prompt, temperature, completion in zip(
                prompts, temperatures, self._generate(prompts, parameters), strict=True
            )
        ]
