-- What a task wrote in an attempt that was followed by another one. It goes
-- with the result's output.

-- +goose Up

ALTER TABLE attempts ADD COLUMN stdout BYTEA NOT NULL DEFAULT '';
ALTER TABLE attempts ADD COLUMN stderr BYTEA NOT NULL DEFAULT '';
