CREATE TABLE watch_failure (
    path TEXT PRIMARY KEY,           -- as source_file.path
    size_bytes INTEGER NOT NULL,     -- with mtime_ns: a file that changed is tried at once
    mtime_ns INTEGER NOT NULL,
    tries INTEGER NOT NULL,
    again_s REAL NOT NULL,           -- when it is tried again, in seconds since 1970
    reason TEXT NOT NULL
) WITHOUT ROWID;
