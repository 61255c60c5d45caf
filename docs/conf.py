"""Sphinx: builds the pages of this folder, with every warning an error (``make docs``)."""

project = "onefile_sync"
extensions = ["myst_parser"]
source_suffix = {".md": "markdown"}
master_doc = "index"
exclude_patterns = ["_build"]
html_theme = "alabaster"
html_theme_options = {"description": "Keeps PICSWeb in step with OneFile", "page_width": "70rem"}
myst_heading_anchors = 3
# Under addresses of their own, for the README where it is shown elsewhere.
html_extra_path = ["images", "openapi.yaml"]
