"""What the monitoring services share. Import the module you need; this package imports nothing by itself."""
