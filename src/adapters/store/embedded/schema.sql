-- The embedded store, format 2. Values are whole millionths of their factor's unit; times are seconds since 1970 UTC.

CREATE TABLE series (
    id         INTEGER PRIMARY KEY,
    source     TEXT NOT NULL,
    factor     TEXT NOT NULL,
    stat       TEXT NOT NULL,
    interval_s INTEGER NOT NULL,
    readings   INTEGER NOT NULL DEFAULT 0,  -- in its blocks
    last_time  INTEGER,                     -- last of them,
    last_value INTEGER,                     -- and its value; NULL: the sender reports none
    checksum   INTEGER NOT NULL,            -- the key's hash and the checksums of its blocks, wrapping in 64 bits
    UNIQUE (source, factor, stat, interval_s)
) STRICT;

-- The newest value of every series, as far as commits have been merged into blocks.
CREATE VIEW latest AS
    SELECT source, factor, stat, interval_s, last_time AS time, last_value AS value FROM series;

-- What each commit set, until all of it is in blocks.
CREATE TABLE wal (
    id       INTEGER PRIMARY KEY,
    data     BLOB NOT NULL,                 -- the format stands in wal.rs
    checksum INTEGER NOT NULL
) STRICT;

-- How far merging has come: one row.
CREATE TABLE merge (
    one    INTEGER PRIMARY KEY CHECK (one = 1),
    last   INTEGER NOT NULL,                -- last id put into wal
    merged INTEGER NOT NULL,                -- ids up to here are in blocks and gone from wal
    slice  INTEGER NOT NULL                 -- steps done
) STRICT;
INSERT INTO merge VALUES (1, 0, 0, 0);

-- The readings that count: of one series, over a day, or 60 days where it reports hourly or more seldom. Blocks of
-- one span stand together, so that merging what has just come writes few pages.
CREATE TABLE block (
    span     INTEGER NOT NULL,              -- days, or periods of 60, since 1970-01-01 00:00+08:00
    series   INTEGER NOT NULL REFERENCES series (id),
    n        INTEGER NOT NULL,              -- readings
    sum      INTEGER,                       -- of their values; NULL: no value, or beyond 64 bits
    min      INTEGER,
    max      INTEGER,
    first    INTEGER NOT NULL,              -- time of the first
    last     INTEGER NOT NULL,
    format   INTEGER NOT NULL,
    checksum INTEGER NOT NULL,
    data     BLOB NOT NULL,                 -- compressed columns; the format stands in block.rs
    PRIMARY KEY (span, series)
) STRICT, WITHOUT ROWID;
CREATE INDEX block_series ON block (series, span);

-- Values that were replaced, so that figures can be asked as known at an earlier time.
CREATE TABLE revision (
    id          INTEGER PRIMARY KEY,
    series      INTEGER NOT NULL REFERENCES series (id),
    time        INTEGER NOT NULL,           -- end of the period
    value       INTEGER,                    -- NULL: the sender reports no value
    flag        TEXT NOT NULL,
    qc          TEXT NOT NULL,
    reviewed    INTEGER NOT NULL,
    received_at INTEGER NOT NULL,
    replaced_at INTEGER NOT NULL,
    hash        INTEGER NOT NULL
) STRICT;
CREATE INDEX revision_key ON revision (series, time);

-- Messages that could not be used when they came, whole. Only `state` changes: it is that of the last try.
CREATE TABLE dead_letter (
    id          INTEGER PRIMARY KEY,
    received_at INTEGER NOT NULL,
    origin      TEXT NOT NULL,
    topic       TEXT NOT NULL,
    source      TEXT NOT NULL,              -- stations/ID or loggers/MN
    payload     BLOB NOT NULL,
    arrived     TEXT NOT NULL,              -- state on arrival
    reason      TEXT NOT NULL,
    hash        INTEGER NOT NULL,
    state       TEXT NOT NULL
) STRICT;
CREATE INDEX dead_letter_state ON dead_letter (state, id);
CREATE INDEX dead_letter_source ON dead_letter (source, state, id);

