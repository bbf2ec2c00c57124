"""How well the next read of a session is foretold.

    .venv/bin/python -m benchmarks.insight.next_read [DATA_DIR] [--quick]

First 70 % of the sessions teach, the rest test; then other splits.
"""

from __future__ import annotations

import random
import time
from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from itertools import pairwise

from benchmarks.figures import Section, Spread, Table, us
from benchmarks.insight.data import rows, say_if_quick
from cache_core.insight.next_read import NextReads

_FILES = ("B_article_navigation_2011_2013.csv.gz", "B_web_server_pages_jul1995.csv.gz")
_TAUGHT = 0.7
_HISTORY = 8
_SEEDS = 5

Guesser = Callable[[Sequence[str]], list[str]]


def main() -> None:
    """The command line."""
    say_if_quick()
    for name in _FILES:
        print(prediction(name).markdown(), flush=True)
        print(splits(name).markdown(), flush=True)


def prediction(name: str) -> Section:
    """Accuracy beside two chains of counts, reliability, memory and time."""
    found = _sessions(name)
    taught, tested = found[: int(len(found) * _TAUGHT)], found[int(len(found) * _TAUGHT) :]
    began = time.process_time()
    reads = _learned(taught)
    observe_s = (time.process_time() - began) / sum(map(len, taught))
    small = _learned(taught, keys_max=1000, pairs_max=2000)
    guessers: dict[str, Guesser] = {
        "first-order chain": _chain(taught, orders=(1,)),
        "second order, back off to first": _chain(taught, orders=(2, 1)),
        "NextReads": _guesses_of(reads),
        "NextReads, 1,000 keys and 2,000 pairs at most": _guesses_of(small),
    }
    lines = []
    for label, guess in guessers.items():
        top1, top3, count = _accuracy(guess, tested)
        lines.append([label, f"{top1:.4f}", f"{top3:.4f}", f"{count:,}"])
    top1, top3, count = _accuracy_while_learning(_learned(taught), tested)
    lines.append(
        ["NextReads, learning on during the test", f"{top1:.4f}", f"{top3:.4f}", f"{count:,}"]
    )
    accuracy = Table(["", "top 1", "top 3", "next reads"], lines)
    reliability, spread = _reliability(reads, tested)
    cost = Table(
        ["", "counts kept", "bytes", "observe, mean µs of processor", "predict, median µs", "p99"],
        [
            [
                "default bounds",
                f"{reads.entries:,}",
                f"{reads.size_bytes():,}",
                us(observe_s),
                us(spread.median),
                us(spread.p99),
            ],
            [
                "1,000 keys and 2,000 pairs at most",
                f"{small.entries:,}",
                f"{small.size_bytes():,}",
                "",
                "",
                "",
            ],
        ],
        "Cost",
    )
    text = f"{len(taught):,} sessions teach, {len(tested):,} test; `half_life_s=None`."
    return Section(name, f"Next read: {name}", text, [accuracy, reliability, cost])


def splits(name: str) -> Section:
    """Differences from the first-order chain on several splits, with errors by paired sessions."""
    found = _sessions(name)
    cuts = []
    for taught, tested in ((30, 30), (40, 30), (50, 20), (60, 20), (70, 30)):
        begin, end = len(found) * taught // 100, len(found) * (taught + tested) // 100
        cuts.append((f"first {taught} %, next {tested} %", found[:begin], found[begin:end]))
    for seed in range(1, _SEEDS + 1):
        mixed = random.Random(seed).sample(found, len(found))
        begin = int(len(found) * _TAUGHT)
        cuts.append((f"70 % by lot, seed {seed}", mixed[:begin], mixed[begin:]))
    lines = []
    for label, taught_ones, tested_ones in cuts:
        ours = _hits(_guesses_of(_learned(taught_ones)), tested_ones)
        cells: list[str] = []
        for chain in (_chain(taught_ones, (1,)), _filled_chain(taught_ones)):
            theirs = _hits(chain, tested_ones)
            cells += [_difference(ours, theirs, place) for place in (0, 1)]
        lines.append([label, f"{sum(hit[2] for hit in ours):,}", *cells])
    columns = "split|next reads|top 1|top 3|top 1, chain filled up|top 3, chain filled up"
    text = """
NextReads less the first-order chain, points ± standard error (differences by session). The chain
filled up breaks ties by popularity and has the most popular pages where it knows fewer than three.
"""
    table = Table(columns.split("|"), lines)
    return Section(f"splits-{name}", f"Other splits: {name}", text, [table])


def _sessions(name: str) -> list[list[str]]:
    sessions: dict[str, list[str]] = defaultdict(list)
    for row in rows(name):
        sessions[row["session"]].append(row["page"])
    return list(sessions.values())


