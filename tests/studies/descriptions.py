"""Trials as flat descriptions, to tell what two of them do not share."""

#: Fields of a description that name a trial and change nothing of it.
NAMED = {"arm", "study", "initialisation"}


def flat(value, name=""):
    """Yield (dotted name, value) for all that a description, dicts within dicts, has."""
    if not isinstance(value, dict):
        yield name, value
        return
    for key, part in value.items():
        yield from flat(part, f"{name}.{key}".lstrip("."))


def differing(first, second):
    """Dotted names of what two flat descriptions, dicts, do not share."""
    return {name for name in {*first, *second} if first.get(name) != second.get(name)} - NAMED
