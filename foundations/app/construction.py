"""From a dotted name in the configuration to an adapter behind its port.

Whatever can be found wrong without calling the class is raised before it is called. The module is light, since every
job's process wires itself with it.
"""

from __future__ import annotations

import importlib
from collections.abc import Callable, Iterable, Mapping
from typing import TYPE_CHECKING, Any, TypeVar, cast

from foundations.app.config.settings import AdapterSettings, resolve_variables
from foundations.concealment import conceal
from foundations.errors import ConfigurationError, FoundationsError

if TYPE_CHECKING:
    import inspect

Port = TypeVar("Port")


def construct(
    adapter_settings: AdapterSettings, port: Callable[..., Port], environ: Mapping[str, str], **collaborators: Any
) -> Port:
    """Return the adapter that `adapter_settings` name.

    Args:
        adapter_settings: The class and its arguments.
        port: The abstract class that the adapter implements. (Its type is a callable's because a type checker refuses
            an abstract class as ``type[Port]``.)
        environ: The environment variables that ``${VAR}`` in the arguments stands for.
        collaborators: Objects that no configuration can hold; each is passed on where the constructor has a parameter
            of its name.

    Raises:
        ConfigurationError: There is no such class, it is no adapter of the port, or the arguments do not fit it.
        FoundationsError: The constructor itself raised it.
    """
    adapter_class = load_class(adapter_settings, port)
    arguments = resolve_variables(adapter_settings.arguments, environ, adapter_settings.key, adapter_settings.origin)
    keyword_arguments = {
        **_accepted(collaborators, adapter_class),
        **resolve_variables(adapter_settings.keyword_arguments, environ, adapter_settings.key, adapter_settings.origin),
    }
    try:
        return adapter_class(*arguments, **keyword_arguments)
    except ConfigurationError as error:
        if error.file is None:
            _locate(error, adapter_settings)
        raise
    except FoundationsError:
        raise
    except Exception as error:
        if isinstance(error, TypeError):
            _explain_misfit(error, adapter_settings, adapter_class, arguments, keyword_arguments)
        cause = error if conceal(str(error)) == str(error) else None  # a traceback would show the cause as it is
        raise _mistake(
            adapter_settings,
            f"{adapter_settings.type_name} could not be constructed: {type(error).__name__}: {error}",
            found=type(error).__name__,
            expected=f"arguments that {adapter_settings.type_name} accepts",
        ) from cause


def load_class(adapter_settings: AdapterSettings, port: Callable[..., Port]) -> type[Port]:
    """Return the class that `adapter_settings` name, once it is checked to be a whole adapter of `port`.

    Args:
        adapter_settings: The class.
        port: As for :func:`construct`.

    Raises:
        ConfigurationError: There is no such class, importing it failed, it is no subclass of the port, or it leaves
            methods of the port out.
    """
    name = adapter_settings.type_name
    found = _resolve(adapter_settings)
    port_class = cast("type[Port]", port)
    expected = f"a subclass of {_dotted_name(port_class)}"
    if not isinstance(found, type):
        kind = type(found).__name__
        raise _mistake(adapter_settings, f"{name} is not a class: its type is {kind}.", found=kind, expected=expected)
    if not issubclass(found, port_class):
        raise _mistake(
            adapter_settings,
            f"{name} is not an adapter for this key: {_dotted_name(found)} does not subclass"
            f" {_dotted_name(port_class)}.",
            found=_dotted_name(found),
            expected=expected,
        )
    missing = sorted(getattr(found, "__abstractmethods__", ()))
    if missing:
        raise _mistake(
            adapter_settings,
            f"{name} does not implement every method of its port; missing: {', '.join(missing)}.",
            found=f"{name} without {', '.join(missing)}",
            expected=f"{expected} that implements every method",
            missing=tuple(missing),
        )
    return found


def _accepted(collaborators: Mapping[str, Any], adapter_class: type) -> dict[str, Any]:
    """Return those of `collaborators` that the constructor of `adapter_class` has a parameter for."""
    signature = _signature_of(adapter_class) if collaborators else None
    return {name: value for name, value in collaborators.items() if signature and name in signature.parameters}


