"""The errors that a user can mend."""

# What the light installation, for looking at recordings, has not.
ENGINE = {"vllm", "torch", "transformers", "tokenizers", "safetensors", "huggingface_hub", "numpy", "zmq"}


class InputError(ValueError):
    """Bad input: the message names what is wrong and what to do about it. Nothing was lost."""


def not_installed(error: ModuleNotFoundError) -> str:
    """What is said where a part of the engine is missing."""
    return f"{error.name} is not installed: `make setup` installs the engine"
