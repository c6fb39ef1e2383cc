"""The tail of the topics that the monitor writes."""
