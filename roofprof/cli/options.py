"""What commands that capture have in common: lists in options."""

from roofprof.errors import UsageError


def sizes(option: str, text: str) -> tuple[int, ...]:
    """A list of sizes such as `1,64,128`, each once.

    Raises:
        UsageError: naming the option.
    """
    try:
        return tuple(dict.fromkeys(int(word) for word in text.split(",")))
    except ValueError:
        raise UsageError(f"{option} {text!r} is no list of sizes", "give sizes such as 1,64,128") from None


def words(text: str) -> tuple[str, ...]:
    """A list of words between commas."""
    return tuple(word.strip() for word in text.split(",") if word.strip())
