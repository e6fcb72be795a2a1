"""The only room with SQL: the catalogue of videos, frames, signals, decisions and jobs."""