def _filled_chain(sessions: list[list[str]]) -> Guesser:
    counts: dict[str, Counter[str]] = defaultdict(Counter)
    popular: Counter[str] = Counter()
    for pages in sessions:
        for before, after in pairwise(pages):
            counts[before][after] += 1
            popular[after] += 1
    top = [key for key, _ in popular.most_common(6)]

    def guess(recent: Sequence[str]) -> list[str]:
        row = counts.get(recent[-1], Counter())
        known = sorted(row, key=lambda key: (-row[key], -popular[key]))[:3]
        return [*known, *(key for key in top if key not in known)][:3]

    return guess


def _hits(guess: Guesser, sessions: list[list[str]]) -> list[tuple[int, int, int]]:
    """Of each session: next reads foretold at top 1, at top 3, and all."""
    found = []
    for pages in sessions:
        steps = _steps(pages)[:-1]
        guesses = [(guess(recent), following) for recent, following in steps]
        first = sum(said[:1] == [following] for said, following in guesses)
        found.append((first, sum(following in said for said, following in guesses), len(steps)))
    return found


def _difference(
    ours: list[tuple[int, int, int]], theirs: list[tuple[int, int, int]], place: int
) -> str:
    """Ratio of sums over sessions, and its standard error."""
    count = sum(hit[2] for hit in ours)
    each = [our[place] - their[place] for our, their in zip(ours, theirs, strict=True)]
    mean = sum(each) / count
    squares = ((gain - mean * hit[2]) ** 2 for gain, hit in zip(each, ours, strict=True))
    return f"{mean * 100:+.2f} ± {sum(squares) ** 0.5 / count * 100:.2f}"


def _learned(sessions: list[list[str]], **bounds: int) -> NextReads:
    reads = NextReads(half_life_s=None, **bounds)
    for number, pages in enumerate(sessions):
        for page in pages:
            reads.observe(number, page, 0.0)
    return reads


def _guesses_of(reads: NextReads) -> Guesser:
    return lambda recent: [key for key, _ in reads.predict(recent, 3)]


def _chain(sessions: list[list[str]], orders: tuple[int, ...]) -> Guesser:
    """Counts of what followed the last reads; unknown: what was most often moved to."""
    counts: dict[tuple[str, ...], Counter[str]] = defaultdict(Counter)
    for pages in sessions:
        for step in range(1, len(pages)):
            counts[()][pages[step]] += 1
            for order in orders:
                if step >= order:
                    counts[tuple(pages[step - order : step])][pages[step]] += 1

    def guess(recent: Sequence[str]) -> list[str]:
        for order in (*orders, 0):
            context = tuple(recent[len(recent) - order :]) if order else ()
            if len(context) == order and context in counts:
                return [key for key, _ in counts[context].most_common(3)]
        return []

    return guess


def _steps(pages: list[str]) -> list[tuple[list[str], str | None]]:
    """Each read's recent pages and what came next; None at the end."""
    return [
        (pages[max(step + 1 - _HISTORY, 0) : step + 1], following)
        for step, following in enumerate([*pages[1:], None])
    ]


def _accuracy(guess: Guesser, sessions: list[list[str]]) -> tuple[float, float, int]:
    first = three = count = 0
    for pages in sessions:
        for recent, following in _steps(pages)[:-1]:
            guesses = guess(recent)
            first += guesses[:1] == [following]
            three += following in guesses
            count += 1
    return first / count, three / count, count


def _accuracy_while_learning(
    reads: NextReads, sessions: list[list[str]]
) -> tuple[float, float, int]:
    first = three = count = 0
    for number, pages in enumerate(sessions):
        for recent, following in _steps(pages):
            reads.observe(("test", number), recent[-1], 0.0)
            if following is not None:
                guesses = [key for key, _ in reads.predict(recent, 3)]
                first += guesses[:1] == [following]
                three += following in guesses
                count += 1
    return first / count, three / count, count


def _reliability(reads: NextReads, sessions: list[list[str]]) -> tuple[Table, Spread]:
    """All guesses among the three likeliest, ends of sessions included, by said probability."""
    bounds = (0.05, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 1.01)
    sums = [[0.0, 0.0, 0.0] for _ in bounds]
    taken = []
    for pages in sessions:
        for recent, following in _steps(pages):
            began = time.perf_counter()
            guesses = reads.predict(recent, 3)
            taken.append(time.perf_counter() - began)
            for key, probability in guesses:
                cell = sums[sum(probability >= bound for bound in bounds)]
                cell[0] += 1
                cell[1] += probability
                cell[2] += key == following
    lines = [
        [f"below {min(bound, 1):g}", f"{count:,.0f}", f"{said / count:.3f}", f"{came / count:.3f}"]
        for bound, (count, said, came) in zip(bounds, sums, strict=True)
        if count
    ]
    count = sum(cell[0] for cell in sums)
    error = sum(abs(said - came) for _, said, came in sums) / count
    caption = f"Reliability: mean |said - came true| {error:.4f}"
    columns = ["said probability", "guesses", "mean said", "came true"]
    return Table(columns, lines, caption), Spread.of(taken)


if __name__ == "__main__":
    main()
