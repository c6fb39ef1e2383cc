"""Which results were seen already.

After a restart Spark repeats what came since its last checkpoint boundary; people must see each line once.
"""

from collections import defaultdict

from pyroaring import BitMap64

Generation = defaultdict[str, BitMap64]


class Deduplication:
    """The source offsets of results, in compressed bitmaps: a million of them take some hundred kilobytes.

    Two generations are kept. `start_generation` is called at each checkpoint boundary and forgets the one before the
    last: a repetition never reaches further back than the last boundary.
    """

    def __init__(self) -> None:
        self._generations: tuple[Generation, Generation] = (defaultdict(BitMap64), defaultdict(BitMap64))
        self._for_good: Generation = defaultdict(BitMap64)

    def add(self, series: str, offset: int, *, for_good: bool = False) -> bool:
        """Remember a result; True if new. `series` is what has offsets of its own: a source partition and rule.

        What is added `for_good` outlives the generations.
        """
        newest, before = self._generations
        # Not one loop over the three: this is asked for each result.
        if offset in newest[series] or offset in before[series] or offset in self._for_good[series]:
            return False
        (self._for_good if for_good else newest)[series].add(offset)
        return True

    def start_generation(self) -> None:
        """Forget what came before the last call."""
        self._generations = (defaultdict(BitMap64), self._generations[0])
