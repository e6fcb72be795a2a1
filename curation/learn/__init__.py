"""What the studio learns from the person in front of it."""
