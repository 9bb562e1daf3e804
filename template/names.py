"""What a made project is called, and which names of the reference app become that."""

from __future__ import annotations

import keyword
import re
import sys

__all__ = ("find_problem", "rename")

_FORM = re.compile(r"[a-z][a-z0-9]*(_[a-z0-9]+)*")
# Grafana takes ids of 40 characters, and "-collector" is put to one.
_LONGEST = 30


def find_problem(name: str) -> str | None:
    """Return what keeps a project from being called so, as the end of a sentence; None where nothing does."""
    if not _FORM.fullmatch(name):
        return "has to be a Python package's name in lower case, as in my_service"
    if len(name) > _LONGEST:
        return f"has {len(name)} characters, and at most {_LONGEST} are possible"
    if keyword.iskeyword(name) or keyword.issoftkeyword(name):
        return "is a word of Python itself"
    if name == "litestar_saq" or name in sys.stdlib_module_names:
        return "is a package that the project itself needs"
    return None


def rename(text: str, name: str, *, of_library: bool) -> str:
    """Return a text, or a path, with the project's names in place of the reference app's.

    Args:
        text: what the repository has.
        name: the project's package.
        of_library: whether the library's own name stays; it stands for the repository where this is False.
    """
    slug, words = name.replace("_", "-"), name.replace("_", " ").title()
    rules = [
        (r"litestar-saq-reference|\breference-app\b", slug),
        (r"Litestar SAQ reference deployment", words),
        (r"\b[Tt]he reference (?:app|deployment)\b", words),
        (r"\breference (?:app|deployment)\b", words),
        (r"\bCSV reports\b", words),
        (r"ReferenceApp", f"{words.replace(' ', '')}App"),
        (r"reference_app", name),
        (r"\bREFERENCE_", f"{name.upper()}_"),
        (r"(?<![\w-])reference-(?=[a-z])", f"{slug}-"),
        (r"(?<=service\.namespace=)reference\b", slug),
        (r"(?<=\bnamespace: )reference\b|(?<=`)reference(?=`)", slug),
    ]
    if not of_library:
        rules += [
            (r"\bLitestar SAQ\b", words),
            # Not where a version follows: that is a requirement.
            (r"\blitestar-saq\b(?![\[=<>~])", slug),
        ]
    for pattern, new in rules:
        text = re.sub(pattern, new, text)
    return text
