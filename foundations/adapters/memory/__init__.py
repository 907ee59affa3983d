"""Everything in memory, for tests: an adapter of each port, proven by the same contract as the real ones."""

from foundations.adapters.memory.archive import MemoryPipelineArchive
from foundations.adapters.memory.bundler import MemoryJobBundler
from foundations.adapters.memory.cache import MemoryCacheBackend
from foundations.adapters.memory.environment import MemoryExecutionEnvironment
from foundations.adapters.memory.listing import MemoryPipelineListing
from foundations.adapters.memory.stores import forget_store

__all__ = [
    "MemoryCacheBackend",
    "MemoryExecutionEnvironment",
    "MemoryJobBundler",
    "MemoryPipelineArchive",
    "MemoryPipelineListing",
    "forget_store",
]
