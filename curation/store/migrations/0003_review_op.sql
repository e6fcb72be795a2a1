CREATE TABLE review_op (
    revision INTEGER PRIMARY KEY,    -- when it was made, by the clock of all marks
    id TEXT NOT NULL UNIQUE,         -- made by the browser, so that a retry counts once
    client TEXT NOT NULL,            -- which browser; undo is one history for each
    who TEXT NOT NULL,               -- the name that its user gave, or ''
    kind TEXT NOT NULL,              -- flag, stars, label, note, tag, untag
    value TEXT NOT NULL,             -- JSON
    made_s REAL NOT NULL,            -- seconds since 1970
    state INTEGER NOT NULL,          -- 0 done, 1 undone, 2 undone for good
    changed INTEGER NOT NULL,        -- frames whose value it changed
    frames BLOB NOT NULL,            -- zlib of int64 ids, ascending, as differences
    earlier BLOB NOT NULL,           -- zlib of int64: which op each value came from before
    overwrote TEXT NOT NULL          -- JSON: the first marks of others that it replaced
);
CREATE INDEX review_op_client ON review_op (client, state, revision);
CREATE TABLE review (
    frame_id INTEGER PRIMARY KEY REFERENCES frame(id),
    flag INTEGER NOT NULL DEFAULT 0, -- -1 rejected, 1 picked
    stars INTEGER NOT NULL DEFAULT 0,
    label INTEGER NOT NULL DEFAULT 0,
    note TEXT NOT NULL DEFAULT '',
    flag_op INTEGER NOT NULL DEFAULT 0, -- revision of the op that the value comes from
    stars_op INTEGER NOT NULL DEFAULT 0,
    label_op INTEGER NOT NULL DEFAULT 0,
    note_op INTEGER NOT NULL DEFAULT 0,
    tag_op INTEGER NOT NULL DEFAULT 0,
    revision INTEGER NOT NULL        -- of the last change, undo and redo too
);
CREATE INDEX review_revision ON review (revision);
CREATE TABLE review_tag (
    tag TEXT NOT NULL,
    frame_id INTEGER NOT NULL REFERENCES frame(id),
    present INTEGER NOT NULL,        -- 0: somebody took it away
    op INTEGER NOT NULL,
    PRIMARY KEY (tag, frame_id)
) WITHOUT ROWID;
CREATE INDEX review_tag_frame ON review_tag (frame_id);
CREATE TABLE saved_view (
    name TEXT PRIMARY KEY,
    value TEXT NOT NULL,             -- JSON, understood by the page only
    saved_s REAL NOT NULL
) WITHOUT ROWID;
CREATE TABLE applied_mark (
    frame_id INTEGER PRIMARY KEY REFERENCES frame(id),
    flag INTEGER NOT NULL,           -- the marks that ranked/ follows, until the next apply
    stars INTEGER NOT NULL
);
CREATE TABLE machine_decision (
    frame_id INTEGER PRIMARY KEY REFERENCES frame(id),
    decision TEXT                    -- JSON of verdict, reason, detail, rank before marks
);
CREATE TABLE journal (
    id INTEGER PRIMARY KEY,
    verb TEXT NOT NULL,              -- apply
    state TEXT NOT NULL,             -- begun, done, undone
    made_s REAL NOT NULL,
    before BLOB NOT NULL,            -- zlib of JSON: the applied marks before it
    after BLOB NOT NULL,
    files BLOB                       -- zlib of JSON: files that it placed and took away
);
