-- What a task alone in its bundle writes: fewer pages of the database.

-- +goose Up

-- One index of what agents have instead of two, of which an accept changed both.
DROP INDEX ranges_offered;
DROP INDEX ranges_given;
CREATE INDEX ranges_given ON ranges (endpoint, state, since) WHERE state <> 'queued';

-- The only page of payloads, if it is small; otherwise, and once the bundle is finished, empty.
ALTER TABLE bundles ADD COLUMN page BYTEA NOT NULL DEFAULT '';
