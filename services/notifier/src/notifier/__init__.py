"""Hands the incidents of `monitor-insiden` on to a webhook."""
