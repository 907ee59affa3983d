"""The tools of all benchmarks: contenders that take turns, medians, and bars that a ratio must keep.

A figure has a meaning only as a ratio within one run. Contenders take turns in random order, so that other load of the
machine affects all of them equally; a first round warms up and is not counted.
"""

import argparse
import random
import statistics
import time
from collections.abc import Callable, Mapping

SLACK_OF_A_SAMPLE = 4.0


class Report:
    """Prints the results, and collects the bars that were missed.

    Args:
        slack: The factor by which a bar may be exceeded: 1 for promises, more where few rounds are run.
    """

    def __init__(self, slack: float = 1.0) -> None:
        self.slack = slack
        self.missed: list[str] = []

    def title(self, text: str) -> None:
        print(f"\n{text}\n")

    def table(self, times: Mapping[str, list[float]], unit: str = "ms", scale: float = 1000.0) -> dict[str, float]:
        """Print the medians, each with the ratio of ours to it; return the figures that bars apply to.

        These are the medians, and of a sample, which other load of the machine must not fail, the minima.
        """
        medians = {name: statistics.median(values) * scale for name, values in times.items()}
        ours = next(iter(medians.values()))
        print(f"  {'':28}{'median ' + unit:>14}{'min':>11}{'max':>11}{'ours / it':>11}")
        for name, values in times.items():
            ratio = f"{ours / medians[name]:.2f}" if medians[name] else ""
            low, high = min(values) * scale, max(values) * scale
            print(f"  {name:28}{medians[name]:14.3f}{low:11.3f}{high:11.3f}{ratio:>11}")
        return medians if self.slack == 1 else {name: min(values) * scale for name, values in times.items()}

    def bar(self, what: str, value: float, limit: float) -> None:
        """Print whether `value` is at most `limit`."""
        is_kept = value <= limit * self.slack
        if not is_kept:
            self.missed.append(what)
        verdict = "kept" if value <= limit else "within slack" if is_kept else "MISSED"
        print(f"  {verdict:13}{what}: {value:.3g}, at most {limit:.3g}")

    def close(self) -> None:
        """End the process, with an error where a bar was missed."""
        if self.missed:
            raise SystemExit(f"\nmissed: {', '.join(self.missed)}")


def take_turns(
    calls: Mapping[str, Callable[[], object]], rounds: int, *, warm_up: int = 1, after: Callable[[], None] | None = None
) -> dict[str, list[float]]:
    """Return each contender's times in seconds, one for each counted round.

    Args:
        calls: The calls to time, by name.
        rounds: The number of counted rounds.
        warm_up: The number of rounds before these.
        after: Called after each call, untimed.
    """
    times: dict[str, list[float]] = {name: [] for name in calls}
    order = list(calls)
    for number in range(warm_up + rounds):
        random.Random(number).shuffle(order)
        for name in order:
            start = time.perf_counter()
            calls[name]()
            elapsed = time.perf_counter() - start
            if after is not None:
                after()
            if number >= warm_up:
                times[name].append(elapsed)
    return times


def arguments(description: str, rounds: int) -> tuple[argparse.Namespace, Report]:
    """Return the options that every benchmark has, and the report to print to."""
    parser = argparse.ArgumentParser(description=description.partition("\n")[0])
    parser.add_argument("--rounds", type=int, default=rounds, help="counted rounds (default: %(default)s)")
    parser.add_argument(
        "--sample",
        action="store_true",
        help=f"small inputs, no peers that have to be installed, bars {SLACK_OF_A_SAMPLE:g} times as wide",
    )
    options = parser.parse_args()
    if options.rounds < 1:
        parser.error("--rounds is at least 1")
    return options, Report(SLACK_OF_A_SAMPLE if options.sample else 1.0)
