"""What options hold when a number does not say it."""
