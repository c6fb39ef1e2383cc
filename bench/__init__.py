"""Measures this stack beside what a user could pick instead: `make bench`. docs/performance.md explains it."""
