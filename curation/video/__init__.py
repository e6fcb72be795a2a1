"""Video files: what they hold, their frames with exact times, their shots, stills of them."""
