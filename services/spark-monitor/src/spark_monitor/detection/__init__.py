"""Kafka rows in, Kafka rows out: readings, refusals, alerts and statuses, as pure functions of DataFrames."""
