-- Types that PostgreSQL and SQLite both take: BYTEA (16 bytes where it is an
-- id), BIGINT (times are Unix microseconds), TEXT (documents are JSON),
-- BOOLEAN, DOUBLE PRECISION. The tables of tasks have no foreign keys: their
-- rows are written in one transaction by one function, and a check for every
-- row would cost more than the row.

-- +goose Up

CREATE TABLE identities (
    id      BYTEA   NOT NULL PRIMARY KEY,
    name    TEXT    NOT NULL UNIQUE,
    kind    TEXT    NOT NULL,
    admin   BOOLEAN NOT NULL,
    created BIGINT  NOT NULL
);

CREATE TABLE members (
    group_id BYTEA NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    member   BYTEA NOT NULL REFERENCES identities (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, member)
);
CREATE INDEX members_of ON members (member);

-- A token outlives its identity, so that its holder is told it was revoked.
CREATE TABLE tokens (
    id        BYTEA  NOT NULL PRIMARY KEY,
    identity  BYTEA  NOT NULL,
    endpoint  BYTEA,
    label     TEXT   NOT NULL,
    scopes    TEXT   NOT NULL,
    hash      BYTEA  NOT NULL,
    expires   BIGINT,
    revoked   BIGINT,
    last_used BIGINT,
    created   BIGINT NOT NULL
);
CREATE INDEX tokens_of_identity ON tokens (identity, id);
CREATE INDEX tokens_of_endpoint ON tokens (endpoint) WHERE endpoint IS NOT NULL;

-- Who besides the owner may use a function or an endpoint (the subject). The
-- subject's own row has the same as a document, for reading.
CREATE TABLE shares (
    subject  BYTEA NOT NULL,
    identity BYTEA NOT NULL,
    PRIMARY KEY (subject, identity)
);

-- A deleted function keeps its versions: tasks accepted before still run.
CREATE TABLE functions (
    id       BYTEA   NOT NULL PRIMARY KEY,
    owner    BYTEA   NOT NULL,
    name     TEXT    NOT NULL,
    latest   BIGINT  NOT NULL,
    everyone BOOLEAN NOT NULL,
    sharing  TEXT    NOT NULL,
    search   TEXT    NOT NULL, -- lower case name, description and docstring of the latest
    created  BIGINT  NOT NULL,
    deleted  BIGINT
);
CREATE UNIQUE INDEX functions_named ON functions (owner, name) WHERE deleted IS NULL;

CREATE TABLE function_versions (
    function_id  BYTEA  NOT NULL REFERENCES functions (id) ON DELETE CASCADE,
    version      BIGINT NOT NULL,
    kind         TEXT   NOT NULL,
    hash         TEXT   NOT NULL,
    description  TEXT   NOT NULL,
    docstring    TEXT   NOT NULL,
    signature    TEXT   NOT NULL,
    requirements TEXT   NOT NULL,
    created      BIGINT NOT NULL,
    body         BYTEA  NOT NULL,
    PRIMARY KEY (function_id, version),
    UNIQUE (function_id, hash)
);

CREATE TABLE endpoints (
    id          BYTEA   NOT NULL PRIMARY KEY,
    owner       BYTEA   NOT NULL,
    name        TEXT    NOT NULL,
    description TEXT    NOT NULL,
    everyone    BOOLEAN NOT NULL,
    sharing     TEXT    NOT NULL,
    functions   TEXT    NOT NULL,
    created     BIGINT  NOT NULL,
    UNIQUE (owner, name)
);

-- One row for each endpoint: its newest session, and the counters of all its
-- ranges. Whoever changes ranges of an endpoint locks this row first.
CREATE TABLE sessions (
    endpoint          BYTEA  NOT NULL PRIMARY KEY REFERENCES endpoints (id) ON DELETE CASCADE,
    epoch             BIGINT NOT NULL,
    state             TEXT   NOT NULL,
    instance          BYTEA,
    journal           BYTEA,
    opened            BIGINT NOT NULL,
    last_seen         BIGINT NOT NULL,
    capacity_tasks    BIGINT NOT NULL,
    capacity_bytes    BIGINT NOT NULL,
    outstanding_tasks BIGINT NOT NULL, -- in ranges that are not queued
    outstanding_bytes BIGINT NOT NULL,
    queued_tasks      BIGINT NOT NULL,
    capabilities      TEXT   NOT NULL,
    status            TEXT   NOT NULL
);

CREATE TABLE groups (
    id          BYTEA  NOT NULL PRIMARY KEY,
    owner       BYTEA  NOT NULL,
    label       TEXT   NOT NULL,
    tasks       BIGINT NOT NULL,
    done        BIGINT NOT NULL,
    failed      BIGINT NOT NULL, -- of those done
    last_cursor BIGINT NOT NULL, -- of the newest result
    created     BIGINT NOT NULL
);
CREATE INDEX groups_of ON groups (owner, id);

