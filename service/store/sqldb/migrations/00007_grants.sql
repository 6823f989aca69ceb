-- Offers are numbered for each endpoint: a range offered twice under the same
-- attempt, in one session, is told apart by its grant.

-- +goose Up

ALTER TABLE sessions ADD COLUMN grants BIGINT NOT NULL DEFAULT 0; -- number of the last offer
ALTER TABLE ranges RENAME COLUMN grant_epoch TO grant_no;

-- Until now an offer had its session's epoch for a number.
UPDATE sessions SET grants = epoch;
