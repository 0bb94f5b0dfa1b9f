"""The tokenizer: byte-level BPE over the text that the recipe writes, so that any text can be encoded.

    python -m training.tiny_llama4.tokenizer [--out assets/tiny-llama4/verifier]

Also writes what goes with it: the processor, the image processor and the chat template.
"""

import argparse
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from eagle3_viz import cpu
from training.tiny_llama4 import conversations, scenes, settings

# The form of Llama 4's own template, for text and images, without tools.
CHAT_TEMPLATE = """{{- bos_token }}
{%- for message in messages %}
    {{- '<|header_start|>' + message['role'] + '<|header_end|>\\n\\n' }}
    {%- if message['content'] is string %}
        {{- message['content'] }}
    {%- else %}
        {%- for content in message['content'] %}
            {%- if content['type'] == 'image' %}
                {{- '<|image|>' }}
            {%- elif content['type'] == 'text' %}
                {{- content['text'] }}
            {%- endif %}
        {%- endfor %}
    {%- endif %}
    {{- '<|eot|>' }}
{%- endfor %}
{%- if add_generation_prompt %}
    {{- '<|header_start|>assistant<|header_end|>\\n\\n' }}
{%- endif %}
"""


def corpus(count: int = 40_000) -> Iterator[str]:
    """Yield the texts of `count` conversations."""
    rng = random.Random(settings.SEED)
    for number in range(count):
        seen = conversations.about(rng, scenes.scene(rng), 1)
        conversation = seen if number % 5 else conversations.without(rng)
        for exchange in conversation.exchanges:
            yield f"user\n\n{exchange.question}"
            yield f"assistant\n\n{exchange.answer}"


def trained() -> Any:
    """Return the tokenizer as transformers has it."""
    from tokenizers import Regex, Tokenizer, decoders, models, pre_tokenizers, trainers
    from transformers import PreTrainedTokenizerFast

    tokenizer = Tokenizer(models.BPE())
    # Newlines apart, so that the two behind a header are one token whether or not an answer follows them.
    tokenizer.pre_tokenizer = pre_tokenizers.Sequence(
        [pre_tokenizers.Split(Regex(r"\n+"), "isolated"), pre_tokenizers.ByteLevel(add_prefix_space=False)]
    )
    tokenizer.decoder = decoders.ByteLevel()
    trainer = trainers.BpeTrainer(
        vocab_size=settings.VOCAB_SIZE,
        special_tokens=list(settings.SPECIALS),
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    tokenizer.train_from_iterator(corpus(), trainer)
    begin, end_of_turn = settings.SPECIALS[settings.BEGIN], settings.SPECIALS[settings.END_OF_TURN]
    return PreTrainedTokenizerFast(
        tokenizer_object=tokenizer,
        bos_token=begin,
        eos_token=end_of_turn,
        pad_token=settings.SPECIALS[settings.PAD],
        additional_special_tokens=[t for t in settings.SPECIALS[:-1] if t not in (begin, end_of_turn)],
        model_max_length=settings.CONTEXT,
        clean_up_tokenization_spaces=False,
        chat_template=CHAT_TEMPLATE,
    )


def processor(tokenizer: Any) -> Any:
    """Return the processor: every picture becomes one tile, scaled to fit, whatever its size."""
    from transformers import Llama4ImageProcessor, Llama4Processor

    image_processor = Llama4ImageProcessor(
        size={"height": settings.IMAGE_SIZE, "width": settings.IMAGE_SIZE}, max_patches=1, resize_to_max_canvas=False
    )
    return Llama4Processor(
        image_processor,
        tokenizer,
        patch_size=settings.PATCH_SIZE,
        pixel_shuffle_ratio=0.5,
        chat_template=CHAT_TEMPLATE,
    )


def main() -> None:
    """Train and write."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--out", type=Path, default=settings.START)
    args = parser.parse_args()
    cpu.prepare()
    processor(trained()).save_pretrained(args.out)


if __name__ == "__main__":
    main()
