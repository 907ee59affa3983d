"""Refusals of what needs a stage's value: a stage is a call that is not made yet, so it has none."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any, NoReturn

_BINARY = (
    "add + sub - mul * matmul @ truediv / floordiv // mod % pow ** divmod divmod() lshift << rshift >> and & or | xor ^"
)
_OTHERS = (
    "lt < le <= gt > ge >= neg - pos + invert ~ abs abs() round round() int int() float float() complex complex()"
    " index range() array numpy.asarray()"
)


class WithoutValue:
    """The base of stages: whatever needs the value raises a TypeError that explains what to do instead."""

    __slots__ = ()

    __array_ufunc__ = None
    """Has NumPy's arrays leave an operation with a stage to the stage, which refuses it."""

    def name(self) -> str:
        """Return the name of the function that the stage calls."""
        raise NotImplementedError

    def __iter__(self) -> NoReturn:
        raise self._no_value_yet("iterated over", "state how many items it has, with .split(n)")

    def __len__(self) -> NoReturn:
        raise self._no_value_yet("measured", "use .stage(len)")

    def __bool__(self) -> NoReturn:
        raise self._no_value_yet("true or false", "decide inside a stage")

    def __contains__(self, item: object) -> NoReturn:
        raise self._no_value_yet("searched", "use .stage(operator.contains, item)")

    def _no_value_yet(self, what: str, instead: str) -> TypeError:
        return TypeError(f"{self!r} has no value before it runs, so it cannot be {what}; {instead}. {self._nested()}")

    def _nested(self) -> str:
        return f"Inside a stage, call the plain function instead, as in {self.name()}.function(...)"

    if not TYPE_CHECKING:  # type checkers know better that a stage has no such attributes and operators

        def __getattr__(self, name: str) -> NoReturn:
            if name.startswith("__") or name == "_function":
                raise AttributeError(name, name=name, obj=self)  # somebody looks whether it is there
            raise AttributeError(
                f"{self!r} has no attribute {name!r}: it is a call that is not made yet, not its output. Use the output"
                f" in another stage, as in .stage(operator.attrgetter({name!r})). {self._nested()}",
                name=name,
                obj=self,
            )

        def __setitem__(self, key: object, value: object) -> NoReturn:
            raise self._no_value_yet("changed", "change the output inside a stage")

        def __delitem__(self, key: object) -> NoReturn:
            raise self._no_value_yet("changed", "change the output inside a stage")

        def __format__(self, specification: str) -> str:
            if not specification:
                return str(self)
            raise self._no_value_yet(
                f"formatted by {specification!r}",
                "format the output in a function, and pass the stage to it with .stage(function), or print the output"
                " of its job. f'{stage}' shows the stage itself",
            )


def _refusal(symbol: str) -> Callable[..., NoReturn]:
    def refuse(self: WithoutValue, *others: Any) -> NoReturn:
        raise self._no_value_yet(
            f"an operand of {symbol}",
            "put the operation into a function, and pass the stage to it with .stage(function)",
        )

    return refuse


def _pairs(text: str) -> Iterator[tuple[str, str]]:
    words = iter(text.split())
    return zip(words, words, strict=True)


for _name, _symbol in _pairs(_BINARY):
    setattr(WithoutValue, f"__{_name}__", _refusal(_symbol))
    setattr(WithoutValue, f"__r{_name}__", _refusal(_symbol))
for _name, _symbol in _pairs(_OTHERS):
    setattr(WithoutValue, f"__{_name}__", _refusal(_symbol))
