"""Text that every store and every server accepts. Pure.

Lone surrogates cannot be sent as UTF-8 and NUL cannot be stored by PostgreSQL; both reach us through models'
JSON escapes and through the output of programs.
"""


def clean_text(text: str) -> str:
    """`text` with lone surrogates and NUL characters replaced by U+FFFD. Idempotent."""
    if "\x00" in text:
        text = text.replace("\x00", "\ufffd")
    if text.isascii():  # known without a look at the text
        return text
    try:
        text.encode("utf-8")
    except UnicodeEncodeError:
        return "".join("\ufffd" if "\ud800" <= character <= "\udfff" else character for character in text)
    return text
