"""What was, from the history's database. It is only read, and nothing that is live waits for it."""
