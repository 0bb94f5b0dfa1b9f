"""What the stages of this recipe share."""

from pathlib import Path

NAME = "tiny-llama4"
ASSETS = Path(__file__).resolve().parents[2] / "assets" / NAME
RUNS = Path("runs/tiny_llama4")
START = ASSETS / "verifier"  # tokenizer and processor, which the first stage writes
SEED = 20251125
VOCAB_SIZE = 1024
CONTEXT = 2048
IMAGE_SIZE = 140  # pixels: 10 x 10 patches of 14, which pixel shuffle folds into 5 x 5 image tokens
PATCH_SIZE = 14
GRID = IMAGE_SIZE // PATCH_SIZE // 2
# An early, a middle and the last but one layer of six, as the reference's [1, 23, 44] are of 48; none is in vLLM's
# fallback (2, 3, 3), so a config that forgets them shows.
AUX_LAYERS = (1, 4, 5)
# Special tokens in the order of their ids, after Llama 4's names.
SPECIALS = (
    "<|begin_of_text|>",
    "<|end_of_text|>",
    "<|eot|>",
    "<|header_start|>",
    "<|header_end|>",
    "<|image_start|>",
    "<|image_end|>",
    "<|image|>",
    "<|patch|>",
    "<|tile_x_separator|>",
    "<|tile_y_separator|>",
    "<|finetune_right_pad|>",
)
BEGIN, END_OF_TEXT, END_OF_TURN = 0, 1, 2
IMAGE_START, IMAGE_END, IMAGE, PATCH = 5, 6, 7, 8
PAD = 11
