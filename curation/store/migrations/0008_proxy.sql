CREATE TABLE proxy (
    frame_id INTEGER NOT NULL REFERENCES frame(id),
    part INTEGER NOT NULL,           -- 0 the whole picture, small; 1 the main face, full size
    offset INTEGER NOT NULL,         -- into the video's pack of small pictures
    bytes INTEGER NOT NULL,
    x0 INTEGER NOT NULL, y0 INTEGER NOT NULL,  -- what it shows, in pixels of the frame
    x1 INTEGER NOT NULL, y1 INTEGER NOT NULL,
    PRIMARY KEY (frame_id, part)
) WITHOUT ROWID;
