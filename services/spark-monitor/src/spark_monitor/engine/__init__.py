"""What is Spark's: queries, checkpoints, the session, task slots, supervision."""
