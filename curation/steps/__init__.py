"""Steps turn pixels into signals; they never decide and never write."""
