"""What is asked of the networks and what they answer. No Qt."""
