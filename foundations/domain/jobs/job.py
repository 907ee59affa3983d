"""Jobs: a pipeline, its parameters and where it came from, under a unique name; and their serialised form."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from types import MappingProxyType
from typing import Any, NamedTuple, cast

from foundations.domain.pipeline.graph import Node, Pipeline
from foundations.domain.pipeline.placeholders import Template
from foundations.domain.pipeline.stage import unwrap
from foundations.errors import DamagedBundleError, NotSerialisableError
from foundations.ports.frames import Buffer
from foundations.ports.job import describe_format
from foundations.ports.serialisation import Serialiser

FORMAT = 1


class Job(NamedTuple):
    """What is frozen when a pipeline is run.

    Attributes:
        name: The job's name, unique in the listing.
        pipeline: The pipeline to run.
        parameters: A value for each hyperparameter.
        project: The project directory that the job was submitted from, an absolute path; it need not exist any more.
        import_paths: The directories that the job imports modules from, relative to the project directory.
        commit: The git commit that was checked out in the project, where there is one.
        repository: The state of the project's repository then, as JSON's own types; None where it is not known.
        submitter: The ``user`` that submitted it, and the ``host`` where.
        main: What the job's ``__main__`` is made from; see :mod:`foundations.app.project.main_module`.
        modules: Name, file and kind of the project's modules that the submitter had imported, in that order.
        state: The plain attributes that they had; see :mod:`foundations.app.project.module_state`.
        settings: The settings of libraries there; see :mod:`foundations.app.project.library_settings`.
    """

    name: str
    pipeline: Pipeline
    parameters: dict[str, Any]
    project: str
    import_paths: tuple[str, ...]
    commit: str | None = None
    repository: Mapping[str, Any] | None = None
    submitter: Mapping[str, str] = MappingProxyType({})
    main: Mapping[str, Any] | None = None
    modules: tuple[tuple[str, str, bool], ...] = ()
    state: Mapping[str, Any] = MappingProxyType({})
    settings: Mapping[str, Mapping[str, str]] = MappingProxyType({})

    def to_buffers(self, serialiser: Serialiser) -> list[Buffer]:
        """Return the job as one pickle for its header, one for its parameters and one for each stage, from one pickler.

        Raises:
            NotSerialisableError: Something in it cannot be pickled; the error names the stage and the path to it.
        """
        failed: list[int] = []

        def parts(position: int) -> Iterator[tuple[str, object]]:
            failed.append(position)
            return self._named_parts(position)

        try:
            return serialiser.dump_sequence(self._parts(), parts)
        except NotSerialisableError as error:
            stage = self.pipeline.name(failed[0] - 2) if failed and failed[0] >= 2 else None
            raise NotSerialisableError(
                error.message, path=error.path, reason=error.reason, stage=stage
            ) from error.__cause__

    def _parts(self) -> Iterator[object]:
        yield {
            "format": FORMAT,
            "name": self.name,
            "project": self.project,
            "import_paths": self.import_paths,
            "commit": self.commit,
            "repository": self.repository,
            "submitter": dict(self.submitter),
            "main": self.main,
            "modules": [tuple(module) for module in self.modules],
            "state": dict(self.state),
            "settings": dict(self.settings),
            "stages": len(self.pipeline.nodes),
            "hyperparameters": sorted(self.pipeline.hyperparameters),
        }
        yield self.parameters
        yield from map(tuple, self.pipeline.nodes)

    def _named_parts(self, position: int) -> Iterator[tuple[str, object]]:
        if position < 2:
            for name, value in self.parameters.items():
                yield f"hyperparameter {name}", value
            return
        index = position - 2
        node, name = self.pipeline.nodes[index], self.pipeline.name(index)
        yield name, node.function
        for number, value in enumerate(node.arguments):
            yield f"{name}(argument {number + 1})", _content(value)
        for key, value in node.keyword_arguments.items():
            yield f"{name}({key}=...)", _content(value)

    @classmethod
    def header(cls, data: Buffer, serialiser: Serialiser) -> dict[str, Any]:
        """Return what :meth:`to_buffers` wrote first, of Python's own types: reading it imports nothing of the user's.

        Raises:
            DamagedBundleError: It is of another format.
        """
        return _checked_header(next(serialiser.load_sequence(data)))

    @classmethod
    def from_buffer(cls, data: Buffer, serialiser: Serialiser) -> Job:
        """Read what :meth:`to_buffers` wrote.

        Raises:
            DamagedBundleError: It is of another format.
            Exception: Whatever importing the modules of its functions raises.
        """
        values = serialiser.load_sequence(data)
        header = _checked_header(next(values))
        parameters: Any = next(values)
        nodes = []
        for value in values:
            function, *fields = cast("tuple[Any, ...]", value)
            nodes.append(Node(unwrap(function), *fields))
        if len(nodes) != header["stages"]:
            raise DamagedBundleError(f"job.bin has {len(nodes)} stages of {header['stages']}", member="job.bin")
        return cls(
            name=header["name"],
            pipeline=Pipeline(tuple(nodes), frozenset(header["hyperparameters"])),
            parameters=parameters,
            project=header["project"],
            import_paths=tuple(header["import_paths"]),
            commit=header["commit"],
            repository=header["repository"],
            submitter=header["submitter"],
            main=header["main"],
            modules=tuple(header["modules"]),
            state=header["state"],
            settings=header["settings"],
        )


def _content(value: object) -> object:
    return value.value if isinstance(value, Template) else value


def _checked_header(header: Any) -> dict[str, Any]:
    if not isinstance(header, dict) or header.get("format") != FORMAT:
        found = header.get("format") if isinstance(header, dict) else None
        raise DamagedBundleError(
            f"job.bin is not of format {FORMAT}: it has {describe_format(found, FORMAT)}", member="job.bin"
        )
    return header
