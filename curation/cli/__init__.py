"""The command line: thin over the studio."""
