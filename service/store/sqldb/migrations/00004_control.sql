-- +goose Up

-- While set, the endpoint's session is given nothing: the pause as a document,
-- and a number that tells an agent which of two words is the later one.
ALTER TABLE sessions ADD COLUMN paused TEXT NOT NULL DEFAULT '';
ALTER TABLE sessions ADD COLUMN pause_turn BIGINT NOT NULL DEFAULT 0;

-- Attempts that ended without a result, written when that happens and only
-- then: what went well leaves no row. They go with their bundle.
CREATE TABLE attempts (
    bundle_id BYTEA  NOT NULL,
    attempt   BIGINT NOT NULL,
    lo        BIGINT NOT NULL,
    hi        BIGINT NOT NULL,
    endpoint  BYTEA  NOT NULL,
    epoch     BIGINT NOT NULL, -- of the session that had it
    state     TEXT   NOT NULL, -- accepted or started
    since     BIGINT NOT NULL, -- in that state
    ended     BIGINT NOT NULL,
    code      TEXT   NOT NULL,
    message   TEXT   NOT NULL,
    place     TEXT   NOT NULL, -- where it was, for people
    PRIMARY KEY (bundle_id, attempt, lo)
);
CREATE INDEX attempts_of_endpoint ON attempts (endpoint, ended);

-- Why agents were asked to stop tasks lo..hi: it stands in the tasks' records
-- once they have ended. They go with their bundle.
CREATE TABLE cancels (
    bundle_id BYTEA  NOT NULL,
    lo        BIGINT NOT NULL,
    hi        BIGINT NOT NULL,
    why       TEXT   NOT NULL,
    asked     BIGINT NOT NULL,
    PRIMARY KEY (bundle_id, lo, hi)
);

-- The last sessions of each endpoint.
CREATE TABLE visits (
    endpoint BYTEA  NOT NULL REFERENCES endpoints (id) ON DELETE CASCADE,
    epoch    BIGINT NOT NULL,
    opened   BIGINT NOT NULL,
    closed   BIGINT, -- by a goodbye; a session that was fenced has none
    host     TEXT   NOT NULL,
    version  TEXT   NOT NULL, -- of the agent
    PRIMARY KEY (endpoint, epoch)
);
