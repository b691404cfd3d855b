"""Sphinx's settings. Nothing is fetched, and a page loads nothing from another host."""

from tinyvmaf import __version__

project = "tinyvmaf"
version = release = __version__
extensions = ["myst_parser"]
root_doc = "index"
html_theme = "furo"
html_title = f"tinyvmaf {__version__}"
html_copy_source = html_show_sourcelink = False
html_show_copyright = False
smartquotes = False  # options begin with two hyphens
highlight_language = "text"
myst_heading_anchors = 4
myst_enable_extensions = ["colon_fence"]
pygments_style, pygments_dark_style = "a11y-high-contrast-light", "a11y-high-contrast-dark"
