"""The browser demo: Gradio layout, routes for streaming, and wiring. No arithmetic, no engine."""
