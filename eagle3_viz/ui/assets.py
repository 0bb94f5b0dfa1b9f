"""The files that the browser loads, under the name that the page uses."""

from eagle3_viz.web import MEDIA_TYPES, folder, plotly_gzipped, plotly_name, read, servable

__all__ = ["MEDIA_TYPES", "folder", "plotly_gzipped", "plotly_name", "read", "servable"]
