"""What the four desks share."""
