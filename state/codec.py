"""Between records and plain values: the one place that knows how names and types look on disk.

Plain values are what YAML and JSON can hold: ``dict`` with text keys, ``list``, ``str``, ``int``,
``float``, ``bool`` and ``None``.  Nothing is coerced: the text "3" is no number and 3 is no text.
"""

import math
from collections import abc
from collections.abc import Callable, Iterable, Mapping
from enum import StrEnum
from functools import cache
from typing import Any, Final, Literal, TypeVar, get_args, get_origin

from attrs import NOTHING, fields, frozen, has
from cattrs import Converter
from cattrs.gen import make_dict_unstructure_fn, override

from .errors import DocumentError
from .near import nearest
from .record import Record

T = TypeVar("T")

SHOWN_CHARS: Final = 60  # of a refused value

_SPECIAL_KEYS: Final[Mapping[str, str]] = {
    "commit_sha": "commitSHA",
    "task_class": "class",
    "base_url": "baseURL",
}
_UNKNOWN: Final = "unknown"


@frozen
class Problem:
    """One thing that is wrong with a value, and where in it."""

    path: tuple[str | int, ...]
    what: str

    def __str__(self) -> str:
        return f"{path_text(self.path)}: {self.what}" if self.path else self.what


class ShapeError(DocumentError):
    """A value is not what its class asks for; ``found`` holds every problem."""

    def __init__(self, found: Iterable[Problem], subject: str = "the value") -> None:
        self.found = tuple(found)
        super().__init__(f"{subject} does not fit:", tuple(str(one) for one in self.found))


def structure(raw: object, cls: type[T]) -> T:
    """A plain value as an attrs class; unknown keys of a Record are kept in it.

    Raises ShapeError with all problems at once.
    """
    return _converter(False).structure(raw, cls)


def structure_strict(raw: object, cls: type[T]) -> T:
    """Like ``structure``, but a key that the class does not have is refused, with the nearest."""
    return _converter(True).structure(raw, cls)


def unstructure(value: object) -> Any:
    """A record (or anything made of records) as a plain value; unknown keys are written back."""
    return _converter(False).unstructure(value)


def key_of(name: str) -> str:
    """The key on disk of an attribute."""
    if name in _SPECIAL_KEYS:
        return _SPECIAL_KEYS[name]
    head, *tail = name.split("_")
    return head + "".join(part.capitalize() for part in tail)


def path_text(path: Iterable[str | int]) -> str:
    """A path as people write it: ``tasks[3].agentType``."""
    text = ""
    for part in path:
        if isinstance(part, int):
            text += f"[{part}]"
        elif part.isidentifier():
            text += f".{part}" if text else part
        else:
            text += f"[{part!r}]"
    return text


@cache
def _converter(strict: bool) -> Converter:
    """The converter; ``strict`` refuses keys that a class does not have."""
    converter = Converter(unstruct_collection_overrides={tuple: list})
    for kind, check in _SCALARS.items():
        converter.register_structure_hook(kind, check)
    converter.register_structure_hook(StrEnum, _enum)
    converter.register_structure_hook_func(_is_free, lambda raw, _: _free(raw))
    converter.register_structure_hook_func(_is_literal, _literal)
    converter.register_structure_hook_factory(_is_tuple, lambda kind: _tuple_hook(kind, converter))
    converter.register_structure_hook_factory(
        _is_mapping, lambda kind: _mapping_hook(kind, converter)
    )
    converter.register_structure_hook_factory(has, lambda cls: _class_hook(cls, converter, strict))
    converter.register_unstructure_hook(StrEnum, lambda word: word.value)
    converter.register_unstructure_hook_func(_is_free, lambda value: _dump_free(value, converter))
    converter.register_unstructure_hook_factory(has, lambda cls: _class_dumper(cls, converter))
    return converter


def _is_free(kind: Any) -> bool:
    return kind is object


def _is_literal(kind: Any) -> bool:
    return get_origin(kind) is Literal


def _is_tuple(kind: Any) -> bool:
    return get_origin(kind) is tuple


def _is_mapping(kind: Any) -> bool:
    return get_origin(kind) is abc.Mapping


def _class_hook(cls: Any, converter: Converter, strict: bool) -> Callable[[object, object], Any]:
    """How to make an attrs class from a mapping.

    (cattrs would write a function for each class, which takes longer than all that most documents
    ask of it.)
    """
    keeps = issubclass(cls, Record) and not strict
    parts = [each for each in fields(cls) if not _is_store_of_unknown(cls, each.name)]
    known = {key_of(each.name): each for each in parts}

    @cache  # when the first one comes: most documents have few of the classes
    def hooks() -> dict[str, Callable[[object, object], object]]:
        return {key: converter.get_structure_hook(each.type) for key, each in known.items()}

    def build(raw: object, _: object) -> Any:
        if not isinstance(raw, dict):
            raise _refusal(f"{_shown(raw)} is not a mapping")
        found: list[Problem] = []
        values: dict[str, Any] = {}
        for key, hook in hooks().items():
            part = known[key]
            if key in raw:
                try:
                    values[part.name] = hook(raw[key], part.type)
                except ShapeError as error:
                    found += [Problem((key, *one.path), one.what) for one in error.found]
            elif part.default is NOTHING:
                found.append(Problem((key,), "is missing"))
        extra = raw.keys() - known.keys()
        if extra and not keeps:
            found += [
                Problem((str(key),), f"is not known; {nearest(str(key), known)}")
                for key in sorted(map(str, extra))
            ]
        if found:
            raise ShapeError(found, cls.__name__)
        if extra:
            values[_UNKNOWN] = {key: _free(raw[key]) for key in raw if key in extra}
        return cls(**values)

    return build


