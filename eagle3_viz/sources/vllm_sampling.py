"""From the seam's sampling parameters to vLLM's own, refused before they run where vLLM refuses them."""

from typing import Any

import msgspec
from vllm import SamplingParams
from vllm.exceptions import VLLMValidationError
from vllm.sampling_params import RequestOutputKind, StructuredOutputsParams

from eagle3_viz.errors import InputError
from eagle3_viz.events import Sampling


def sampling_params(sampling: Sampling, llm: Any) -> SamplingParams:
    """vLLM's parameters, checked as its engine `llm` would check them.

    Raises:
        InputError: vLLM cannot do this, by itself or together with speculation; in its own words.
    """
    try:
        params = SamplingParams(**arguments(sampling), output_kind=RequestOutputKind.DELTA)
        config = llm.vllm_config
        params.clone().verify(  # it notes in the parameters that it was here
            config.model_config, config.speculative_config, config.structured_outputs_config, llm.get_tokenizer()
        )
    except (ValueError, VLLMValidationError) as error:
        raise InputError(f"vLLM does not take these sampling parameters: {error}") from error
    return params


def arguments(sampling: Sampling) -> dict[str, Any]:
    """Arguments for `SamplingParams`. What is at its default is left out: seeds and top-p cost time."""
    given = {name: value for name, value in msgspec.structs.asdict(sampling).items() if is_given(name, value)}
    schema = given.pop("json_schema", None)
    if schema is not None:
        given["structured_outputs"] = StructuredOutputsParams(json=schema)
    return given


def is_given(name: str, value: Any) -> bool:
    """Whether a parameter was asked for."""
    return value is not None and value is not msgspec.UNSET and not (name == "top_p" and value == 1)
