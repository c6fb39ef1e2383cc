"""Creates the Kafka topics that topics.yaml declares, and waits until they can be used."""
