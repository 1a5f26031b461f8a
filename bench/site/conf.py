"""Sphinx's settings for the site."""

from zoo.version import __version__

project = "keras-autoencoder-zoo"
version = release = __version__
copyright = "the authors of keras-autoencoder-zoo"  # noqa: A001
extensions = ["myst_parser", "sphinx_copybutton", "bench.site.cells"]
root_doc = "index"
language = "en"
default_role = "code"
nitpicky = False
smartquotes = False  # else --models in a table is shown with a dash that no shell knows

myst_enable_extensions = ["colon_fence", "deflist", "fieldlist"]
myst_heading_anchors = 4
myst_links_external_new_tab = False

add_module_names = True
maximum_signature_line_length = 88
python_use_unqualified_type_names = True
toc_object_entries_show_parents = "hide"

html_theme = "furo"
html_title = "keras-autoencoder-zoo"
html_static_path = ["static"]
html_css_files = ["site.css"]
html_js_files = ["site.js"]
html_show_sphinx = False
html_copy_source = False
html_show_copyright = False
pygments_style = "a11y-light"  # comes with Furo; others are too pale to be read
pygments_dark_style = "github-dark"

copybutton_prompt_text = r">>> |\.\.\. "
copybutton_prompt_is_regexp = True
