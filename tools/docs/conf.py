"""Sphinx's configuration. Nothing comes from a network, neither here nor in a reader's browser."""

import os
import sys
from pathlib import Path

from pygments.lexers.special import TextLexer

here = Path(__file__).parent
sys.path.insert(0, str(here.parent.parent / "python" / "src"))

import yonder  # noqa: E402

project = "Yonder"
author = "the Yonder authors"
project_copyright = author
release = version = yonder.__version__

extensions = ["myst_nb", "sphinx.ext.autodoc", "sphinx_copybutton"]
exclude_patterns = ["files/**"]
root_doc = "index"

myst_enable_extensions = ["deflist", "colon_fence"]
myst_heading_anchors = 4
nb_execution_mode = "off"  # e2e/pages runs the notebook against a real service
nb_merge_streams = True

autodoc_typehints = "signature"
autodoc_member_order = "bysource"
autodoc_class_signature = "mixed"
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = f"Yonder {release}"
html_static_path = [str(here / "static")]
html_css_files = ["yonder.css"]
html_show_sphinx = False
html_copy_source = False
html_show_sourcelink = False

# Prompts and what a command printed are not copied.
copybutton_prompt_text = r"\$ |>>> |\.\.\. "
copybutton_prompt_is_regexp = True
copybutton_line_continuation_character = "\\"

highlight_language = "text"
# The tutorials show output as ```output; what is printed has no grammar.
os.environ.setdefault("SOURCE_DATE_EPOCH", "315532800")


def setup(app):
    """Add what is too small for an extension."""
    app.add_lexer("output", TextLexer)
