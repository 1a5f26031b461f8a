"""How commands print lines that people copy: no markup, no colours, no breaks."""


def print_plain(console, text: str) -> None:
    """Prints a text as it is, in one line."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)
