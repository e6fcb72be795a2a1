"""The tables of a catalogue and how an older one is brought up to date."""

from __future__ import annotations

import sqlite3

from curation.errors import StoreError

MIGRATIONS: tuple[str, ...] = (
    """
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
    """,
    """
    CREATE TABLE pair (
        a INTEGER NOT NULL REFERENCES frame(id),  -- the smaller frame id
        b INTEGER NOT NULL REFERENCES frame(id),
        fp TEXT NOT NULL,                -- which matcher answered
        inliers INTEGER NOT NULL,        -- matches that one homography explains
        cover REAL NOT NULL,             -- share of the smaller picture that looks alike, aligned
        PRIMARY KEY (a, b)
    ) WITHOUT ROWID;
    CREATE TABLE face_mark (
        frame_id INTEGER PRIMARY KEY REFERENCES frame(id),
        false INTEGER NOT NULL,          -- 1: a person says that this is no real face; 0: it is
        marked_s REAL NOT NULL           -- when, in seconds since 1970
    );
    ALTER TABLE decision ADD COLUMN person INTEGER;  -- who it is, numbered within the catalogue
    ALTER TABLE decision ADD COLUMN rival INTEGER;   -- frame that took this one's place
    """,
    """
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
    """,
    """
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
    """,
)


def migrate(db: sqlite3.Connection) -> None:
    """Bring a catalogue to this program's version, one transaction a step.

    Raises:
        StoreError: when the catalogue was written by a newer program.
    """
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    if version > len(MIGRATIONS):
        raise StoreError(
            f"the catalogue is of version {version}, this program knows {len(MIGRATIONS)}",
            "update Frame Curation Studio",
        )
    for number in range(version, len(MIGRATIONS)):
        script = (
            f"BEGIN IMMEDIATE; {MIGRATIONS[number]} PRAGMA user_version = {number + 1}; COMMIT;"
        )
        try:
            db.executescript(script)
        except sqlite3.OperationalError:
            db.rollback()
            if db.execute("PRAGMA user_version").fetchone()[0] <= number:
                raise
