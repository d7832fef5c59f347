-- The embedded store, format 1. Values are whole millionths of their factor's unit.

CREATE TABLE series (
    id         INTEGER PRIMARY KEY,
    source     TEXT NOT NULL,
    factor     TEXT NOT NULL,
    stat       TEXT NOT NULL,
    interval_s INTEGER NOT NULL,
    readings   INTEGER NOT NULL DEFAULT 0,  -- rows in reading
    checksum   INTEGER NOT NULL,            -- the key's hash and those of its readings and revisions, wrapping in 64 bits
    UNIQUE (source, factor, stat, interval_s)
) STRICT;

-- The value that counts now.
CREATE TABLE reading (
    series      INTEGER NOT NULL REFERENCES series (id),
    time        INTEGER NOT NULL,           -- end of the period, seconds since 1970 UTC
    value       INTEGER,                    -- NULL: the sender reports no value
    flag        TEXT NOT NULL,
    qc          TEXT NOT NULL,
    reviewed    INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    PRIMARY KEY (series, time)
) STRICT, WITHOUT ROWID;

-- Values that were replaced, so that figures can be asked as known at an earlier time.
CREATE TABLE revision (
    id          INTEGER PRIMARY KEY,
    series      INTEGER NOT NULL REFERENCES series (id),
    time        INTEGER NOT NULL,
    value       INTEGER,
    flag        TEXT NOT NULL,
    qc          TEXT NOT NULL,
    reviewed    INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    replaced_at INTEGER NOT NULL,
    hash        INTEGER NOT NULL
) STRICT;
CREATE INDEX revision_key ON revision (series, time);

CREATE TABLE dead_letter (
    id          INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,
    origin      TEXT NOT NULL,
    topic       TEXT NOT NULL,
    payload     BLOB NOT NULL,
    reason      TEXT NOT NULL,
    hash        INTEGER NOT NULL
) STRICT;

CREATE TABLE mark (
    name  TEXT PRIMARY KEY,
    value TEXT NOT NULL
) STRICT;

CREATE TABLE station (
    id        TEXT PRIMARY KEY,
    name_zh   TEXT NOT NULL,
    name_en   TEXT NOT NULL,
    class     TEXT NOT NULL,
    longitude INTEGER NOT NULL,
    latitude  INTEGER NOT NULL,
    simulated INTEGER NOT NULL,
    source    TEXT NOT NULL
) STRICT;

CREATE TABLE station_group (
    id       TEXT PRIMARY KEY,
    name_zh  TEXT NOT NULL,
    name_en  TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;

CREATE TABLE membership (
    station_group TEXT NOT NULL REFERENCES station_group (id),
    position      INTEGER NOT NULL,
    station       TEXT NOT NULL,
    from_day      TEXT NOT NULL,
    to_day        TEXT,
    document      TEXT,                     -- where it is another than the group's
    PRIMARY KEY (station_group, position)
) STRICT;

CREATE TABLE grid_unit (
    id      TEXT PRIMARY KEY,
    parent  TEXT,
    level   INTEGER NOT NULL,
    name_zh TEXT NOT NULL,
    name_en TEXT NOT NULL
) STRICT;

CREATE TABLE target (
    id            TEXT PRIMARY KEY,
    station_group TEXT NOT NULL,
    item          TEXT NOT NULL,
    year          INTEGER NOT NULL,
    target_limit  INTEGER NOT NULL,
    issuer        TEXT NOT NULL,
    document      TEXT NOT NULL,
    edition       TEXT                      -- NULL: that of the figure it is compared with
) STRICT;

CREATE TABLE published_figure (
    station_group TEXT NOT NULL,
    period        TEXT NOT NULL,
    item          TEXT NOT NULL,
    value         INTEGER NOT NULL,
    change        INTEGER,
    source        TEXT NOT NULL,
    PRIMARY KEY (station_group, period, item)
) STRICT;

CREATE TABLE enterprise (
    uscc     TEXT PRIMARY KEY,
    name_zh  TEXT NOT NULL,
    name_en  TEXT NOT NULL,
    industry TEXT NOT NULL,
    town     TEXT NOT NULL,
    example  INTEGER NOT NULL
) STRICT;

CREATE TABLE outlet (
    uscc TEXT NOT NULL,
    id   TEXT NOT NULL,
    kind TEXT NOT NULL,
    name TEXT NOT NULL,
    PRIMARY KEY (uscc, id)
) STRICT;

CREATE TABLE permit (
    number       TEXT NOT NULL,
    uscc         TEXT NOT NULL,
    outlet       TEXT NOT NULL,
    factor       TEXT NOT NULL,
    permit_limit INTEGER NOT NULL,
    unit         TEXT NOT NULL,
    annual_t     INTEGER,
    from_day     TEXT NOT NULL,
    to_day       TEXT NOT NULL,
    PRIMARY KEY (number, outlet, factor)
) STRICT;

-- Append-only. Each entry's hash covers the one before, so no row can be changed, removed or moved unseen.
CREATE TABLE ledger (
    seq  INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
-- How many rows were ever put there, so that a lost tail is noticed.
CREATE TABLE tally (
    what TEXT PRIMARY KEY,
    rows INTEGER NOT NULL
) STRICT;
INSERT INTO tally VALUES ('dead_letter', 0), ('ledger', 0);
CREATE TRIGGER dead_letter_count AFTER INSERT ON dead_letter BEGIN
    UPDATE tally SET rows = rows + 1 WHERE what = 'dead_letter';
END;
CREATE TRIGGER ledger_count AFTER INSERT ON ledger BEGIN
    UPDATE tally SET rows = rows + 1 WHERE what = 'ledger';
END;

-- A replacing insert deletes without asking the trigger on deletion; this one is asked first.
CREATE TRIGGER ledger_once BEFORE INSERT ON ledger WHEN EXISTS (SELECT 1 FROM ledger WHERE seq = NEW.seq) BEGIN
    SELECT RAISE(ABORT, 'the ledger is append-only');
END;
CREATE TRIGGER ledger_keep BEFORE UPDATE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;
CREATE TRIGGER ledger_hold BEFORE DELETE ON ledger BEGIN SELECT RAISE(ABORT, 'the ledger is append-only'); END;

-- Days left out of statistics. Lists are joined by `|`.
CREATE TABLE exclusion (
    id         TEXT PRIMARY KEY,
    place      TEXT NOT NULL,
    from_day   TEXT NOT NULL,
    to_day     TEXT NOT NULL,
    pollutants TEXT NOT NULL,
    statistics TEXT NOT NULL,
    reason     TEXT NOT NULL,
    document   TEXT NOT NULL,
    decided_on TEXT NOT NULL,
    revoked_on TEXT
) STRICT;

-- Figures as published. Append-only and chained as the ledger is.
CREATE TABLE publication (
    seq  INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO tally VALUES ('publication', 0);
CREATE TRIGGER publication_count AFTER INSERT ON publication BEGIN
    UPDATE tally SET rows = rows + 1 WHERE what = 'publication';
END;
CREATE TRIGGER publication_once BEFORE INSERT ON publication
WHEN EXISTS (SELECT 1 FROM publication WHERE seq = NEW.seq) BEGIN
    SELECT RAISE(ABORT, 'publications are append-only');
END;
CREATE TRIGGER publication_keep BEFORE UPDATE ON publication BEGIN
    SELECT RAISE(ABORT, 'publications are append-only');
END;
CREATE TRIGGER publication_hold BEFORE DELETE ON publication BEGIN
    SELECT RAISE(ABORT, 'publications are append-only');
END;
