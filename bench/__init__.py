"""Benchmarks: speed as ratios in one run, quality as metrics on labelled data."""
