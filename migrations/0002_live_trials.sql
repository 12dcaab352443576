-- Version 2. What is under way is found without going through all trials of a sweep: for stopping, for its end, and for
-- who watches it.
CREATE INDEX trials_live ON trials (sweep, number) WHERE state IN ('queued', 'running', 'waiting');

PRAGMA user_version = 2;
