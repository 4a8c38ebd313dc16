"""What several floors of tests share."""
