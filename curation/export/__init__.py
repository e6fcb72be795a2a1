"""What leaves the catalogue: folders of pictures, tables, and a report to look at."""
