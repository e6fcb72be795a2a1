"""The web server: routes, their guard, and jobs as child processes. Nothing here computes."""