-- What later tries made of them, never changed.
CREATE TABLE dead_letter_try (
    letter INTEGER NOT NULL REFERENCES dead_letter (id),
    number INTEGER NOT NULL,
    at     INTEGER NOT NULL,
    state  TEXT NOT NULL,
    reason TEXT NOT NULL,
    hash   INTEGER NOT NULL,
    PRIMARY KEY (letter, number)
) STRICT, WITHOUT ROWID;

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
    source    TEXT NOT NULL,
    zone       TEXT,
    interval_s INTEGER
) STRICT;

CREATE TABLE logger (
    id         TEXT PRIMARY KEY,            -- MN
    uscc       TEXT NOT NULL,
    outlets    TEXT NOT NULL,               -- codes, joined by |
    source     TEXT NOT NULL,
    zone       TEXT,
    interval_s INTEGER
) STRICT;

CREATE TABLE station_group (
    id       TEXT PRIMARY KEY,
    name_zh  TEXT NOT NULL,
    name_en  TEXT NOT NULL,
    document TEXT NOT NULL
) STRICT;

-- Division codes of the areas groups stand for.
CREATE TABLE group_division (
    station_group TEXT PRIMARY KEY REFERENCES station_group (id),
    division_code TEXT NOT NULL
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

-- Figures of other areas, to be ranked with.
CREATE TABLE peer (
    period        TEXT NOT NULL,
    division_code TEXT NOT NULL,
    item          TEXT NOT NULL,
    edition       TEXT NOT NULL,
    name_zh       TEXT NOT NULL,
    name_en       TEXT NOT NULL,
    value         INTEGER NOT NULL,
    source        TEXT NOT NULL,
    PRIMARY KEY (period, division_code, item, edition)
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
INSERT INTO tally VALUES ('dead_letter', 0), ('dead_letter_try', 0), ('ledger', 0), ('revision', 0);
CREATE TRIGGER dead_letter_count AFTER INSERT ON dead_letter BEGIN
    UPDATE tally SET rows = rows + 1 WHERE what = 'dead_letter';
END;
CREATE TRIGGER revision_count AFTER INSERT ON revision BEGIN
    UPDATE tally SET rows = rows + 1 WHERE what = 'revision';
END;
CREATE TRIGGER dead_letter_try_count AFTER INSERT ON dead_letter_try BEGIN
    UPDATE tally SET rows = rows + 1 WHERE what = 'dead_letter_try';
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

-- Decisions of reviewers about readings. Append-only and chained as the ledger is.
CREATE TABLE review (
    seq  INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO tally VALUES ('review', 0);
CREATE TRIGGER review_count AFTER INSERT ON review BEGIN
    UPDATE tally SET rows = rows + 1 WHERE what = 'review';
END;
CREATE TRIGGER review_once BEFORE INSERT ON review WHEN EXISTS (SELECT 1 FROM review WHERE seq = NEW.seq) BEGIN
    SELECT RAISE(ABORT, 'decisions of reviewers are append-only');
END;
CREATE TRIGGER review_keep BEFORE UPDATE ON review BEGIN
    SELECT RAISE(ABORT, 'decisions of reviewers are append-only');
END;
CREATE TRIGGER review_hold BEFORE DELETE ON review BEGIN
    SELECT RAISE(ABORT, 'decisions of reviewers are append-only');
END;

-- Look-ups of tiers, who asked and the receipt of what was answered. Append-only and chained as the ledger is.
CREATE TABLE lookup (
    seq  INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    hash BLOB NOT NULL,
    id   TEXT GENERATED ALWAYS AS (line ->> '$.id') VIRTUAL
) STRICT;
CREATE INDEX lookup_id ON lookup (id);
INSERT INTO tally VALUES ('lookup', 0);
CREATE TRIGGER lookup_count AFTER INSERT ON lookup BEGIN
    UPDATE tally SET rows = rows + 1 WHERE what = 'lookup';
END;
CREATE TRIGGER lookup_once BEFORE INSERT ON lookup WHEN EXISTS (SELECT 1 FROM lookup WHERE seq = NEW.seq) BEGIN
    SELECT RAISE(ABORT, 'look-ups are append-only');
END;
CREATE TRIGGER lookup_keep BEFORE UPDATE ON lookup BEGIN
    SELECT RAISE(ABORT, 'look-ups are append-only');
END;
CREATE TRIGGER lookup_hold BEFORE DELETE ON lookup BEGIN
    SELECT RAISE(ABORT, 'look-ups are append-only');
END;

-- Time stamps of look-ups by an authority (RFC 3161). Append-only and chained as the ledger is.
CREATE TABLE stamp (
    seq  INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    hash BLOB NOT NULL,
    id   TEXT GENERATED ALWAYS AS (line ->> '$.id') VIRTUAL
) STRICT;
CREATE INDEX stamp_id ON stamp (id);
INSERT INTO tally VALUES ('stamp', 0);
CREATE TRIGGER stamp_count AFTER INSERT ON stamp BEGIN
    UPDATE tally SET rows = rows + 1 WHERE what = 'stamp';
END;
CREATE TRIGGER stamp_once BEFORE INSERT ON stamp WHEN EXISTS (SELECT 1 FROM stamp WHERE seq = NEW.seq) BEGIN
    SELECT RAISE(ABORT, 'time stamps are append-only');
END;
CREATE TRIGGER stamp_keep BEFORE UPDATE ON stamp BEGIN
    SELECT RAISE(ABORT, 'time stamps are append-only');
END;
CREATE TRIGGER stamp_hold BEFORE DELETE ON stamp BEGIN
    SELECT RAISE(ABORT, 'time stamps are append-only');
END;

-- Pollutants that a station does not monitor, by plan.
CREATE TABLE unmonitored (
    station   TEXT NOT NULL,
    pollutant TEXT NOT NULL,
    from_day  TEXT NOT NULL,
    to_day    TEXT,
    document  TEXT NOT NULL,
    PRIMARY KEY (station, pollutant, from_day)
) STRICT;

-- Who was there, and when: the daemon, its links, what sources said of themselves.
CREATE TABLE spell (
    party   TEXT NOT NULL,                  -- daemon; link/NAME; stations/ID or loggers/MN
    from_at INTEGER NOT NULL,
    upto_at INTEGER NOT NULL,               -- last moment it is known to have lasted
    online  INTEGER NOT NULL,
    open    INTEGER NOT NULL,               -- 1: it lasts on
    hash    INTEGER NOT NULL,
    PRIMARY KEY (party, from_at)
) STRICT, WITHOUT ROWID;
CREATE INDEX spell_open ON spell (party) WHERE open = 1;

-- By which link a source's current readings came, from the first to the last of them.
CREATE TABLE way (
    source   TEXT NOT NULL,
    link     TEXT NOT NULL,
    first_at INTEGER NOT NULL,
    last_at  INTEGER NOT NULL,
    hash     INTEGER NOT NULL,
    PRIMARY KEY (source, link)
) STRICT, WITHOUT ROWID;
-- Orders to take readings out. Append-only and chained as the ledger is. What they took out stands in `revision`.
CREATE TABLE deletion (
    seq  INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO tally VALUES ('deletion', 0);
CREATE TRIGGER deletion_count AFTER INSERT ON deletion BEGIN
    UPDATE tally SET rows = rows + 1 WHERE what = 'deletion';
END;
CREATE TRIGGER deletion_once BEFORE INSERT ON deletion WHEN EXISTS (SELECT 1 FROM deletion WHERE seq = NEW.seq) BEGIN
    SELECT RAISE(ABORT, 'orders to take readings out are append-only');
END;
CREATE TRIGGER deletion_keep BEFORE UPDATE ON deletion BEGIN
    SELECT RAISE(ABORT, 'orders to take readings out are append-only');
END;
CREATE TRIGGER deletion_hold BEFORE DELETE ON deletion BEGIN
    SELECT RAISE(ABORT, 'orders to take readings out are append-only');
END;

-- What was removed by age, a row a step. Append-only and chained as the ledger is.
CREATE TABLE removal (
    seq  INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
INSERT INTO tally VALUES ('removal', 0);
CREATE TRIGGER removal_count AFTER INSERT ON removal BEGIN
    UPDATE tally SET rows = rows + 1 WHERE what = 'removal';
END;
CREATE TRIGGER removal_once BEFORE INSERT ON removal WHEN EXISTS (SELECT 1 FROM removal WHERE seq = NEW.seq) BEGIN
    SELECT RAISE(ABORT, 'removals by age are append-only');
END;
CREATE TRIGGER removal_keep BEFORE UPDATE ON removal BEGIN
    SELECT RAISE(ABORT, 'removals by age are append-only');
END;
CREATE TRIGGER removal_hold BEFORE DELETE ON removal BEGIN
    SELECT RAISE(ABORT, 'removals by age are append-only');
END;

-- Of each block that was removed by age, the summary that stood beside it.
CREATE TABLE removed (
    series INTEGER NOT NULL REFERENCES series (id),
    span   INTEGER NOT NULL,
    n      INTEGER NOT NULL,
    sum    INTEGER,
    min    INTEGER,
    max    INTEGER,
    first  INTEGER NOT NULL,
    last   INTEGER NOT NULL,
    hash   INTEGER NOT NULL,
    PRIMARY KEY (series, span)
) STRICT, WITHOUT ROWID;

-- For people with a SQLite shell. Values are REAL, in the factor's unit, times in +08:00: good to look at, while the whole
-- numbers of the tables are exact.
CREATE VIEW latest_value AS
    SELECT source, factor, stat, interval_s,
           strftime('%Y-%m-%dT%H:%M:%S', last_time + 28800, 'unixepoch') || '+08:00' AS time,
           last_value / 1e6 AS value,
           CASE WHEN factor = 'co' THEN 'mg/m3'
                WHEN factor IN ('pm25', 'pm10', 'so2', 'no2', 'o3') THEN 'ug/m3' END AS unit
    FROM series WHERE last_time IS NOT NULL;

-- What stands beside each block, and what stood beside those that were removed by age.
CREATE VIEW summary AS
    SELECT source, factor, stat, interval_s,
           date(span * iif(interval_s < 3600, 1, 60) * 86400, 'unixepoch') AS from_day,
           date(((span + 1) * iif(interval_s < 3600, 1, 60) - 1) * 86400, 'unixepoch') AS to_day,
           n AS readings, sum / 1e6 AS sum, min / 1e6 AS min, max / 1e6 AS max,
           strftime('%Y-%m-%dT%H:%M:%S', first + 28800, 'unixepoch') || '+08:00' AS first,
           strftime('%Y-%m-%dT%H:%M:%S', last + 28800, 'unixepoch') || '+08:00' AS last,
           removed
    FROM (SELECT series, span, n, sum, min, max, first, last, 0 AS removed FROM block
          UNION ALL SELECT series, span, n, sum, min, max, first, last, 1 FROM removed)
    JOIN series ON series.id = series;

-- Of it the days of readings that come more often than hourly: a row a series and day.
CREATE VIEW daily AS
    SELECT source, factor, stat, interval_s, from_day AS day, readings, sum, min, max, first, last, removed
    FROM summary WHERE interval_s < 3600;

-- Who answers for a station.
CREATE TABLE chief (
    station TEXT PRIMARY KEY,
    name    TEXT,
    unit    TEXT NOT NULL
) STRICT;
