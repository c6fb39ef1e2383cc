"""Whether all works: the alert chain, the watchdog, throughput and alarm quality."""
