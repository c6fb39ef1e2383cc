"""The two ways it can go wrong: for now, and for good."""


class NotYetError(Exception):
    """Looking again later may help: Kafka still starts, or somebody else changed something meanwhile."""


class FinalError(Exception):
    """Somebody must change something. Each argument is one sentence about one fault."""
