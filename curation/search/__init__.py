"""Search: like a frame, a picture, a face, a pose; by words; by conditions over measures."""
