"""The stack for tests, bench and `make run`: Kafka, ZooKeeper, the monitor as processes; compose projects."""
