CREATE TABLE still_sum (             -- what a still's file was when it was written
    frame_id INTEGER PRIMARY KEY REFERENCES frame(id),
    sha256 BLOB NOT NULL,
    n_bytes INTEGER NOT NULL,
    mtime_ns INTEGER NOT NULL        -- a file of another size or time is another file by now
);
