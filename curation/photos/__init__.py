"""Pictures that people took: found, read scaled, turned upright, never changed."""
