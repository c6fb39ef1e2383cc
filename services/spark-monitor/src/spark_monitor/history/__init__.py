"""What goes into the history: the minutes of readings, the counts of refusals, the incidents' records."""