def _class_dumper(cls: Any, converter: Converter) -> Callable[[Any], dict[str, object]]:
    """How to make a mapping from an attrs class."""
    dump = make_dict_unstructure_fn(cls, converter, **_renames(cls))  # type: ignore[arg-type]
    if not issubclass(cls, Record):
        return dump

    def dump_record(value: Record) -> dict[str, object]:
        plain: dict[str, object] = dump(value)
        for key, kept in value.unknown.items():
            plain.setdefault(key, _dump_free(kept, converter))
        return plain

    return dump_record


def _renames(cls: Any) -> dict[str, object]:
    return {
        field.name: override(omit=True)
        if _is_store_of_unknown(cls, field.name)
        else override(rename=key_of(field.name))
        for field in fields(cls)
    }


def _is_store_of_unknown(cls: Any, name: str) -> bool:
    return name == _UNKNOWN and issubclass(cls, Record)


def _tuple_hook(kind: Any, converter: Converter) -> Callable[[object, object], object]:
    """How to make ``tuple[X, ...]`` or ``tuple[X, Y]`` from a list."""
    kinds = get_args(kind)
    length = None if kinds[-1] is ... else len(kinds)
    hooks = [converter.get_structure_hook(one) for one in kinds if one is not ...]

    def build(raw: object, _: object) -> object:
        if not isinstance(raw, list | tuple):
            raise _refusal(f"{_shown(raw)} is not a list")
        if length is not None and len(raw) != length:
            raise _refusal(f"has {len(raw)} entries where {length} are needed")
        pairs = zip(kinds, hooks, strict=True) if length is not None else None
        found: list[Problem] = []
        values = []
        for index, item in enumerate(raw):
            part, hook = next(pairs) if pairs else (kinds[0], hooks[0])
            try:
                values.append(hook(item, part))
            except ShapeError as error:
                found += [Problem((index, *one.path), one.what) for one in error.found]
        if found:
            raise ShapeError(found)
        return tuple(values)

    return build


def _mapping_hook(kind: Any, converter: Converter) -> Callable[[object, object], object]:
    """How to make ``Mapping[str, X]``."""
    _, inner = get_args(kind)
    hook = converter.get_structure_hook(inner)

    def build(raw: object, _: object) -> object:
        if not isinstance(raw, dict):
            raise _refusal(f"{_shown(raw)} is not a mapping")
        found: list[Problem] = []
        values = {}
        for key, item in raw.items():
            try:
                values[_text(key, str)] = hook(item, inner)
            except ShapeError as error:
                found += [Problem((str(key), *one.path), one.what) for one in error.found]
        if found:
            raise ShapeError(found)
        return values

    return build


def _text(raw: object, _: object) -> str:
    if type(raw) is not str:
        quote = " (quote it)" if isinstance(raw, bool | int | float) else ""
        raise _refusal(f"{_shown(raw)} is not text{quote}")
    return raw


def _whole(raw: object, _: object) -> int:
    if type(raw) is not int:
        raise _refusal(f"{_shown(raw)} is not a whole number")
    return raw


def _number(raw: object, _: object) -> float:
    if type(raw) is int:
        return float(raw)
    if type(raw) is not float or not math.isfinite(raw):
        raise _refusal(f"{_shown(raw)} is not a number")
    return raw


def _truth(raw: object, _: object) -> bool:
    if type(raw) is not bool:
        raise _refusal(f"{_shown(raw)} is not true or false")
    return raw


_SCALARS: Final[Mapping[type, Callable[[object, object], object]]] = {
    str: _text,
    int: _whole,
    float: _number,
    bool: _truth,
}


def _enum(raw: object, kind: Any) -> object:
    values = [member.value for member in kind]
    if type(raw) is not str or raw not in values:
        raise _refusal(f"{_shown(raw)} is not one of {', '.join(sorted(values))}")
    return kind(raw)


def _literal(raw: object, kind: Any) -> object:
    for value in get_args(kind):
        if type(raw) is type(value) and raw == value:
            return raw
    known = ", ".join(sorted(map(str, get_args(kind))))
    raise _refusal(f"{_shown(raw)} is not one of {known}")


def _free(raw: object) -> object:
    """A value of any plain shape, made immutable where Python can: lists become tuples."""
    if isinstance(raw, list | tuple):
        return tuple(_free(item) for item in raw)
    if isinstance(raw, dict):
        return {_text(key, str): _free(item) for key, item in raw.items()}
    if type(raw) is float:
        return _number(raw, float)
    if raw is None or type(raw) in _SCALARS:
        return raw
    raise _refusal(f"{_shown(raw)} is not a plain value")


def _dump_free(value: object, converter: Converter) -> object:
    if isinstance(value, list | tuple):
        return [_dump_free(item, converter) for item in value]
    if isinstance(value, dict):
        return {key: _dump_free(item, converter) for key, item in value.items()}
    return converter.unstructure(value)


def _refusal(what: str) -> ShapeError:
    return ShapeError((Problem((), what),))


def _shown(raw: object) -> str:
    """A refused value, short."""
    if raw is None or isinstance(raw, bool):
        return {None: "null", True: "true", False: "false"}[raw]
    if isinstance(raw, dict):
        return "a mapping"
    if isinstance(raw, list | tuple):
        return "a list"
    text = repr(raw)
    return text if len(text) <= SHOWN_CHARS else text[: SHOWN_CHARS - 1] + "…"
