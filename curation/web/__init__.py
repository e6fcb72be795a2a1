"""The web server: routes, their guard, and jobs as child processes. Nothing here computes."""

from curation.errors import need_packages

need_packages()
