"""A listener: which lines the operator reads, in which words."""
