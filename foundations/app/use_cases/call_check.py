"""Whether the stages of a pipeline can be called as they were written, seen before anything runs."""

from __future__ import annotations

import inspect
from typing import Any

from foundations.domain.pipeline.graph import Pipeline
from foundations.domain.pipeline.stage import StageFactory, name_of
from foundations.errors import PipelineError


def check_calls(pipeline: Pipeline) -> None:
    """Raise unless the arguments of each stage fit its function.

    Which arguments fit is told by their number and names alone, so each function is looked at once for each of these.

    Raises:
        PipelineError: They do not, or a stage's maker is passed where a stage was surely meant.
    """
    seen: set[tuple[int, int, tuple[str, ...]]] = set()
    for index, node in enumerate(pipeline.nodes):
        for value in (*node.arguments, *node.keyword_arguments.values()):
            if type(value) is StageFactory:
                name = name_of(value.function)
                raise PipelineError(
                    f"stage {pipeline.name(index)} is given what makes stages of {name}, not a stage: call it,"
                    f" {name}(...), or pass the function itself, {name}.function"
                )
        call = (id(node.function), len(node.arguments), tuple(node.keyword_arguments))
        if call not in seen:
            seen.add(call)
            _check_call(pipeline.name(index), node.function, node.arguments, node.keyword_arguments)


def _check_call(name: str, function: Any, arguments: tuple[Any, ...], keyword_arguments: dict[str, Any]) -> None:
    try:
        signature = inspect.signature(function)
    except (TypeError, ValueError):  # many of C do not tell
        return
    try:
        signature.bind(*arguments, **keyword_arguments)
    except TypeError as misfit:
        code = getattr(inspect.unwrap(function), "__code__", None)
        place = f", defined at {code.co_filename}:{code.co_firstlineno}" if code is not None else ""
        given = [f"{len(arguments)} by position", *(f"{keyword}=..." for keyword in keyword_arguments)]
        raise PipelineError(
            f"stage {name} cannot be called: {misfit}. It is given {', '.join(given)}, and takes {signature}{place}."
            " Nothing was run."
        ) from None
