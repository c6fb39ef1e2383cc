"""The stack as plain processes for machines without Docker: `python -m devstack`; in tests `kafka_running`."""
