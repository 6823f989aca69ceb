-- Retry policies, and ranges that rest between two attempts: until not_before,
-- they are in an index of their own and not in the queue's.

-- +goose Up

ALTER TABLE functions ADD COLUMN retry TEXT NOT NULL DEFAULT '';
ALTER TABLE bundles ADD COLUMN retry TEXT NOT NULL DEFAULT '';
ALTER TABLE ranges ADD COLUMN not_before BIGINT NOT NULL DEFAULT 0;
DROP INDEX ranges_queue;
CREATE INDEX ranges_queue ON ranges (endpoint, owner, priority DESC, submitted, bundle_id, lo)
    WHERE state = 'queued' AND not_before = 0;
CREATE INDEX ranges_resting ON ranges (not_before, since) WHERE not_before > 0;

-- Of those queued. Who has nothing else has no turn.
ALTER TABLE sessions ADD COLUMN resting_tasks BIGINT NOT NULL DEFAULT 0;
ALTER TABLE queues ADD COLUMN resting_tasks BIGINT NOT NULL DEFAULT 0;
DROP INDEX queues_turn;
CREATE INDEX queues_turn ON queues (endpoint, load, served, owner) WHERE queued_tasks > resting_tasks;
