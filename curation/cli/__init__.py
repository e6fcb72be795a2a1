"""The command line: thin over the studio."""

from curation.errors import need_packages

need_packages()
