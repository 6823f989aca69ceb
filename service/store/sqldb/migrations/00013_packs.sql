-- Results of neighbouring tasks share a row, a pack, each with a cursor of its
-- own: the row has the last one's.

-- +goose Up

ALTER TABLE results ADD COLUMN entries BIGINT NOT NULL DEFAULT 1; -- cursors
ALTER TABLE results ADD COLUMN pack BYTEA NOT NULL DEFAULT ''; -- what differs between the tasks, if there are several entries
