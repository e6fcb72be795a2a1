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
