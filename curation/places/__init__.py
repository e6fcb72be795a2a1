"""Where videos lie that are not on this machine: buckets, drives, folders on the web."""
