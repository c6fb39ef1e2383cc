"""The contract: names and shapes of what is in Kafka. It imports pydantic and nothing else."""
