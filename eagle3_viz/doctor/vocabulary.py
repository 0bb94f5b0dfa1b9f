"""Checks of the draft vocabulary: which tokens the head can propose, and which of the verifier's they are."""

from collections.abc import Iterator

from eagle3_viz.doctor.facts import Facts
from eagle3_viz.doctor.findings import Finding, fine, risk, unknown, wrong

EXPORT = "Export d2t again: for each draft id, the verifier's id minus the draft id."


def check(facts: Facts) -> Iterator[Finding]:
    """All checks of the vocabulary."""
    yield size(facts)
    yield output_matrix(facts)
    yield embeddings(facts)
    if facts.tensors is None or facts.draft_vocabulary is None or facts.vocabulary is None:
        return
    if facts.draft_vocabulary == facts.vocabulary:
        yield unneeded(facts)
    elif "d2t" not in facts.maps:
        yield wrong(
            "d2t",
            "d2t",
            f"The head proposes {facts.draft_vocabulary} of {facts.vocabulary} tokens and has no d2t: vLLM says nothing"
            " and takes draft ids for the verifier's.",
            EXPORT,
        )
    else:
        yield mapping(facts)
        yield agreement(facts)
        yield end_token(facts)


def size(facts: Facts) -> Finding:
    """Whether the vocabularies can belong together."""
    ours, theirs = facts.layer.get("vocab_size"), facts.target.get("vocab_size")
    draft = facts.draft_vocabulary
    if theirs is None:
        return unknown("vocabulary", "vocab_size", f"The head's is {ours}; the verifier's config is not known.")
    if ours is not None and ours != theirs:
        return wrong(
            "vocabulary",
            "vocab_size",
            f"The head was made for {ours} tokens, the verifier has {theirs}: embeddings and ids do not match.",
            "Give the verifier that the head was trained for.",
        )
    if draft is not None and draft > theirs:
        return wrong("vocabulary", "draft_vocab_size", f"{draft} is more than the verifier's {theirs}.", "Mend it.")
    if facts.head.get("draft_vocab_size") is None:
        return risk(
            "vocabulary",
            "draft_vocab_size",
            f"Missing: vLLM takes the verifier's {theirs}; libraries take 32000.",
            "State it.",
        )
    whole = "all" if draft == theirs else f"{draft}"
    return fine("vocabulary", "draft_vocab_size", f"The head proposes {whole} of the verifier's {theirs} tokens.")


def output_matrix(facts: Facts) -> Finding:
    """Whether lm_head has a row for each draft token."""
    draft = facts.draft_vocabulary
    shape = facts.shape("lm_head.weight")
    if facts.tensors is None or draft is None:
        return unknown("lm_head", "lm_head.weight", "Not known without the weights.")
    if shape is None and draft != facts.vocabulary:
        return wrong(
            "lm_head",
            "lm_head.weight",
            f"Missing: vLLM shares the verifier's, of {facts.vocabulary} rows, with a head of {draft} tokens.",
            "Export the head's own output matrix.",
        )
    if shape is None:
        return fine("lm_head", "lm_head.weight", "Not in the checkpoint: vLLM shares the verifier's.")
    if shape[0] != draft:
        return wrong(
            "lm_head",
            "draft_vocab_size",
            f"lm_head has {shape[0]} rows and the config says {draft} draft tokens.",
            f'Set "draft_vocab_size": {shape[0]}.',
        )
    return fine("lm_head", "lm_head.weight", f"A row for each of {draft} draft tokens.")


def embeddings(facts: Facts) -> Finding:
    """Where the head's input embeddings come from."""
    if facts.tensors is None:
        return unknown("embeddings", "embed_tokens.weight", "Not known without the weights.")
    shape = facts.shape("embed_tokens.weight")
    if facts.layer.get("tie_word_embeddings") and facts.shape("lm_head.weight") is None and shape is not None:
        return risk(
            "embeddings",
            "tie_word_embeddings",
            "It is true and there is no lm_head: vLLM ties no draft's matrices, it shares the verifier's lm_head.",
            "Export lm_head too.",
        )
    if shape is None:
        return fine("embeddings", "embed_tokens.weight", "Not in the checkpoint: vLLM shares the verifier's.")
    if facts.vocabulary is not None and shape[0] != facts.vocabulary:
        return wrong(
            "embeddings",
            "embed_tokens.weight",
            f"It has {shape[0]} rows, and any of the verifier's {facts.vocabulary} tokens can come.",
            "Leave it out, if it was the verifier's.",
        )
    return fine("embeddings", "embed_tokens.weight", "The head's own.")


