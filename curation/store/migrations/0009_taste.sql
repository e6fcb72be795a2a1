CREATE TABLE taste_proposal (
    frame_id INTEGER PRIMARY KEY REFERENCES frame(id),
    kind TEXT NOT NULL,              -- uncertain or random: why somebody was asked to rate it
    asked_s REAL NOT NULL,           -- seconds since 1970
    expected REAL                    -- what the scorer of that moment took it to be worth
);
