-- Large payloads may lie beside the tables, where the engine has a place for
-- them: a row names the segment, the place in it, the bytes and their CRC-32C.
-- Segment 0: the row has the payload itself, as all rows of before.

-- +goose Up

ALTER TABLE pages ADD COLUMN segment BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pages ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pages ADD COLUMN away BIGINT NOT NULL DEFAULT 0;
ALTER TABLE pages ADD COLUMN checksum BIGINT NOT NULL DEFAULT 0;
CREATE INDEX pages_segment ON pages (segment) WHERE segment > 0;

ALTER TABLE results ADD COLUMN segment BIGINT NOT NULL DEFAULT 0;
ALTER TABLE results ADD COLUMN place BIGINT NOT NULL DEFAULT 0;
ALTER TABLE results ADD COLUMN away BIGINT NOT NULL DEFAULT 0;
ALTER TABLE results ADD COLUMN checksum BIGINT NOT NULL DEFAULT 0;
CREATE INDEX results_segment ON results (segment) WHERE segment > 0;

-- Places that no row names any more, and since when, until their space is
-- given back.
CREATE TABLE freed (
    since   BIGINT NOT NULL,
    segment BIGINT NOT NULL,
    place   BIGINT NOT NULL,
    away    BIGINT NOT NULL,
    PRIMARY KEY (since, segment, place)
);
CREATE INDEX freed_segment ON freed (segment);
