"""The life cycle of incidents and silences, their wording, their inhibition, and Spark's operator around them."""
