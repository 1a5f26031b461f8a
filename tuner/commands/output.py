"""How commands print what is said: lines that people copy, and sentences."""

from zoo.aligned import WHOLE_WORDS


def print_plain(console, text: str) -> None:
    """Prints a text as it is, in one line."""
    console.print(text, markup=False, highlight=False, soft_wrap=True)


def print_sentence(console, text: str) -> None:
    """Prints a sentence, which breaks between words where the console ends."""
    console.print(text, markup=False, highlight=False, **WHOLE_WORDS)
