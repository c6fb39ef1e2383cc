"""What goes into the history: the minutes of readings, and the counts of refusals."""
