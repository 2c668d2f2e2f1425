"""How the pages of docs/ become a site: scripts/docs builds it, strictly and without a network."""

from __future__ import annotations

import sys
from pathlib import Path

_ROOT = Path(__file__).resolve().parents[1]
sys.path[:0] = [str(_ROOT), str(_ROOT / "scripts")]

from pcapdiag import __version__  # noqa: E402

project = "pcapdiag"
author = "the pcapdiag developers"
version = release = __version__

extensions = ["myst_parser", "sphinx.ext.autodoc", "sphinx_copybutton", "docsite.extension"]
nitpicky = True
smartquotes = False  # they would make a dash of "--all"
default_role = "py:obj"

myst_heading_anchors = 3
myst_enable_extensions = ["colon_fence", "deflist"]

autodoc_member_order = "bysource"
autodoc_typehints = "signature"
add_module_names = False
toc_object_entries = False
python_use_unqualified_type_names = True
nitpick_ignore_regex = [("py:.*", r"(?!pcapdiag\.).*")]

html_theme = "furo"
html_title = "pcapdiag"
html_static_path = ["_static"]
html_css_files = ["site.css"]
html_copy_source = False
html_show_sphinx = False
html_show_copyright = False
html_domain_indices = False
html_theme_options = {
    "light_css_variables": {"font-stack--headings": "var(--font-stack)"},
    "top_of_page_buttons": [],
}
copybutton_prompt_text = r"\$ |> "
copybutton_prompt_is_regexp = True