def _signature_of(adapter_class: type) -> inspect.Signature | None:
    import inspect

    try:
        return inspect.signature(adapter_class)
    except (TypeError, ValueError):  # many classes written in C have none
        return None


def _resolve(adapter_settings: AdapterSettings) -> object:
    """Import the longest prefix of the dotted name that is a module, and follow the rest as attributes."""
    parts = adapter_settings.type_name.split(".")
    module, length = _longest_module(adapter_settings, parts)
    found = module
    for index, part in enumerate(parts[length:], start=length):
        try:
            found = getattr(found, part)
        except AttributeError as error:
            owner = ".".join(parts[:index])
            nearest = _nearest(part, _public_names(found))
            hint = f"; did you mean {owner}.{nearest}?" if nearest else "."
            raise _mistake(
                adapter_settings,
                f"there is no {part!r} in {owner}{hint}",
                found=adapter_settings.type_name,
                expected="the dotted name of a class",
                nearest=nearest and f"{owner}.{nearest}",
            ) from error
        except Exception as error:
            raise _failed_import(adapter_settings, ".".join(parts[: index + 1]), error) from error
    return found


def _longest_module(adapter_settings: AdapterSettings, parts: list[str]) -> tuple[object, int]:
    missing: ModuleNotFoundError | None = None
    for length in range(len(parts) - 1, 0, -1):
        name = ".".join(parts[:length])
        try:
            return importlib.import_module(name), length
        except ModuleNotFoundError as error:
            if error.name is None or not f"{name}.".startswith(f"{error.name}."):
                raise _failed_import(adapter_settings, name, error) from error
            missing = error
        except (Exception, SystemExit) as error:
            raise _failed_import(adapter_settings, name, error) from error
    raise _mistake(
        adapter_settings,
        f"there is no module {parts[0]!r} to import {adapter_settings.type_name} from: it is neither installed nor "
        "beside the script that runs.",
        found=adapter_settings.type_name,
        expected="the dotted name of a class in a module that can be imported",
    ) from missing


def _explain_misfit(
    error: TypeError,
    adapter_settings: AdapterSettings,
    adapter_class: type,
    arguments: tuple[Any, ...],
    keyword_arguments: Mapping[str, Any],
) -> None:
    """Raise what is wrong with the arguments, where that is why the call failed."""
    signature = _signature_of(adapter_class)
    if signature is None:
        return
    try:
        signature.bind(*arguments, **keyword_arguments)
    except TypeError as misfit:
        unknown = [name for name in keyword_arguments if name not in signature.parameters]
        nearest = _nearest(unknown[0], signature.parameters) if unknown else None
        hint = f" Did you mean {nearest}?" if nearest else ""
        given = [f"{len(arguments)} positional", *keyword_arguments]
        raise _mistake(
            adapter_settings,
            f"the arguments do not fit {adapter_settings.type_name}{signature}: {misfit}.{hint}",
            found=f"the arguments {', '.join(given)}",
            expected=f"arguments for {signature}",
            nearest=nearest,
        ) from error


def _failed_import(adapter_settings: AdapterSettings, name: str, error: BaseException) -> ConfigurationError:
    return _mistake(
        adapter_settings,
        f"importing {name} failed: {type(error).__name__}: {error}",
        found=type(error).__name__,
        expected=f"{name} to be imported",
    )


def _mistake(
    adapter_settings: AdapterSettings, message: str, *, found: str, expected: str, **details: Any
) -> ConfigurationError:
    origin = adapter_settings.origin
    return ConfigurationError(
        message, **origin._asdict(), key=adapter_settings.key, found=found, expected=expected, **details
    )


def _locate(error: ConfigurationError, adapter_settings: AdapterSettings) -> None:
    """Add to an error that an adapter raised where the adapter was configured."""
    place = {**adapter_settings.origin._asdict(), "key": error.key or adapter_settings.key}
    FoundationsError.__init__(error, error.message, **{**error._details, **place})


def _public_names(owner: object) -> list[str]:
    return [name for name in dir(owner) if not name.startswith("_")]


def _nearest(name: str, names: Iterable[str]) -> str | None:
    import difflib

    return next(iter(difflib.get_close_matches(name, list(names), n=1)), None)


def _dotted_name(a_class: type) -> str:
    return f"{a_class.__module__}.{a_class.__qualname__}"
