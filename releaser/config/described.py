"""What does each key of a file mean? The text that stands below each field in the models themselves.

Read from their source only when a page or a schema is made: pydantic would read it at every start.
"""

import ast
import inspect
from collections.abc import Iterator
from textwrap import dedent
from typing import Any, get_args

from pydantic import BaseModel

__all__ = ["described", "sections"]


def described(model: type[BaseModel]) -> dict[str, str]:
    """Key, as files have it -> what it means; keys without a text are left out."""
    texts: dict[str, str] = {}
    for each in reversed(model.__mro__):
        if issubclass(each, BaseModel) and each is not BaseModel and each.__module__.startswith("releaser."):
            texts |= _attribute_texts(each)
    fields = model.model_fields
    return {fields[name].alias or name: text for name, text in texts.items() if name in fields}


def sections(annotation: Any) -> Iterator[type[BaseModel]]:
    """The models in a field's type."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
    for part in get_args(annotation):
        yield from sections(part)


def _attribute_texts(model: type[BaseModel]) -> dict[str, str]:
    try:
        body = ast.parse(dedent(inspect.getsource(model))).body[0]
    except (OSError, TypeError):  # a model that was made at run time has no source; what it is made of has
        return {}
    if not isinstance(body, ast.ClassDef):
        return {}
    found = {}
    for field, text in zip(body.body, body.body[1:], strict=False):
        if (
            isinstance(field, ast.AnnAssign)
            and isinstance(field.target, ast.Name)
            and isinstance(text, ast.Expr)
            and isinstance(text.value, ast.Constant)
            and isinstance(text.value.value, str)
        ):
            found[field.target.id] = " ".join(text.value.value.split())
    return found