-- All columns but the last three never change.
CREATE TABLE bundles (
    id           BYTEA            NOT NULL PRIMARY KEY,
    group_id     BYTEA            NOT NULL,
    owner        BYTEA            NOT NULL,
    endpoint     BYTEA            NOT NULL,
    function_id  BYTEA            NOT NULL,
    version      BIGINT           NOT NULL,
    hash         TEXT             NOT NULL,
    kind         TEXT             NOT NULL,
    requires     TEXT             NOT NULL,
    form         TEXT             NOT NULL,
    codec        TEXT             NOT NULL,
    label        TEXT             NOT NULL,
    tasks        BIGINT           NOT NULL,
    task_bytes   BIGINT           NOT NULL, -- mean of the payloads, rounded up
    max_attempts BIGINT           NOT NULL,
    priority     BIGINT           NOT NULL,
    walltime     DOUBLE PRECISION NOT NULL,
    blobs        TEXT             NOT NULL, -- by column, or empty
    submitted    BIGINT           NOT NULL,
    give_up_at   BIGINT,
    finished     BIGINT, -- when the last task was done
    remaining    BIGINT           NOT NULL,
    done         BYTEA            NOT NULL -- a bit for each task
);
CREATE INDEX bundles_of_owner ON bundles (owner, id);
CREATE INDEX bundles_of_group ON bundles (group_id, id);
CREATE INDEX bundles_open ON bundles (endpoint, id) WHERE finished IS NULL;
CREATE INDEX bundles_give_up ON bundles (give_up_at) WHERE finished IS NULL AND give_up_at IS NOT NULL;

-- Payloads of tasks lo..hi, apart from the bundle's row so that an offer of a
-- few tasks of a large bundle reads little.
CREATE TABLE pages (
    bundle_id BYTEA  NOT NULL,
    lo        BIGINT NOT NULL,
    hi        BIGINT NOT NULL,
    data      BYTEA  NOT NULL,
    PRIMARY KEY (bundle_id, lo)
);

-- Tasks lo..hi that are not done. Endpoint, priority and submitted are the
-- bundle's: they make the queue one index.
CREATE TABLE ranges (
    bundle_id   BYTEA   NOT NULL,
    lo          BIGINT  NOT NULL,
    hi          BIGINT  NOT NULL,
    state       TEXT    NOT NULL,
    attempt     BIGINT  NOT NULL,
    epoch       BIGINT  NOT NULL,
    grant_epoch BIGINT  NOT NULL,
    cancel      BOOLEAN NOT NULL,
    since       BIGINT  NOT NULL,
    endpoint    BYTEA   NOT NULL,
    priority    BIGINT  NOT NULL,
    submitted   BIGINT  NOT NULL,
    PRIMARY KEY (bundle_id, lo)
);
CREATE INDEX ranges_queue ON ranges (endpoint, priority DESC, submitted, bundle_id, lo) WHERE state = 'queued';
CREATE INDEX ranges_given ON ranges (endpoint, epoch) WHERE state <> 'queued';
CREATE INDEX ranges_offered ON ranges (endpoint, since) WHERE state = 'offered';
CREATE INDEX ranges_cancel ON ranges (endpoint) WHERE cancel;

CREATE TABLE results (
    group_id  BYTEA  NOT NULL,
    cursor    BIGINT NOT NULL, -- from 1, without gaps
    bundle_id BYTEA  NOT NULL,
    lo        BIGINT NOT NULL,
    hi        BIGINT NOT NULL,
    skip      BIGINT NOT NULL, -- values of the payload that come before lo's
    attempt   BIGINT NOT NULL,
    state     TEXT   NOT NULL, -- of the tasks, outward
    outcome   TEXT   NOT NULL,
    form      TEXT   NOT NULL,
    code      TEXT   NOT NULL, -- why it failed
    message   TEXT   NOT NULL,
    worker    TEXT   NOT NULL,
    blob      TEXT   NOT NULL,
    started   BIGINT NOT NULL, -- by the worker's clock, 0 if unknown
    finished  BIGINT NOT NULL,
    accepted  BIGINT NOT NULL,
    stdout    BYTEA  NOT NULL,
    stderr    BYTEA  NOT NULL,
    payload   BYTEA  NOT NULL,
    PRIMARY KEY (group_id, cursor)
);
CREATE INDEX results_of ON results (bundle_id, lo);

CREATE TABLE blobs (
    id      BYTEA  NOT NULL PRIMARY KEY,
    owner   BYTEA  NOT NULL,
    size    BIGINT NOT NULL,
    sha256  TEXT   NOT NULL,
    created BIGINT NOT NULL,
    bundle  BYTEA -- the first that refers to it
);
CREATE INDEX blobs_orphaned ON blobs (created) WHERE bundle IS NULL;

CREATE TABLE replicas (
    id   BYTEA  NOT NULL PRIMARY KEY,
    addr TEXT   NOT NULL,
    seen BIGINT NOT NULL
);

CREATE TABLE settings (
    name  TEXT  NOT NULL PRIMARY KEY,
    value BYTEA NOT NULL
);
