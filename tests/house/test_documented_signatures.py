"""The page about callbacks shows every class with the arguments that it really has."""

import inspect
import re

import pytest

from backbeat import callbacks
from tests.house.pages import ENGLISH, KOREAN, Page

CLASSES = [name for name in callbacks.__all__ if name not in ("Callback", "CallbackList")]


@pytest.mark.parametrize("folder", [ENGLISH, KOREAN], ids=["en", "ko"])
@pytest.mark.parametrize("name", CLASSES)
def test_signature_is_shown(name, folder):
    """Under the heading of each callback stands its signature, as `inspect` sees it."""
    text = Page(folder / "callbacks.md").text
    section = re.search(rf"^## {name}\n\n`(.*)`$", text, re.MULTILINE)

    assert section is not None
    assert section[1] == signature(getattr(callbacks, name))


def signature(kind: type) -> str:
    """How a class is called: names, order and defaults, without types."""
    bare = [
        parameter.replace(annotation=parameter.empty)
        for parameter in inspect.signature(kind).parameters.values()
    ]
    return f"{kind.__name__}{inspect.Signature(bare)}"
