CREATE TABLE person_op (              -- what people say about who is who; never what a machine thinks
    id INTEGER PRIMARY KEY,
    client TEXT NOT NULL,             -- undo is one history for each
    who TEXT NOT NULL,                -- the name given with the password; "" when nobody was asked
    made_s REAL NOT NULL,             -- seconds since 1970
    kind TEXT NOT NULL,               -- name, merge, split, not, consent
    value TEXT NOT NULL,              -- JSON, see curation/learn/people_said.py
    shown BLOB NOT NULL,              -- frames that show the person: zlib of int64 differences
    apart BLOB NOT NULL,              -- frames that do not
    state INTEGER NOT NULL            -- 0 done, 1 undone, 2 undone for good
);
CREATE INDEX person_op_client ON person_op (client, state, id);
