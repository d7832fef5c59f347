-- Who may do what. Kept beside the store in a file of its own, so that commands can change it while a daemon runs.

-- Tokens; what is kept is the SHA-256 of the text, which is random.
CREATE TABLE token (
    id           TEXT PRIMARY KEY,
    name         TEXT NOT NULL,
    role         TEXT NOT NULL,
    subject      TEXT,
    sha256       BLOB,
    certificate  TEXT UNIQUE,
    created_at   INTEGER NOT NULL,
    created_by   TEXT,
    expires_at   INTEGER NOT NULL,
    revoked_at   INTEGER,
    revoked_by   TEXT,
    last_used_at INTEGER
) STRICT;

-- Whose details a bank may see. Days are inclusive.
CREATE TABLE mandate (
    id         INTEGER PRIMARY KEY,
    bank       TEXT NOT NULL,
    subject    TEXT NOT NULL,
    document   TEXT NOT NULL,
    from_day   TEXT NOT NULL,
    until_day  TEXT,
    entered_at INTEGER NOT NULL,
    entered_by TEXT
) STRICT;
CREATE INDEX mandate_bank ON mandate (bank, subject);

-- Persons with a password, which is kept as Argon2id makes it.
CREATE TABLE person (
    name        TEXT PRIMARY KEY,
    role        TEXT NOT NULL,
    subject     TEXT,
    password    TEXT NOT NULL,
    created_at  INTEGER NOT NULL,
    created_by  TEXT,
    changed_at  INTEGER NOT NULL,
    disabled_at INTEGER
) STRICT;

-- Sessions of persons; kept is the SHA-256 of what the cookie holds.
CREATE TABLE session (
    sha256   BLOB PRIMARY KEY,
    name     TEXT NOT NULL,
    form_key TEXT NOT NULL,
    began_at INTEGER NOT NULL,
    seen_at  INTEGER NOT NULL
) STRICT;

-- Acts of one person that wait for another's.
CREATE TABLE pending (
    id         INTEGER PRIMARY KEY,
    subject    TEXT NOT NULL,
    act        TEXT NOT NULL,
    fields     TEXT NOT NULL,
    entered_by TEXT NOT NULL,
    entered_at INTEGER NOT NULL,
    ended_by   TEXT,
    ended_at   INTEGER,
    outcome    TEXT
) STRICT;

-- What was done, by whom. Each hash covers the row before it, its number and its line.
CREATE TABLE audit (
    seq  INTEGER PRIMARY KEY,
    line TEXT NOT NULL,
    hash BLOB NOT NULL
) STRICT;
CREATE TRIGGER audit_once BEFORE INSERT ON audit WHEN EXISTS (SELECT 1 FROM audit WHERE seq = NEW.seq) BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_keep BEFORE UPDATE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
CREATE TRIGGER audit_hold BEFORE DELETE ON audit BEGIN
    SELECT RAISE(ABORT, 'the audit log is append-only');
END;
