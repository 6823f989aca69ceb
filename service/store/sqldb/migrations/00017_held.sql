-- What an agent has of tasks that come one by one counts for more than their payloads.

-- +goose Up

UPDATE sessions SET outstanding_bytes = outstanding_bytes + COALESCE((
    SELECT sum((r.hi - r.lo) * 1024) FROM ranges r JOIN bundles b ON b.id = r.bundle_id
    WHERE r.endpoint = sessions.endpoint AND r.state <> 'queued' AND b.form <> 'chunk'), 0);
