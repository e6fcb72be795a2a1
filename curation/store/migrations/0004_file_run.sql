CREATE TABLE file_run (
    id INTEGER PRIMARY KEY,          -- one toolkit verb that changed files
    verb TEXT NOT NULL,
    argv TEXT NOT NULL,              -- JSON list
    state TEXT NOT NULL,             -- begun, done, undoing, undone
    begun_s REAL NOT NULL,           -- seconds since 1970
    ended_s REAL
);
CREATE TABLE file_op (
    run_id INTEGER NOT NULL REFERENCES file_run(id),
    n INTEGER NOT NULL,              -- order within the run
    grp INTEGER NOT NULL,            -- ops of one group are done all or none
    kind TEXT NOT NULL,              -- mkdir, put, move, remove, rmdir
    src BLOB,                        -- of a move; paths as bytes, relative when in the work dir
    dst BLOB NOT NULL,
    before TEXT,                     -- content that stood at dst, kept under .curation/kept
    before_stat TEXT,                -- JSON [mtime_ns, mode] of it
    after TEXT,                      -- content put there; of a move, the inode's identity
    after_stat TEXT,
    temp TEXT,                       -- where the new content waits, below .curation/tmp
    state INTEGER NOT NULL,          -- 0 to do, 1 done, 2 undone, 3 left as it is
    PRIMARY KEY (run_id, n)
) WITHOUT ROWID;
CREATE INDEX file_op_open ON file_op (run_id, n) WHERE state = 0;
CREATE TABLE indexed_file (
    path BLOB PRIMARY KEY,           -- as bytes, relative when in the work dir
    size_bytes INTEGER NOT NULL,     -- with mtime and inode: whether it must be read again
    mtime_ns INTEGER NOT NULL,
    inode INTEGER NOT NULL,
    content TEXT NOT NULL            -- blake2b of the bytes
) WITHOUT ROWID;
CREATE INDEX indexed_file_content ON indexed_file (content);
CREATE TABLE indexed_measure (
    content TEXT NOT NULL,
    name TEXT NOT NULL,              -- phash, blur, embedding.sface, ...
    fp TEXT NOT NULL,                -- how it was measured
    value BLOB,                      -- a number, a text or packed values
    error TEXT,
    PRIMARY KEY (content, name, fp)
) WITHOUT ROWID;
