"""What is known, as it is shown: words, numbers, marks, curves. Pure."""
