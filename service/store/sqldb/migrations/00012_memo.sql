-- Results that answer equal calls. A memo's key is a hash of all that makes
-- calls equal; memo_wanted has the keys of tasks whose results are to be kept.

-- +goose Up

ALTER TABLE functions ADD COLUMN memo TEXT NOT NULL DEFAULT ''; -- scope
ALTER TABLE functions ADD COLUMN memo_generation BIGINT NOT NULL DEFAULT 0;
ALTER TABLE functions ADD COLUMN memo_hits BIGINT NOT NULL DEFAULT 0;
ALTER TABLE functions ADD COLUMN memo_misses BIGINT NOT NULL DEFAULT 0;
ALTER TABLE bundles ADD COLUMN memo BOOLEAN NOT NULL DEFAULT FALSE; -- it has rows in memo_wanted
ALTER TABLE results ADD COLUMN memo BYTEA; -- the task that the result is from

CREATE TABLE memos (
    key         BYTEA  NOT NULL PRIMARY KEY,
    function_id BYTEA  NOT NULL,
    task        BYTEA  NOT NULL,
    used        BIGINT NOT NULL,
    size        BIGINT NOT NULL,
    payload     BYTEA  NOT NULL
);
CREATE INDEX memos_of ON memos (function_id, size);
CREATE INDEX memos_used ON memos (used, size);

CREATE TABLE memo_wanted (
    bundle_id BYTEA  NOT NULL,
    task      BIGINT NOT NULL,
    key       BYTEA  NOT NULL,
    PRIMARY KEY (bundle_id, task)
);
