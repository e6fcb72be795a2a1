"""Getting footage in: links, buckets, drives, watched folders; each with where it came from."""
