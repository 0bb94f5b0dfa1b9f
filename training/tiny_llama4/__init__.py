"""The recipe of the tiny-llama4 pair: pictures of shapes, talk about them, a Llama 4 in miniature, and its head."""
