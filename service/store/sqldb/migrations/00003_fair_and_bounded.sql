-- +goose Up

-- Whose the tasks are: the queue of an endpoint is one queue for each owner.
ALTER TABLE ranges ADD COLUMN owner BYTEA;
UPDATE ranges SET owner = (SELECT b.owner FROM bundles b WHERE b.id = ranges.bundle_id);
DROP INDEX ranges_queue;
CREATE INDEX ranges_queue ON ranges (endpoint, owner, priority DESC, submitted, bundle_id, lo) WHERE state = 'queued';

-- One row for each endpoint and owner: counters of all its ranges, and what
-- decides whose turn it is. It is written under the lock of the session.
CREATE TABLE queues (
    endpoint     BYTEA  NOT NULL,
    owner        BYTEA  NOT NULL,
    queued_tasks BIGINT NOT NULL,
    queued_bytes BIGINT NOT NULL,
    given_tasks  BIGINT NOT NULL, -- in ranges that are not queued
    bundles      BIGINT NOT NULL, -- that are not finished
    weight       BIGINT NOT NULL,
    most_given   BIGINT NOT NULL, -- 0: any number
    load         BIGINT NOT NULL, -- given_tasks by weight
    served       BIGINT NOT NULL, -- virtual time
    PRIMARY KEY (endpoint, owner)
);
CREATE INDEX queues_turn ON queues (endpoint, load, served, owner) WHERE queued_tasks > 0;
CREATE INDEX queues_of_owner ON queues (owner);
INSERT INTO queues (endpoint, owner, queued_tasks, queued_bytes, given_tasks, bundles, weight, most_given, load, served)
SELECT b.endpoint, b.owner,
       CAST(SUM(CASE WHEN r.state = 'queued' THEN r.hi - r.lo ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN r.state = 'queued' THEN (r.hi - r.lo) * b.task_bytes ELSE 0 END) AS BIGINT),
       CAST(SUM(CASE WHEN r.state = 'queued' THEN 0 ELSE r.hi - r.lo END) AS BIGINT),
       COUNT(DISTINCT b.id), 1, 0,
       CAST(SUM(CASE WHEN r.state = 'queued' THEN 0 ELSE r.hi - r.lo END) * 1000000 AS BIGINT), 0
FROM ranges r JOIN bundles b ON b.id = r.bundle_id
GROUP BY b.endpoint, b.owner;

ALTER TABLE sessions ADD COLUMN queued_bytes BIGINT NOT NULL DEFAULT 0;
ALTER TABLE sessions ADD COLUMN virtual_time BIGINT NOT NULL DEFAULT 0;
UPDATE sessions SET queued_bytes =
    (SELECT CAST(COALESCE(SUM(q.queued_bytes), 0) AS BIGINT) FROM queues q WHERE q.endpoint = sessions.endpoint);

-- What an admin has set for an identity, or an owner for an endpoint.
CREATE TABLE limits (
    subject  BYTEA NOT NULL PRIMARY KEY,
    document TEXT  NOT NULL
);

-- What an identity's uploads take.
CREATE TABLE disk (
    owner BYTEA  NOT NULL PRIMARY KEY,
    bytes BIGINT NOT NULL
);
INSERT INTO disk (owner, bytes) SELECT owner, CAST(SUM(size) AS BIGINT) FROM blobs GROUP BY owner;

-- Results go in the order of their group's stream: first what they carry, up
-- to the cursor expired, then the record, up to forgotten. At due there is
-- something to do, or to look again.
ALTER TABLE groups ADD COLUMN retention BIGINT NOT NULL DEFAULT 1209600000000;
ALTER TABLE groups ADD COLUMN expired BIGINT NOT NULL DEFAULT 0;
ALTER TABLE groups ADD COLUMN forgotten BIGINT NOT NULL DEFAULT 0;
ALTER TABLE groups ADD COLUMN due BIGINT;
UPDATE groups SET due = created + retention;
CREATE INDEX groups_due ON groups (due) WHERE due IS NOT NULL;
ALTER TABLE results ADD COLUMN expired BIGINT;

DELETE FROM pages WHERE bundle_id IN (SELECT id FROM bundles WHERE finished IS NOT NULL);
