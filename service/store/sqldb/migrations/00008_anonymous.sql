-- Functions that were submitted and not registered: found by what they are,
-- not by a name, and deleted once nobody uses them.

-- +goose Up

ALTER TABLE functions ADD COLUMN digest TEXT NOT NULL DEFAULT ''; -- of all that is said of an anonymous one; empty: it is registered
ALTER TABLE functions ADD COLUMN used BIGINT NOT NULL DEFAULT 0;  -- when an anonymous one was last submitted, about
DROP INDEX functions_named;
CREATE UNIQUE INDEX functions_named ON functions (owner, name) WHERE deleted IS NULL AND digest = '';
CREATE UNIQUE INDEX functions_anonymous ON functions (owner, digest) WHERE deleted IS NULL AND digest <> '';
CREATE INDEX functions_unused ON functions (used) WHERE digest <> '';
