-- Version 1. Times are Unix milliseconds by the coordinator's clock; hashes are blake3 (32 bytes); `*_json` is JSON text.
-- Every table but `meta` is written by the coordinator's one writer; docs/storage.md tells how they hang together.

-- Facts about the file itself.
CREATE TABLE meta (
    key   TEXT PRIMARY KEY NOT NULL, -- `incarnation`: 16 random bytes, new after a restore
    value BLOB NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE sweeps (
    id               INTEGER PRIMARY KEY,         -- grows; the newest sweep has the greatest
    name             TEXT NOT NULL UNIQUE,        -- what people call it, made unique
    identity         TEXT NOT NULL,               -- hash (hex) of the canonical JSON of its file
    request          BLOB NOT NULL UNIQUE CHECK (length(request) = 16), -- a repeated launch has one effect
    seed             INTEGER NOT NULL,            -- the sweep's seed, its 64 bits
    trainer          TEXT NOT NULL,               -- which workers can take it
    metric           TEXT NOT NULL,               -- what the search ranks by
    maximize         INTEGER NOT NULL CHECK (maximize IN (0, 1)), -- whether larger is better
    at_best          INTEGER NOT NULL CHECK (at_best IN (0, 1)),  -- 1: the best epoch counts; 0: the last
    target           REAL,                        -- the search ends when a point reaches it
    data_source      TEXT,                        -- name of its data set; null for a trainer without one
    folds            INTEGER NOT NULL CHECK (folds >= 1), -- cross-validation folds
    with_check       INTEGER NOT NULL CHECK (with_check IN (0, 1)), -- it starts with a check
    definition       BLOB NOT NULL,               -- encoded hone.v1.SweepDefinition
    state            TEXT NOT NULL CHECK (state IN ('checking', 'running', 'paused', 'completed', 'stopped', 'failed')),
    checked          INTEGER NOT NULL CHECK (checked IN (0, 1)),  -- its check has passed, or it has none
    stopping         INTEGER NOT NULL CHECK (stopping IN (0, 1)), -- a stop waits for its running trials
    reason           TEXT NOT NULL,               -- why it ended; empty for a plain end
    decisions        INTEGER NOT NULL CHECK (decisions >= 0),     -- number of the newest applied decision
    next_number      INTEGER NOT NULL CHECK (next_number >= 1),   -- the first trial number that no plan has reserved
    created_ms       INTEGER NOT NULL,            -- when it was launched
    ended_ms         INTEGER,                     -- when it ended
    first_grant_ms   INTEGER,                     -- its first grant
    last_end_ms      INTEGER,                     -- the newest end of an attempt
    queued           INTEGER NOT NULL CHECK (queued >= 0),        -- trials of every kind that can be granted
    running          INTEGER NOT NULL CHECK (running >= 0),       -- trials of every kind that run
    counts_json      TEXT NOT NULL,               -- trials of kind search by state: queued, running, waiting, completed, pruned, diverged, cancelled, failed
    points           INTEGER NOT NULL CHECK (points >= 0),        -- points stored
    trials           INTEGER NOT NULL CHECK (trials >= 0),        -- trials of kind search stored
    epochs_trained   INTEGER NOT NULL CHECK (epochs_trained >= 0), -- each (trial, epoch) of kind search once
    images_trained   INTEGER NOT NULL CHECK (images_trained >= 0), -- training images seen, over all reports
    training_seconds REAL NOT NULL,               -- time in epochs, over all reports
    epochs_planned   INTEGER NOT NULL,            -- epochs of the plan, as far as known
    trials_planned   INTEGER NOT NULL,            -- trials of the plan, as far as known
    data_hash        BLOB CHECK (length(data_hash) = 32), -- the pinned data set: its first grant's
    data_shape_json  TEXT,                        -- height, width, channels of its images
    data_classes     INTEGER,                     -- its classes
    check_json       TEXT NOT NULL,               -- result of the check; empty without
    best_round       INTEGER,                     -- round of the winner, or of the best point so far
    best_point       INTEGER,                     -- its point
    test_accuracy    REAL                         -- the winner's mean on the test part
) STRICT;

CREATE INDEX sweeps_by_identity ON sweeps (identity);
CREATE INDEX sweeps_live ON sweeps (id) WHERE state IN ('checking', 'running', 'paused');

CREATE TABLE rounds (
    sweep       INTEGER NOT NULL REFERENCES sweeps (id),
    round       INTEGER NOT NULL CHECK (round >= 1), -- from 1
    points      INTEGER NOT NULL,                 -- points planned
    finished    INTEGER NOT NULL CHECK (finished >= 0), -- points none of whose trials are still to end
    rungs_json  TEXT NOT NULL,                    -- [[epochs, points], …] of each rung, ascending
    repeats     INTEGER NOT NULL,                 -- trainings of each point
    top         INTEGER,                          -- so many of the best of the round before, instead of new points
    box_json    TEXT NOT NULL,                    -- the box as it is shown
    PRIMARY KEY (sweep, round)
) STRICT, WITHOUT ROWID;

CREATE TABLE points (
    sweep       INTEGER NOT NULL REFERENCES sweeps (id),
    round       INTEGER NOT NULL CHECK (round >= 0), -- from 1; 0 for check and test
    point       INTEGER NOT NULL CHECK (point >= 0), -- from 0
    params_json TEXT NOT NULL,                    -- full path to value
    spec_json   TEXT NOT NULL,                    -- what a worker gets: the spec with these values in it
    finished    INTEGER NOT NULL CHECK (finished IN (0, 1)), -- none of its trials is still to end
    mean        REAL,                             -- mean objective over its trials; null while unknown or diverged
    spread      REAL,                             -- standard deviation over its repeats, n - 1
    repeats     INTEGER NOT NULL,                 -- repeats in that mean
    epochs      INTEGER NOT NULL,                 -- epochs that all its counted trials have
    score       REAL,                             -- the mean, signed so that larger is better
    PRIMARY KEY (sweep, round, point)
) STRICT, WITHOUT ROWID;

-- In the order in which the best is looked for: equal scores are common, and a search through them is not.
CREATE INDEX points_by_score ON points (sweep, round, score DESC, point);

CREATE TABLE trials (
    sweep        INTEGER NOT NULL REFERENCES sweeps (id),
    number       INTEGER NOT NULL CHECK (number >= 1), -- from 1 in plan order, then retries
    kind         TEXT NOT NULL CHECK (kind IN ('search', 'check', 'test')),
    round        INTEGER NOT NULL,                -- with `point`: its point
    point        INTEGER NOT NULL,
    repeat       INTEGER NOT NULL CHECK (repeat >= 0), -- from 0
    fold         INTEGER NOT NULL CHECK (fold >= 0),   -- from 0
    seed         INTEGER NOT NULL,                -- of everything random in it, below 2^32
    full_epochs  INTEGER NOT NULL,                -- epochs of one full training
    weights_of   INTEGER,                         -- a test trial: the trial whose weights are evaluated
    retry_of     INTEGER,                         -- the trial that it tries again
    state        TEXT NOT NULL CHECK (state IN ('queued', 'running', 'waiting', 'completed', 'pruned', 'diverged', 'cancelled', 'failed')),
    asked        TEXT CHECK (asked IN ('cancel', 'prune')), -- a stop not yet answered
    to_epoch     INTEGER NOT NULL,                -- trained up to here now
    queue_order  INTEGER NOT NULL,                -- smaller is granted first
    waits_at_end INTEGER NOT NULL CHECK (waits_at_end IN (0, 1)), -- it waits at to_epoch for a promotion
    keep_weights INTEGER NOT NULL CHECK (keep_weights IN (0, 1)), -- its best-epoch weights are wanted
    attempts     INTEGER NOT NULL CHECK (attempts >= 0), -- grants so far: the newest attempt's number
    worker       TEXT NOT NULL,                   -- the newest attempt's; empty before the first
    objective    REAL,                            -- best or last epoch's, over the visible curve
    epoch        INTEGER NOT NULL CHECK (epoch >= 0), -- last epoch of the visible curve
    most_epochs  INTEGER NOT NULL CHECK (most_epochs >= epoch), -- greatest epoch ever reported
    weights_hash BLOB CHECK (length(weights_hash) = 32), -- of the last report
    seconds      REAL NOT NULL,                   -- in epochs, over all attempts
    images       INTEGER NOT NULL,                -- training images, over all attempts
    checkpoint   BLOB CHECK (length(checkpoint) = 32), -- newest committed checkpoint; its row in blobs
    reason       TEXT NOT NULL,                   -- why it ended so; empty for a plain end
    changed_ms   INTEGER NOT NULL,                -- its newest transition or report
    diagnosis_json TEXT NOT NULL DEFAULT '',      -- what its curves say is wrong
    result_json  TEXT NOT NULL DEFAULT '',        -- result of a check or test trial
    PRIMARY KEY (sweep, number),
    CHECK (state <> 'running' OR attempts > 0),
    CHECK (asked IS NULL OR state = 'running')
) STRICT, WITHOUT ROWID;

CREATE INDEX trials_queue ON trials (sweep, queue_order, number) WHERE state = 'queued';
CREATE INDEX trials_held ON trials (sweep, checkpoint) WHERE state = 'queued' AND checkpoint IS NOT NULL;
CREATE INDEX trials_by_point ON trials (sweep, round, point);
CREATE INDEX trials_retries ON trials (sweep, retry_of) WHERE retry_of IS NOT NULL;

CREATE TABLE attempts (
    sweep        INTEGER NOT NULL,
    trial        INTEGER NOT NULL,
    attempt      INTEGER NOT NULL CHECK (attempt >= 1), -- from 1 without reuse
    session      BLOB NOT NULL CHECK (length(session) = 16), -- the worker process
    worker       TEXT NOT NULL,                   -- its name, for people
    request      BLOB NOT NULL CHECK (length(request) = 16), -- a repeated request gets the same lease
    token        BLOB NOT NULL CHECK (length(token) = 16),   -- secret of the lease
    state        TEXT NOT NULL CHECK (state IN ('running', 'finished', 'lost', 'released', 'crashed')),
    started_ms   INTEGER NOT NULL,                -- granted
    ended_ms     INTEGER,                         -- null while it runs
    reason       TEXT NOT NULL,                   -- why it ended; may be empty
    from_epoch   INTEGER NOT NULL,                -- it goes on from the state after this epoch; 0: afresh
    resume       BLOB CHECK (length(resume) = 32), -- the checkpoint it goes on from
    to_epoch     INTEGER NOT NULL,                -- what it was granted up to
    known_epochs INTEGER NOT NULL,                -- trials.most_epochs at the grant: tells whether it brought a new epoch
    excused      INTEGER NOT NULL CHECK (excused IN (0, 1)), -- open when the coordinator died: no crash
    digest       BLOB CHECK (length(digest) = 32), -- of what ended it (not of its epochs): a repeated finish is told by it
    PRIMARY KEY (sweep, trial, attempt),
    FOREIGN KEY (sweep, trial) REFERENCES trials (sweep, number),
    CHECK ((state = 'running') = (ended_ms IS NULL))
) STRICT, WITHOUT ROWID;

-- At most one attempt of a trial runs.
CREATE UNIQUE INDEX attempts_running ON attempts (sweep, trial) WHERE state = 'running';
CREATE UNIQUE INDEX attempts_by_session ON attempts (session, request) WHERE state = 'running';

CREATE TABLE reports (
    sweep        INTEGER NOT NULL,
    trial        INTEGER NOT NULL,
    attempt      INTEGER NOT NULL,
    epoch        INTEGER NOT NULL CHECK (epoch >= 1), -- from 1
    objective    REAL,                            -- of this epoch; null when it was not finite or not reported
    metrics_json TEXT NOT NULL,                   -- [[name, value], …]; null: not finite
    layers       BLOB NOT NULL,                   -- per-layer statistics, opaque; may be empty
    weights_hash BLOB CHECK (length(weights_hash) = 32), -- of the whole training state; null for trainers that are not exact
    seconds      REAL NOT NULL,                   -- wall time of the epoch
    images       INTEGER NOT NULL,                -- training images seen in it
    at_ms        INTEGER NOT NULL,                -- when it came
    PRIMARY KEY (sweep, trial, attempt, epoch),
    FOREIGN KEY (sweep, trial, attempt) REFERENCES attempts (sweep, trial, attempt)
) STRICT, WITHOUT ROWID;

-- Every transition, in the transaction that made it.
CREATE TABLE events (
    sweep      INTEGER NOT NULL,                  -- 0: of a worker
    seq        INTEGER NOT NULL CHECK (seq >= 1), -- grows by one over the whole file
    at_ms      INTEGER NOT NULL,
    trial      INTEGER,                           -- null: of the sweep
    attempt    INTEGER,
    actor      TEXT NOT NULL,                     -- coordinator, search, user, worker NAME
    event      TEXT NOT NULL,                     -- a word
    from_state TEXT NOT NULL,                     -- may be empty
    to_state   TEXT NOT NULL,                     -- may be empty
    reason     TEXT NOT NULL,                     -- may be empty
    epoch      INTEGER,                           -- the trial's last epoch then
    to_epoch   INTEGER,                           -- what its attempt was granted up to
    objective  REAL,                              -- its running objective then
    PRIMARY KEY (sweep, seq)
) STRICT, WITHOUT ROWID;

CREATE INDEX events_by_trial ON events (sweep, trial, seq) WHERE trial IS NOT NULL;

CREATE TABLE blobs (
    sweep    INTEGER NOT NULL,
    trial    INTEGER NOT NULL,
    hash     BLOB NOT NULL CHECK (length(hash) = 32),
    attempt  INTEGER NOT NULL,                    -- which attempt committed it
    kind     TEXT NOT NULL CHECK (kind IN ('checkpoint', 'weights')),
    size     INTEGER NOT NULL,                    -- bytes
    epoch    INTEGER NOT NULL,                    -- the epoch whose state it holds
    stored   INTEGER NOT NULL CHECK (stored IN (0, 1)), -- the coordinator has the file; 0: its worker alone
    at_ms    INTEGER NOT NULL,
    PRIMARY KEY (sweep, trial, hash),
    FOREIGN KEY (sweep, trial) REFERENCES trials (sweep, number)
) STRICT, WITHOUT ROWID;

CREATE INDEX blobs_by_hash ON blobs (hash);

CREATE TABLE logs (
    sweep   INTEGER NOT NULL,
    trial   INTEGER NOT NULL,
    attempt INTEGER NOT NULL,
    line    INTEGER NOT NULL,                     -- from 1 in its attempt; the last 200 stay
    text    TEXT NOT NULL,
    PRIMARY KEY (sweep, trial, attempt, line),
    FOREIGN KEY (sweep, trial) REFERENCES trials (sweep, number)
) STRICT, WITHOUT ROWID;

CREATE TABLE warnings (
    sweep INTEGER NOT NULL REFERENCES sweeps (id),
    key   TEXT NOT NULL,                          -- what makes it the same warning
    nth   INTEGER NOT NULL,                       -- order of arrival in its sweep
    text  TEXT NOT NULL,                          -- in words
    PRIMARY KEY (sweep, key)
) STRICT, WITHOUT ROWID;

INSERT INTO meta (key, value) VALUES ('incarnation', randomblob(16));

-- "hone" in ASCII.
PRAGMA application_id = 0x686f6e65;
PRAGMA user_version = 1;