def unneeded(facts: Facts) -> Finding:
    """Whether a head of the whole vocabulary has a map that would move ids."""
    d2t = facts.maps.get("d2t")
    if d2t is not None and d2t.any():
        return risk(
            "d2t", "d2t", "The head has the whole vocabulary and a d2t that is not zero; vLLM ignores it.", EXPORT
        )
    return fine("d2t", "d2t", "The head has the whole vocabulary and needs none.")


def mapping(facts: Facts) -> Finding:
    """Whether d2t leads each draft token to a different one of the verifier's, in order."""
    d2t = facts.maps["d2t"]
    ids = d2t + range(len(d2t))
    draft, whole = facts.draft_vocabulary, facts.vocabulary or 0
    if len(d2t) != draft:
        return wrong("d2t", "d2t", f"It has {len(d2t)} entries for {draft} draft tokens.", EXPORT)
    if not d2t.any():
        return wrong(
            "d2t",
            "d2t",
            f"It is all zero: draft ids 0 to {len(d2t) - 1} are taken for the verifier's first {len(d2t)} tokens.",
            EXPORT,
        )
    if (d2t[1:] > d2t[:-1]).all() and d2t[0] >= 0 and (ids >= whole).any() and (d2t < whole).all():
        return wrong("d2t", "d2t", "It holds the verifier's ids themselves; vLLM adds the draft id to each.", EXPORT)
    if (ids < 0).any() or (ids >= whole).any():
        return wrong(
            "d2t", "d2t", f"It leads to ids from {ids.min()} to {ids.max()}, outside 0 to {whole - 1}.", EXPORT
        )
    if not (ids[1:] > ids[:-1]).all():
        return wrong("d2t", "d2t", "Two draft tokens lead to one of the verifier's, or the order turns back.", EXPORT)
    return fine("d2t", "d2t", f"{len(d2t)} draft tokens, each a token of the verifier, in order.")


def agreement(facts: Facts) -> Finding:
    """Whether t2d marks the tokens that d2t leads to."""
    d2t, t2d = facts.maps["d2t"], facts.maps.get("t2d")
    if t2d is None:
        return unknown("t2d", "t2d", "There is none to hold d2t against; vLLM does not need it.")
    marked = t2d.nonzero()[0] if t2d.dtype == bool else (t2d != 0).nonzero()[0]
    ids = d2t + range(len(d2t))
    if len(marked) != len(ids):
        return wrong("t2d", "t2d", f"It marks {len(marked)} tokens, d2t leads to {len(ids)}.", EXPORT)
    off = int((marked != ids).sum())
    if off:
        by = sorted(set((ids - marked).tolist()))
        shift = f", all by {by[0]}" if len(by) == 1 else ""
        return wrong(
            "t2d",
            "d2t",
            f"{off} of {len(ids)} draft tokens lead to others than t2d marks{shift}. vLLM reads d2t alone; if it is the"
            " wrong one, every proposal is another token than the head meant.",
            EXPORT,
        )
    return fine("t2d", "t2d", "It marks the tokens that d2t leads to.")


def end_token(facts: Facts) -> Finding:
    """Whether the head can propose the end of an answer."""
    d2t = facts.maps["d2t"]
    ends = facts.target.get("eos_token_id")
    ends = [ends] if isinstance(ends, int) else list(ends or [])
    if not ends:
        return unknown("end token", "d2t", "The verifier's config names no end token.")
    ids = set((d2t + range(len(d2t))).tolist())
    if ids.isdisjoint(ends):
        return risk(
            "end token",
            "d2t",
            f"No end token {ends} in the draft vocabulary: every answer's end is a rejection.",
            "Add it.",
        )
    return fine("end token", "d2t", f"The end token {ends} is in the draft vocabulary.")
