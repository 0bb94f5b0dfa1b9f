"""Benchmarks: prompts through a source, kept prompt by prompt, and reported by `analysis`."""
