"""Commands beside `run`."""
