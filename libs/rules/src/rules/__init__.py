"""The rules: what they may say, how they are read from a file, and the canary's own."""
