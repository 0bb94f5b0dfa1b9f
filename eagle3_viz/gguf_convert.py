"""Convert the GGUF of SmolLM2-135M-Instruct to a float32 folder that vLLM and transformers load: a process of its own.

    python -m eagle3_viz.gguf_convert SOURCE.gguf FOLDER

GGUF leaves out or blurs a few facts that the published model states: its name, its end-of-turn token, its context and
its generation settings are set here, and the chat template is checked against what the model was trained with.
"""

import json
import sys
from pathlib import Path
from typing import Any

VERIFIER_ID = "HuggingFaceTB/SmolLM2-135M-Instruct"
BOS, EOS = 1, 2  # <|im_start|> and <|im_end|>; the published model pads with <|im_end|>
SHAPE = {
    "model_type": "llama",
    "num_hidden_layers": 30,
    "hidden_size": 576,
    "num_attention_heads": 9,
    "num_key_value_heads": 3,
    "vocab_size": 49152,
    "max_position_embeddings": 8192,
}
RENDERED = (
    "<|im_start|>system\nYou are a helpful AI assistant named SmolLM, trained by Hugging Face<|im_end|>\n"
    "<|im_start|>user\nHello<|im_end|>\n<|im_start|>assistant\n"
)


def step(done: int) -> None:
    """Tell the parent process how far this is."""
    print(f"Progress {done} of 4", flush=True)


def check(tokenizer: Any, config: Any) -> None:
    """Refuse a conversion whose shape, special tokens or chat template are not the published model's."""
    for name, expected in SHAPE.items():
        if (found := getattr(config, name)) != expected:
            raise ValueError(f"{name} is {found}, expected {expected}")
    rendered = tokenizer.apply_chat_template(
        [{"role": "user", "content": "Hello"}], tokenize=False, add_generation_prompt=True
    )
    if rendered != RENDERED:
        raise ValueError(f"the chat template writes {rendered!r}, expected {RENDERED!r}")
    if tokenizer.convert_tokens_to_ids(["<|im_start|>", "<|im_end|>"]) != [BOS, EOS]:
        raise ValueError("<|im_start|> and <|im_end|> are not tokens 1 and 2")


def name(path: Path) -> None:
    """Say in config.json which model this is; `save_pretrained` keeps only what the GGUF calls it."""
    config = json.loads(path.read_text())
    config.pop("_model_name_or_path", None)
    path.write_text(json.dumps({"_name_or_path": VERIFIER_ID} | config, indent=2) + "\n")


def convert(source: Path, folder: Path) -> None:
    """Write the model and tokenizer of the GGUF file `source` to `folder`."""
    import torch
    from transformers import AutoModelForCausalLM, AutoTokenizer, GenerationConfig, GgufConfig

    tokenizer = AutoTokenizer.from_pretrained(source.parent, gguf_file=source.name)
    tokenizer.eos_token = tokenizer.pad_token = "<|im_end|>"
    tokenizer.bos_token = "<|im_start|>"
    step(1)
    model = AutoModelForCausalLM.from_pretrained(
        source.parent,
        gguf_file=source.name,
        dtype=torch.float32,
        quantization_config=GgufConfig(dequantize=True),
    )
    step(2)
    ids = {"bos_token_id": BOS, "eos_token_id": EOS, "pad_token_id": EOS}
    model.config.update({"architectures": ["LlamaForCausalLM"], "rms_norm_eps": 1e-5, **ids})
    model.generation_config = GenerationConfig(**ids)
    check(tokenizer, model.config)
    model.save_pretrained(folder)
    name(folder / "config.json")
    step(3)
    tokenizer.model_max_length = model.config.max_position_embeddings
    tokenizer.save_pretrained(folder)
    step(4)


if __name__ == "__main__":
    from eagle3_viz import cpu

    cpu.prepare()
    convert(Path(sys.argv[1]), Path(sys.argv[2]))
