"""Readings in Kafka -> alerts and combined statuses in Kafka -> lines in the log."""
