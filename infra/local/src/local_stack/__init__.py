"""The stack as plain processes for machines without Docker: `python -m local_stack`; in tests `kafka_running`."""
