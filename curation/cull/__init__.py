"""Culling: photos into groups, groups into what stays; reports first, moves last."""
