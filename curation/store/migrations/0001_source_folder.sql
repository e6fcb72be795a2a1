CREATE TABLE source_folder (
    no INTEGER PRIMARY KEY,          -- X of videos_folder_X
    path TEXT NOT NULL UNIQUE        -- relative to the datastore when inside it
);
CREATE TABLE source_file (
    path TEXT PRIMARY KEY,           -- relative to the datastore when inside it
    folder_no INTEGER NOT NULL REFERENCES source_folder(no),
    video_no INTEGER NOT NULL,       -- N of output_images_N
    size_bytes INTEGER,              -- with mtime_ns: whether the file must be read again
    mtime_ns INTEGER,
    video_id INTEGER REFERENCES video(id),
    error TEXT,                      -- why this file gives no frames
    UNIQUE (folder_no, video_no)
);
CREATE TABLE video (
    id INTEGER PRIMARY KEY,
    key TEXT NOT NULL UNIQUE,        -- blake2b of the content
    name TEXT NOT NULL,
    path TEXT NOT NULL,              -- the source file that frames are taken from
    folder_no INTEGER NOT NULL,
    video_no INTEGER NOT NULL,
    duration_s REAL NOT NULL,
    info TEXT NOT NULL               -- JSON of records.VideoInfo
);
CREATE TABLE extraction (
    video_id INTEGER PRIMARY KEY REFERENCES video(id),
    fp TEXT NOT NULL,                -- digest of the parameters
    params TEXT NOT NULL,
    done INTEGER NOT NULL,
    chunks INTEGER NOT NULL,
    carry BLOB,                      -- what the reader needs to go on after the last chunk
    time_s REAL NOT NULL,
    decoded INTEGER NOT NULL,
    errors INTEGER NOT NULL,         -- damaged packets survived
    failure TEXT                     -- why the video ended early
);
CREATE TABLE frame (
    id INTEGER PRIMARY KEY,
    video_id INTEGER NOT NULL REFERENCES video(id),
    pts INTEGER NOT NULL,
    time_s REAL NOT NULL,
    ordinal INTEGER NOT NULL,
    file TEXT,                       -- relative to the datastore; NULL when nothing is stored
    width INTEGER NOT NULL,
    height INTEGER NOT NULL,
    reason TEXT,                     -- black, blank, frozen
    sharpness REAL,
    luma_mean REAL,
    luma_std REAL,
    thumb_offset INTEGER,            -- into the video's thumbnail pack
    thumb_bytes INTEGER,
    sampled INTEGER NOT NULL,        -- 1 while the latest extraction of its video chose it
    UNIQUE (video_id, pts)
);
CREATE TABLE shot (
    video_id INTEGER NOT NULL REFERENCES video(id),
    no INTEGER NOT NULL,
    start_pts INTEGER NOT NULL,
    end_pts INTEGER NOT NULL,
    start_s REAL NOT NULL,
    end_s REAL NOT NULL,
    PRIMARY KEY (video_id, no)
) WITHOUT ROWID;
CREATE TABLE shot_score (
    video_id INTEGER NOT NULL REFERENCES video(id),
    chunk INTEGER NOT NULL,
    pts BLOB NOT NULL,               -- int64 of each decoded frame
    score BLOB NOT NULL,             -- float32 content change of each decoded frame
    PRIMARY KEY (video_id, chunk)
) WITHOUT ROWID;
CREATE TABLE step_run (
    id INTEGER PRIMARY KEY,
    step TEXT NOT NULL,
    fp TEXT NOT NULL,
    version TEXT NOT NULL,
    params TEXT NOT NULL,
    UNIQUE (step, fp)
);
CREATE TABLE box (
    frame_id INTEGER NOT NULL REFERENCES frame(id),
    step TEXT NOT NULL,
    n INTEGER NOT NULL,
    label TEXT NOT NULL,
    x0 REAL NOT NULL, y0 REAL NOT NULL, x1 REAL NOT NULL, y1 REAL NOT NULL,
    score REAL NOT NULL,
    keypoints BLOB,                  -- float32, k x c
    channels INTEGER,                -- c
    extra TEXT,                      -- JSON
    PRIMARY KEY (frame_id, step, n)
) WITHOUT ROWID;
CREATE TABLE decision (
    frame_id INTEGER PRIMARY KEY REFERENCES frame(id),
    pool TEXT NOT NULL,
    verdict TEXT NOT NULL,           -- picked, rejected, review
    reason TEXT NOT NULL,            -- code from the closed set
    detail TEXT NOT NULL,            -- with the number and the threshold
    score REAL,
    rank INTEGER,
    keeper INTEGER,                  -- frame that this one repeats
    parts TEXT NOT NULL              -- JSON: what the score is made of
);
CREATE INDEX decision_rank ON decision (pool, verdict, rank);
CREATE INDEX decision_reason ON decision (reason, score);
CREATE TABLE setting (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
CREATE TABLE output_file (
    path TEXT PRIMARY KEY,           -- relative to the datastore; only these are ever removed
    view TEXT NOT NULL,              -- sorted, ranked
    frame_id INTEGER NOT NULL REFERENCES frame(id)
) WITHOUT ROWID;
CREATE TABLE job (
    id INTEGER PRIMARY KEY,
    verb TEXT NOT NULL,
    argv TEXT NOT NULL,              -- JSON list: the command line without the interpreter
    state TEXT NOT NULL,             -- queued, running, done, failed, cancelled, interrupted
    stage TEXT, done REAL, total REAL, unit TEXT, rate_per_s REAL, eta_s REAL, note TEXT,
    failed TEXT NOT NULL DEFAULT '[]', -- JSON list of [item, reason]
    summary TEXT,
    error TEXT,                      -- how it ended, when not well
    exit_code INTEGER,
    pid INTEGER, pid_started REAL, cancel INTEGER NOT NULL DEFAULT 0,
    created_s REAL NOT NULL, started_s REAL, ended_s REAL, heartbeat_s REAL
);
