"""An engine in words."""

from eagle3_viz.events import EngineInfo


def facts(engine: EngineInfo) -> list[str]:
    """The engine in a few words: pair, K, device, version."""
    draft = engine.draft or "no draft"
    where = " ".join(filter(None, [engine.device, engine.dtype]))
    return [
        f"verifier {engine.verifier}",
        f"draft {draft}",
        f"K = {engine.num_speculative_tokens}",
        *([where] if where else []),
        *([f"vLLM {engine.vllm_version}"] if engine.vllm_version else []),
    ]
