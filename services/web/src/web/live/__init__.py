"""What is known now, from the topics with the results."""
