-- Version 3. What listings and filters ask of a trial's end is a word or a time of its own, and nobody reads it out of prose.
ALTER TABLE trials ADD COLUMN cause TEXT -- by what it ended; null: it has not
    CHECK (cause IN ('done', 'patience', 'pruned', 'diverged', 'cancelled', 'stopped', 'failed', 'poisoned'));
ALTER TABLE trials ADD COLUMN started_ms INTEGER; -- its first grant
-- Nothing changes in a trial that has ended.
ALTER TABLE trials ADD COLUMN ended_ms INTEGER    -- when it ended; null: it has not
    AS (CASE WHEN state NOT IN ('queued', 'running', 'waiting') THEN changed_ms END);
-- A trainer's diagnosis is a list of what it found, the most telling first, or one such object.
ALTER TABLE trials ADD COLUMN diagnosis TEXT      -- the state that its diagnosis names first
    AS (CASE WHEN json_valid(diagnosis_json) THEN CASE 'text'
        WHEN json_type(diagnosis_json, '$[0].state') THEN json_extract(diagnosis_json, '$[0].state')
        WHEN json_type(diagnosis_json, '$.state') THEN json_extract(diagnosis_json, '$.state') END END);

-- Who cancelled a trial that ran stands in no column: if its sweep was stopped or has failed, it is taken for the one.
UPDATE trials SET
    started_ms = (SELECT a.started_ms FROM attempts a WHERE a.sweep = trials.sweep AND a.trial = trials.number AND
        a.attempt = 1),
    cause = CASE
        WHEN state IN ('queued', 'running', 'waiting') THEN NULL
        WHEN state = 'completed' THEN CASE reason WHEN 'ended early' THEN 'patience' ELSE 'done' END
        WHEN state = 'failed' THEN CASE WHEN reason LIKE 'poisoned: % attempts in a row ended without a new epoch; %' THEN
            'poisoned' ELSE 'failed' END
        WHEN state = 'cancelled' AND reason <> 'cancelled' AND EXISTS (SELECT 1 FROM sweeps s WHERE s.id = trials.sweep AND
            (s.stopping = 1 OR s.state IN ('stopped', 'failed'))) THEN 'stopped'
        ELSE state END;

PRAGMA user_version = 3;
