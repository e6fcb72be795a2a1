CREATE TABLE origin (
    path TEXT PRIMARY KEY,           -- of the file, relative to the datastore when inside it
    kind TEXT NOT NULL,              -- link, bucket, drive, watch, upload
    url TEXT NOT NULL,               -- without secrets
    archive_key TEXT,                -- its name where it came from: never fetched twice
    title TEXT NOT NULL DEFAULT '',
    licence TEXT NOT NULL DEFAULT '',
    facts TEXT NOT NULL DEFAULT '{}',-- JSON: uploader, date, etag, ...
    fetched_s REAL NOT NULL
) WITHOUT ROWID;
CREATE UNIQUE INDEX origin_archive ON origin (kind, archive_key);
CREATE TABLE audit (
    id INTEGER PRIMARY KEY,
    made_s REAL NOT NULL,
    who TEXT NOT NULL,               -- the name that was given with the password, or ''
    address TEXT NOT NULL,           -- where the request came from
    action TEXT NOT NULL,            -- mark, undo, apply, move, delete, job, upload, ...
    what TEXT NOT NULL               -- JSON
);
CREATE TABLE quarantine (
    path TEXT PRIMARY KEY,           -- as source_file.path
    size_bytes INTEGER NOT NULL,     -- with mtime_ns: another file under this name is tried
    mtime_ns INTEGER NOT NULL,
    stage TEXT NOT NULL,             -- probe, extract
    reason TEXT NOT NULL,            -- how it ended its worker, twice
    made_s REAL NOT NULL
) WITHOUT ROWID;
