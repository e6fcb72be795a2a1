CREATE TABLE photo_print (
    content TEXT PRIMARY KEY,        -- blake2b of the file's bytes, as indexed_file.content
    fp TEXT NOT NULL,                -- which program looked
    key TEXT NOT NULL,               -- blake2b of what makes the picture, without metadata
    kind TEXT NOT NULL,              -- JPEG, PNG, RAW, ...
    width INTEGER NOT NULL,          -- upright, in pixels, of the whole picture
    height INTEGER NOT NULL,
    print BLOB,                      -- photos.prints.PRINT; NULL with an error
    capture TEXT NOT NULL,           -- JSON of photos.capture.Capture
    error TEXT                       -- why there is nothing more
) WITHOUT ROWID;
CREATE TABLE not_duplicate (
    a TEXT NOT NULL,                 -- photo_print.key, the smaller one
    b TEXT NOT NULL,
    said_s REAL NOT NULL,
    PRIMARY KEY (a, b)
) WITHOUT ROWID;
CREATE TABLE cull_run (
    id INTEGER PRIMARY KEY,
    mode TEXT NOT NULL,
    params TEXT NOT NULL,            -- JSON
    folders TEXT NOT NULL,           -- JSON list as typed
    made_s REAL NOT NULL
);
CREATE TABLE cull_group (
    run_id INTEGER NOT NULL REFERENCES cull_run(id),
    grp INTEGER NOT NULL,            -- its number, from 0
    kind TEXT NOT NULL,              -- exact, near, embedding, features, burst
    diameter REAL,                   -- largest distance of two members
    chained INTEGER NOT NULL,        -- 1: members are near others that the keeper is not near
    dense INTEGER NOT NULL,          -- 1: too large to measure its diameter
    PRIMARY KEY (run_id, grp)
) WITHOUT ROWID;
CREATE TABLE cull_member (
    run_id INTEGER NOT NULL REFERENCES cull_run(id),
    grp INTEGER NOT NULL,            -- number of the group
    n INTEGER NOT NULL,              -- 0 is the keeper, then by rank
    path BLOB NOT NULL,              -- as bytes, relative when in the work dir
    content TEXT NOT NULL,
    key TEXT NOT NULL,               -- photo_print.key
    distance REAL,                   -- to the keeper
    verdict TEXT NOT NULL,           -- keep, reject, tie
    reason TEXT NOT NULL,
    facts TEXT NOT NULL,             -- JSON: sharpness, margin, capture, ...
    PRIMARY KEY (run_id, grp, n)
) WITHOUT ROWID;
CREATE TABLE crop (
    key TEXT NOT NULL,               -- of a photo's picture, or of a frame of a video
    ratio TEXT NOT NULL,             -- 1:1, 4:5, 1216x832, ...
    x INTEGER NOT NULL, y INTEGER NOT NULL,  -- upright pixels
    width INTEGER NOT NULL, height INTEGER NOT NULL,  -- 0 where there is no crop
    score REAL,
    confidence REAL,
    verdict TEXT NOT NULL,           -- proposed, review, none, accepted, refused
    by_hand INTEGER NOT NULL DEFAULT 0,  -- a person placed it
    why TEXT NOT NULL DEFAULT '',
    facts TEXT NOT NULL DEFAULT '{}',  -- JSON: what speaks for it
    fp TEXT NOT NULL DEFAULT '',     -- what proposed it
    changed_s REAL NOT NULL,
    PRIMARY KEY (key, ratio)
) WITHOUT ROWID;
