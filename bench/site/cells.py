"""Cells of tables by their length: what is short never breaks, what is long has room for words."""

from docutils import nodes

# Characters. A number with its interval, or the name of a model and its size, is short.
LONGEST_SHORT = 26
LONGEST_SHORT_HEAD = 12


def setup(app) -> dict[str, bool]:
    """Lets Sphinx mark the cells of all pages."""
    app.connect("doctree-resolved", lambda app, tree, name: mark(tree))
    return {"parallel_read_safe": True, "parallel_write_safe": True}


def mark(tree: nodes.Node) -> None:
    """Gives each cell the class `short` or `long`, which `static/site.css` sets the width by."""
    for cell in tree.findall(nodes.entry):
        is_head = isinstance(cell.parent.parent, nodes.thead)
        limit = LONGEST_SHORT_HEAD if is_head else LONGEST_SHORT
        if len(cell.astext()) <= limit:
            cell["classes"].append("short")
        elif not is_head:
            cell["classes"].append("long")
