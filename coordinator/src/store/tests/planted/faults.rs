//! The faults, table by table and column by column.

use super::base::Kind::{self, ByHand, Simulated};

/// One fault.
pub(super) struct Fault {
    pub(super) of: Kind,
    /// Columns that it is about.
    pub(super) columns: &'static str,
    pub(super) sql: &'static str,
    /// Where it must be found: `trials.state`, or `attempts` for a whole row.
    pub(super) found: &'static str,
    /// What the finding must say.
    pub(super) says: &'static [&'static str],
}

const fn fault(
    of: Kind,
    columns: &'static str,
    sql: &'static str,
    found: &'static str,
    says: &'static [&'static str],
) -> Fault {
    Fault {
        of,
        columns,
        sql,
        found,
        says,
    }
}

/// A fault in one column that is found in that column.
const fn same(
    of: Kind,
    column: &'static str,
    sql: &'static str,
    says: &'static [&'static str],
) -> Fault {
    fault(of, column, sql, column, says)
}

#[rustfmt::skip]
pub(super) static FAULTS: &[Fault] = &[
    // The file.
    fault(ByHand, "meta.key", "DELETE FROM meta", "meta.value", &["no row", "16 bytes"]),
    same(ByHand, "meta.value", "UPDATE meta SET value = x'0102'", &["blob of 2 bytes"]),
    fault(ByHand, "", "DROP INDEX trials_queue", "sqlite_schema.sql", &["index trials_queue", "not there"]),
    fault(ByHand, "", "CREATE TABLE more (a)", "sqlite_schema.sql", &["table more"]),
    fault(ByHand, "", "DROP TABLE warnings", "sqlite_schema.sql", &["table warnings"]),

    // sweeps
    fault(ByHand, "sweeps.id", "UPDATE sweeps SET id = 9 WHERE id = 1", "trials.sweep", &["sweep 1/1"]),
    same(Simulated, "sweeps.name", "UPDATE sweeps SET name = 'other'", &["is other, right would be toy"]),
    same(Simulated, "sweeps.identity", "UPDATE sweeps SET identity = 'another'", &["is another"]),
    same(Simulated, "sweeps.seed", "UPDATE sweeps SET seed = 8", &["is 8, right would be 7"]),
    same(Simulated, "sweeps.trainer", "UPDATE sweeps SET trainer = 'cnn'", &["right would be toy"]),
    same(Simulated, "sweeps.metric", "UPDATE sweeps SET metric = 'loss'", &["right would be score"]),
    same(Simulated, "sweeps.maximize", "UPDATE sweeps SET maximize = 0", &["is 0, right would be 1"]),
    same(Simulated, "sweeps.at_best", "UPDATE sweeps SET at_best = 0", &["is 0, right would be 1"]),
    same(Simulated, "sweeps.target", "UPDATE sweeps SET target = 0.5", &["right would be null"]),
    same(Simulated, "sweeps.data_source", "UPDATE sweeps SET data_source = 'digits'", &["right would be null"]),
    same(ByHand, "sweeps.data_source", "UPDATE sweeps SET data_source = NULL WHERE id = 1", &["one is pinned"]),
    same(Simulated, "sweeps.folds", "UPDATE sweeps SET folds = 3", &["right would be 1"]),
    same(Simulated, "sweeps.with_check", "UPDATE sweeps SET with_check = 1", &["is 1, right would be 0"]),
    same(Simulated, "sweeps.definition", "UPDATE sweeps SET definition = x'ffff'", &["cannot be read"]),
    same(ByHand, "sweeps.state", "UPDATE sweeps SET state = 'paused' WHERE id = 2", &["is paused, right would be running"]),
    same(ByHand, "sweeps.state", "UPDATE sweeps SET state = 'nowhere' WHERE id = 2", &["unreadable"]),
    same(ByHand, "sweeps.checked", "UPDATE sweeps SET checked = 0 WHERE id = 1", &["completed"]),
    same(ByHand, "sweeps.stopping", "UPDATE sweeps SET stopping = 1 WHERE id = 1", &["is 1, right would be 0"]),
    same(ByHand, "sweeps.reason", "UPDATE sweeps SET reason = 'because' WHERE id = 1", &["right would be trained to the end"]),
    same(ByHand, "sweeps.decisions", "UPDATE sweeps SET decisions = 0", &["1 or more"]),
    same(ByHand, "sweeps.next_number", "UPDATE sweeps SET next_number = 5 WHERE id = 1", &["above 41"]),
    same(ByHand, "sweeps.created_ms", "UPDATE sweeps SET created_ms = 1 WHERE id = 1", &["is 1, right would be 1001"]),
    same(ByHand, "sweeps.ended_ms", "UPDATE sweeps SET ended_ms = 1 WHERE id = 1", &["is 1,"]),
    same(ByHand, "sweeps.ended_ms", "UPDATE sweeps SET ended_ms = NULL WHERE id = 1", &["is null", "completed"]),
    same(ByHand, "sweeps.ended_ms", "UPDATE sweeps SET ended_ms = 5 WHERE id = 2", &["is 5", "running"]),
    same(ByHand, "sweeps.first_grant_ms", "UPDATE sweeps SET first_grant_ms = 1 WHERE id = 1", &["is 1,"]),
    same(ByHand, "sweeps.last_end_ms", "UPDATE sweeps SET last_end_ms = 1 WHERE id = 1", &["is 1,", "or later"]),
    same(ByHand, "sweeps.queued", "UPDATE sweeps SET queued = 5 WHERE id = 2", &["is 5, right would be 1"]),
    same(ByHand, "sweeps.running", "UPDATE sweeps SET running = 0 WHERE id = 2", &["is 0, right would be 2"]),
    same(ByHand, "sweeps.counts_json", "UPDATE sweeps SET counts_json = '[1,1,1,1,1,1,1,1]' WHERE id = 1", &["[0,0,0,5,0,0,0,1]"]),
    same(ByHand, "sweeps.counts_json", "UPDATE sweeps SET counts_json = '[1,' WHERE id = 1", &["JSON"]),
    same(ByHand, "sweeps.points", "UPDATE sweeps SET points = 7 WHERE id = 1", &["is 7, right would be 3"]),
    same(ByHand, "sweeps.trials", "UPDATE sweeps SET trials = 7 WHERE id = 1", &["is 7, right would be 6"]),
    same(ByHand, "sweeps.epochs_trained", "UPDATE sweeps SET epochs_trained = 7 WHERE id = 1", &["is 7, right would be 16"]),
    same(ByHand, "sweeps.images_trained", "UPDATE sweeps SET images_trained = 7 WHERE id = 1", &["is 7, right would be 1600"]),
    same(ByHand, "sweeps.training_seconds", "UPDATE sweeps SET training_seconds = 7 WHERE id = 1", &["is 7, right would be 8"]),
    same(Simulated, "sweeps.epochs_planned", "UPDATE sweeps SET epochs_planned = 7", &["is 7,"]),
    same(Simulated, "sweeps.trials_planned", "UPDATE sweeps SET trials_planned = 7", &["is 7,"]),
    same(ByHand, "sweeps.data_hash", "UPDATE sweeps SET data_hash = NULL WHERE id = 1", &["hash, shape and classes"]),
    same(ByHand, "sweeps.data_shape_json", "UPDATE sweeps SET data_shape_json = NULL WHERE id = 1", &["hash, shape and classes"]),
    same(ByHand, "sweeps.data_shape_json", "UPDATE sweeps SET data_shape_json = '8x8' WHERE id = 1", &["JSON"]),
    same(ByHand, "sweeps.data_classes", "UPDATE sweeps SET data_classes = 0 WHERE id = 1", &["1 or more"]),
    same(ByHand, "sweeps.check_json", "UPDATE sweeps SET check_json = '{}' WHERE id = 1", &["passed"]),
    same(ByHand, "sweeps.check_json", "UPDATE sweeps SET check_json = '{' WHERE id = 1", &["JSON"]),
    fault(ByHand, "sweeps.best_round", "UPDATE sweeps SET best_round = 4 WHERE id = 1", "sweeps.best_point", &["is 4, 0"]),
    same(ByHand, "sweeps.best_point", "UPDATE sweeps SET best_point = NULL WHERE id = 1", &["one of its points"]),
    same(Simulated, "sweeps.best_point", "UPDATE sweeps SET best_point = best_point + 1, best_round = 1", &["winner"]),
    same(ByHand, "sweeps.test_accuracy", "UPDATE sweeps SET test_accuracy = 0.8 WHERE id = 1", &["is 0.8, right would be 0.75"]),
    same(ByHand, "sweeps.test_accuracy", "UPDATE sweeps SET test_accuracy = NULL WHERE id = 1", &["is null, right would be 0.75"]),

    // rounds
    fault(ByHand, "rounds.sweep", "UPDATE rounds SET sweep = 7 WHERE sweep = 1", "rounds.sweep", &["7, 1", "sweeps"]),
    fault(ByHand, "rounds.round", "UPDATE rounds SET round = 3 WHERE sweep = 1", "rounds.round", &["behind a round 2"]),
    fault(ByHand, "", "DELETE FROM rounds WHERE sweep = 1", "trials.round", &["rounds"]),
    same(Simulated, "rounds.points", "UPDATE rounds SET points = 99 WHERE round = 1", &["is 99,"]),
    same(ByHand, "rounds.finished", "UPDATE rounds SET finished = 99 WHERE sweep = 1", &["is 99, right would be 3"]),
    same(Simulated, "rounds.rungs_json", "UPDATE rounds SET rungs_json = '[[1,1]]' WHERE round = 1", &["is [[1,1]],"]),
    same(ByHand, "rounds.rungs_json", "UPDATE rounds SET rungs_json = '[' WHERE sweep = 1", &["JSON"]),
    same(Simulated, "rounds.repeats", "UPDATE rounds SET repeats = 99 WHERE round = 1", &["is 99,"]),
    same(Simulated, "rounds.top", "UPDATE rounds SET top = 99 WHERE round = 1", &["is 99,"]),
    same(Simulated, "rounds.box_json", "UPDATE rounds SET box_json = '[]' WHERE round = 1", &["is [],"]),
    same(ByHand, "rounds.box_json", "UPDATE rounds SET box_json = '?' WHERE sweep = 1", &["JSON"]),

    // points
    same(ByHand, "points.sweep", "UPDATE points SET sweep = 7 WHERE sweep = 1", &["7, 1, 0"]),
    fault(ByHand, "points.round", "UPDATE points SET round = 2 WHERE sweep = 1 AND round = 1 AND point = 1", "points.point", &["1, 2, 1", "a trial of it"]),
    fault(ByHand, "points.point", "UPDATE points SET point = 9 WHERE sweep = 1 AND round = 1 AND point = 1", "trials.point", &["s/3", "points"]),
    same(Simulated, "points.params_json", "UPDATE points SET params_json = '{\"params.x\":0.123}' WHERE round = 1 AND point = 2", &["0.123"]),
    same(ByHand, "points.params_json", "UPDATE points SET params_json = '{' WHERE sweep = 1 AND point = 0", &["JSON"]),
    same(Simulated, "points.spec_json", "UPDATE points SET spec_json = '{}' WHERE round = 1 AND point = 2", &["is {},"]),
    same(ByHand, "points.spec_json", "UPDATE points SET spec_json = '[]' WHERE sweep = 1 AND point = 0", &["JSON"]),
    same(ByHand, "points.finished", "UPDATE points SET finished = 1 WHERE sweep = 2 AND point = 2", &["is 1, right would be 0"]),
    same(ByHand, "points.mean", "UPDATE points SET mean = 0.5 WHERE sweep = 1 AND round = 1 AND point = 0", &["is 0.5, right would be 0.8"]),
    same(Simulated, "points.spread", "UPDATE points SET spread = 9.5 WHERE repeats = 2", &["is 9.5,"]),
    same(ByHand, "points.repeats", "UPDATE points SET repeats = 9 WHERE sweep = 1 AND round = 1 AND point = 0", &["is 9, right would be 1"]),
    same(ByHand, "points.epochs", "UPDATE points SET epochs = 9 WHERE sweep = 1 AND round = 1 AND point = 0", &["is 9, right would be 3"]),
    same(ByHand, "points.score", "UPDATE points SET score = -mean WHERE sweep = 1 AND round = 1 AND point = 0", &["is -0.8, right would be 0.8"]),

    // trials
    same(ByHand, "trials.sweep", "UPDATE trials SET sweep = 7 WHERE sweep = 1 AND number = 2", &["sweep 7/2"]),
    fault(ByHand, "trials.number", "UPDATE trials SET number = 20 WHERE sweep = 1 AND number = 2", "attempts.trial", &["s/2"]),
    fault(ByHand, "", "DELETE FROM trials WHERE sweep = 1 AND number = 2", "events.trial", &["s/2"]),
    same(ByHand, "trials.kind", "UPDATE trials SET kind = 'check' WHERE sweep = 1 AND number = 2", &["right would be search"]),
    same(ByHand, "trials.kind", "UPDATE trials SET kind = 'search' WHERE sweep = 1 AND number = 31", &["check or test"]),
    same(ByHand, "trials.round", "UPDATE trials SET round = 3 WHERE sweep = 1 AND number = 2", &["is 3,"]),
    same(ByHand, "trials.point", "UPDATE trials SET point = 8 WHERE sweep = 1 AND number = 2", &["is 8,"]),
    same(ByHand, "trials.repeat", "UPDATE trials SET fold = 0 WHERE sweep = 1 AND number = 2", &["trial 1 is repeat 0, fold 0"]),
    same(Simulated, "trials.repeat", "UPDATE trials SET repeat = 7 WHERE number = 2", &["is 7,"]),
    same(ByHand, "trials.fold", "UPDATE trials SET fold = 5 WHERE sweep = 1 AND number = 2", &["below 2"]),
    same(Simulated, "trials.seed", "UPDATE trials SET seed = seed + 1 WHERE number = 2", &["right would be"]),
    same(ByHand, "trials.seed", "UPDATE trials SET seed = -1 WHERE sweep = 1 AND number = 2", &["is -1"]),
    same(Simulated, "trials.full_epochs", "UPDATE trials SET full_epochs = 77 WHERE number = 2", &["is 77,"]),
    same(ByHand, "trials.weights_of", "UPDATE trials SET weights_of = 77 WHERE sweep = 1 AND number = 31", &["is 77"]),
    same(ByHand, "trials.weights_of", "UPDATE trials SET weights_of = NULL WHERE sweep = 1 AND number = 31", &["is null"]),
    same(ByHand, "trials.retry_of", "UPDATE trials SET retry_of = 1 WHERE sweep = 1 AND number = 41", &["is 1"]),
    same(ByHand, "trials.retry_of", "UPDATE trials SET retry_of = 5, point = 2, fold = 0 WHERE sweep = 1 AND number IN (4, 41)", &["4 tries it again", "is 5"]),
    same(ByHand, "trials.state", "UPDATE trials SET state = 'queued' WHERE sweep = 1 AND number = 2", &["is queued, right would be completed"]),
    same(ByHand, "trials.state", "UPDATE trials SET state = 'nowhere' WHERE sweep = 1 AND number = 2", &["unreadable", "nowhere"]),
    same(ByHand, "trials.asked", "UPDATE trials SET asked = NULL WHERE sweep = 2 AND number = 3", &["is null, right would be cancel"]),
    same(ByHand, "trials.to_epoch", "UPDATE trials SET to_epoch = 9 WHERE sweep = 1 AND number = 2", &["is 9, right would be 3"]),
    same(Simulated, "trials.queue_order", "UPDATE trials SET queue_order = 77", &["is 77,"]),
    same(Simulated, "trials.waits_at_end", "UPDATE trials SET waits_at_end = 1 - waits_at_end WHERE number < 4", &["right would be"]),
    same(Simulated, "trials.keep_weights", "UPDATE trials SET keep_weights = 1 - keep_weights", &["right would be"]),
    same(ByHand, "trials.attempts", "UPDATE trials SET attempts = 5 WHERE sweep = 1 AND number = 2", &["is 5, right would be 1"]),
    same(ByHand, "trials.worker", "UPDATE trials SET worker = 'w7' WHERE sweep = 1 AND number = 2", &["is w7, right would be w1"]),
    same(ByHand, "trials.objective", "UPDATE trials SET objective = 0.99 WHERE sweep = 1 AND number = 2", &["is 0.99, right would be 0.7"]),
    same(ByHand, "trials.objective", "UPDATE trials SET objective = 0.99 WHERE sweep = 2 AND number = 3", &["is 0.99, right would be 0.2"]),
    same(ByHand, "trials.epoch", "UPDATE trials SET epoch = 2 WHERE sweep = 1 AND number = 2", &["is 2, right would be 3"]),
    same(ByHand, "trials.most_epochs", "UPDATE trials SET most_epochs = 5 WHERE sweep = 1 AND number = 2", &["is 5, right would be 3"]),
    same(ByHand, "trials.weights_hash", "UPDATE trials SET weights_hash = zeroblob(32) WHERE sweep = 1 AND number = 2", &["is 0000", "0303"]),
    same(ByHand, "trials.seconds", "UPDATE trials SET seconds = 9 WHERE sweep = 1 AND number = 2", &["is 9, right would be 1.5"]),
    same(ByHand, "trials.images", "UPDATE trials SET images = 9 WHERE sweep = 1 AND number = 2", &["is 9, right would be 300"]),
    same(ByHand, "trials.checkpoint", "DELETE FROM blobs WHERE sweep = 2 AND trial = 1", &["blobs"]),
    same(ByHand, "trials.checkpoint", "UPDATE blobs SET kind = 'weights' WHERE sweep = 2 AND trial = 1", &["blobs"]),
    same(ByHand, "trials.reason", "UPDATE trials SET reason = 'poisoned: so it seems' WHERE sweep = 1 AND number = 5", &["crashed"]),
    same(ByHand, "trials.reason", "UPDATE trials SET reason = 'so' WHERE sweep = 2 AND number = 4", &["has not ended"]),
    same(ByHand, "trials.changed_ms", "UPDATE trials SET changed_ms = 1 WHERE sweep = 1 AND number = 2", &["is 1,"]),
    same(ByHand, "trials.diagnosis_json", "UPDATE trials SET diagnosis_json = '[' WHERE sweep = 1 AND number = 2", &["JSON"]),
    same(ByHand, "trials.result_json", "UPDATE trials SET result_json = '[' WHERE sweep = 1 AND number = 30", &["JSON"]),

    // attempts
    same(ByHand, "attempts.trial", "UPDATE attempts SET trial = 77 WHERE sweep = 1 AND trial = 2", &["is 77"]),
    fault(ByHand, "attempts.sweep", "UPDATE attempts SET sweep = 7 WHERE sweep = 1 AND trial = 2", "attempts.trial", &["sweep 7/2"]),
    fault(ByHand, "", "DELETE FROM attempts WHERE sweep = 2 AND trial = 3", "attempts", &["not there", "running"]),
    fault(ByHand, "attempts.attempt", "UPDATE attempts SET attempt = 4 WHERE sweep = 2 AND trial = 2 AND attempt = 3", "attempts.attempt", &["is 4, right would be 3"]),
    fault(ByHand, "", "INSERT INTO attempts SELECT sweep, trial, 2, randomblob(16), worker, randomblob(16), token, state, started_ms, ended_ms, \
        reason, from_epoch, resume, to_epoch, known_epochs, excused, digest FROM attempts WHERE sweep = 1 AND trial = 2",
        "attempts", &["never granted"]),
    same(ByHand, "attempts.worker", "UPDATE attempts SET worker = 'w7' WHERE sweep = 1 AND trial = 2", &["right would be w1"]),
    same(ByHand, "attempts.state", "UPDATE attempts SET state = 'crashed' WHERE sweep = 1 AND trial = 2", &["is crashed, right would be finished"]),
    same(ByHand, "attempts.state", "UPDATE attempts SET state = 'lost', ended_ms = 9 WHERE sweep = 2 AND trial = 3", &["is lost, right would be running"]),
    same(ByHand, "attempts.state", "UPDATE attempts SET state = 'running', ended_ms = NULL WHERE sweep = 1 AND trial = 2", &["is running, right would be finished"]),
    same(ByHand, "attempts.started_ms", "UPDATE attempts SET started_ms = 1 WHERE sweep = 1 AND trial = 2", &["is 1,"]),
    same(ByHand, "attempts.ended_ms", "UPDATE attempts SET ended_ms = 9999999 WHERE sweep = 1 AND trial = 2", &["is 9999999,"]),
    same(ByHand, "attempts.reason", "UPDATE attempts SET reason = 'so' WHERE sweep = 1 AND trial = 2", &["is so, right would be empty"]),
    same(ByHand, "attempts.from_epoch", "UPDATE attempts SET from_epoch = 2 WHERE sweep = 1 AND trial = 2", &["is 2, right would be 0"]),
    same(ByHand, "attempts.resume", "UPDATE attempts SET resume = (SELECT hash FROM blobs WHERE sweep = 2 AND trial = 2 AND epoch = 1), \
        from_epoch = 2 WHERE sweep = 2 AND trial = 2 AND attempt = 3", &["a checkpoint of epoch 2 or later"]),
    same(ByHand, "attempts.to_epoch", "UPDATE attempts SET to_epoch = 9 WHERE sweep = 1 AND trial = 2", &["is 9, right would be 3"]),
    same(ByHand, "attempts.known_epochs", "UPDATE attempts SET known_epochs = 2 WHERE sweep = 1 AND trial = 2", &["is 2, right would be 0"]),
    same(ByHand, "attempts.digest", "UPDATE attempts SET digest = zeroblob(32) WHERE sweep = 2 AND trial = 3", &["running"]),

    // reports
    fault(ByHand, "reports.sweep", "UPDATE reports SET sweep = 7 WHERE sweep = 1 AND trial = 2", "reports.attempt", &["sweep 7/2"]),
    fault(ByHand, "reports.trial", "UPDATE reports SET trial = 77 WHERE sweep = 1 AND trial = 2", "reports.attempt", &["s/77"]),
    same(ByHand, "reports.attempt", "UPDATE reports SET attempt = 2 WHERE sweep = 1 AND trial = 2", &["is 2,"]),
    same(ByHand, "reports.epoch", "UPDATE reports SET epoch = 7 WHERE sweep = 1 AND trial = 2 AND epoch = 3", &["is 7, right would be 1 to 3"]),
    fault(ByHand, "", "DELETE FROM reports WHERE sweep = 1 AND trial = 2 AND epoch = 2", "trials.epoch", &["joined", "[1, 3]"]),
    fault(ByHand, "", "DELETE FROM reports WHERE sweep = 2 AND trial = 3", "sweeps.epochs_trained", &["right would be 6"]),
    same(ByHand, "reports.objective", "UPDATE reports SET objective = 0.99 WHERE sweep = 1 AND trial = 2 AND epoch = 2", &["is 0.99, right would be 0.7"]),
    fault(ByHand, "reports.metrics_json", "UPDATE reports SET metrics_json = '[[\"val_accuracy\",0.1]]' WHERE sweep = 1 AND trial = 2",
        "reports.objective", &["is 0.7, right would be 0.1"]),
    same(ByHand, "reports.metrics_json", "UPDATE reports SET metrics_json = '[[' WHERE sweep = 1 AND trial = 2 AND epoch = 1", &["unreadable"]),
    same(ByHand, "reports.weights_hash", "UPDATE reports SET weights_hash = zeroblob(32) WHERE sweep = 2 AND trial = 2 AND attempt = 3; \
        INSERT INTO reports SELECT sweep, trial, 2, epoch, objective, metrics_json, layers, randomblob(32), seconds, images, at_ms FROM \
        reports WHERE sweep = 2 AND trial = 2 AND attempt = 3", &["as attempt 2 reported"]),
    fault(ByHand, "reports.seconds", "UPDATE reports SET seconds = 9 WHERE sweep = 1 AND trial = 2 AND epoch = 2", "trials.seconds", &["right would be 10"]),
    same(ByHand, "reports.seconds", "UPDATE reports SET seconds = -9 WHERE sweep = 1 AND trial = 2 AND epoch = 2", &["is -9"]),
    fault(ByHand, "reports.images", "UPDATE reports SET images = 9 WHERE sweep = 1 AND trial = 2 AND epoch = 2", "trials.images", &["right would be 209"]),
    same(ByHand, "reports.at_ms", "UPDATE reports SET at_ms = 9999999 WHERE sweep = 1 AND trial = 2 AND epoch = 3", &["is 9999999", "or earlier"]),

    // events
    same(ByHand, "events.sweep", "UPDATE events SET sweep = 7 WHERE sweep = 1 AND trial = 2", &["is 7"]),
    same(ByHand, "events.seq", "UPDATE events SET seq = (SELECT min(seq) FROM events WHERE sweep = 2) WHERE sweep = 1 AND event = 'launched'", &["another number"]),
    fault(ByHand, "events.at_ms", "UPDATE events SET at_ms = 9 WHERE sweep = 1 AND trial = 2 AND event = 'granted'", "attempts.started_ms", &["right would be 9"]),
    same(ByHand, "events.trial", "UPDATE events SET trial = 77 WHERE sweep = 1 AND trial = 2", &["s/77"]),
    same(ByHand, "events.attempt", "UPDATE events SET attempt = 7 WHERE sweep = 1 AND trial = 2 AND event = 'granted'", &["is 7"]),
    fault(ByHand, "events.actor", "UPDATE events SET actor = 'worker w7' WHERE sweep = 1 AND trial = 2 AND event = 'granted'", "attempts.worker", &["right would be w7"]),
    same(ByHand, "events.event", "UPDATE events SET event = 'promoted' WHERE sweep = 1 AND trial = 2 AND event = 'granted'", &["`promoted`"]),
    same(ByHand, "events.from_state", "UPDATE events SET from_state = 'waiting' WHERE sweep = 1 AND trial = 2 AND event = 'granted'", &["is waiting, right would be queued"]),
    same(ByHand, "events.to_state", "UPDATE events SET to_state = 'waiting' WHERE sweep = 1 AND trial = 2 AND event = 'granted'", &["is waiting, right would be running"]),
    same(ByHand, "events.from_state", "UPDATE events SET from_state = 'paused' WHERE sweep = 1 AND event = 'complete'", &["is paused, right would be running"]),
    same(ByHand, "events.to_state", "UPDATE events SET to_state = 'nowhere' WHERE sweep = 1 AND event = 'complete'", &["a state of a sweep"]),
    fault(ByHand, "events.reason", "UPDATE events SET reason = 'so' WHERE sweep = 1 AND trial = 5 AND event = 'failed'", "attempts.reason", &["right would be so"]),
    same(ByHand, "events.epoch", "UPDATE events SET epoch = 7 WHERE sweep = 1 AND trial = 2 AND event = 'completed'", &["is 7"]),
    fault(ByHand, "events.to_epoch", "UPDATE events SET to_epoch = 7 WHERE sweep = 1 AND trial = 2 AND event = 'granted'", "attempts.to_epoch", &["right would be 7"]),
    same(Simulated, "events.to_epoch", "UPDATE events SET to_epoch = 7 WHERE trial = 2 AND event = 'queued' AND actor = 'search'", &["is 7"]),
    same(ByHand, "events.objective", "UPDATE events SET objective = 0.99 WHERE sweep = 1 AND trial = 2 AND event = 'completed'", &["is 0.99, right would be 0.7"]),
    fault(ByHand, "", "DELETE FROM events WHERE sweep = 1 AND trial = 2 AND event = 'completed'", "trials.state", &["is completed, right would be running"]),
    fault(ByHand, "", "DELETE FROM events WHERE sweep = 1 AND trial IS NULL", "events.event", &["only while checking or running"]),
    fault(ByHand, "", "INSERT INTO events SELECT sweep, 9999, at_ms, trial, attempt, actor, event, from_state, to_state, reason, epoch, to_epoch, \
        objective FROM events WHERE sweep = 1 AND trial = 2 AND event = 'granted'", "events.event", &["completed"]),
    fault(ByHand, "", "UPDATE events SET trial = 1 WHERE sweep = 0", "events.trial", &["is 1, right would be null"]),
    fault(Simulated, "", "DELETE FROM events WHERE seq = (SELECT max(seq) FROM events WHERE event = 'promoted')", "trials.to_epoch", &["earn"]),

    // blobs
    same(ByHand, "blobs.trial", "UPDATE blobs SET trial = 77 WHERE sweep = 1 AND trial = 2", &["is 77"]),
    fault(ByHand, "blobs.sweep", "UPDATE blobs SET sweep = 7 WHERE sweep = 1 AND trial = 2", "blobs.trial", &["sweep 7/2"]),
    fault(ByHand, "blobs.hash", "UPDATE blobs SET hash = randomblob(32), kind = 'weights' WHERE sweep = 2 AND trial = 1", "trials.checkpoint", &["blobs"]),
    same(ByHand, "blobs.attempt", "UPDATE blobs SET attempt = 7 WHERE sweep = 1 AND trial = 2", &["is 7"]),
    fault(ByHand, "blobs.kind", "UPDATE blobs SET kind = 'weights' WHERE sweep = 2 AND trial = 2 AND epoch = 1", "attempts.resume", &["it is weights"]),
    same(ByHand, "blobs.size", "UPDATE blobs SET size = -1 WHERE sweep = 1 AND trial = 2", &["is -1"]),
    fault(ByHand, "blobs.epoch", "UPDATE blobs SET epoch = 0 WHERE sweep = 2 AND trial = 2 AND epoch = 1", "attempts.resume", &["of epoch 0"]),

    // logs, warnings
    same(ByHand, "logs.trial", "UPDATE logs SET trial = 77 WHERE sweep = 1 AND trial = 2", &["is 77"]),
    fault(ByHand, "logs.sweep", "UPDATE logs SET sweep = 7 WHERE sweep = 1 AND trial = 2", "logs.trial", &["sweep 7/2"]),
    same(ByHand, "logs.attempt", "UPDATE logs SET attempt = 7 WHERE sweep = 1 AND trial = 2", &["is 7"]),
    same(ByHand, "logs.line", "UPDATE logs SET line = 900 WHERE sweep = 1 AND trial = 2 AND line = 2", &["1 to 900"]),
    same(ByHand, "warnings.sweep", "UPDATE warnings SET sweep = 7", &["7, a"]),
    same(ByHand, "warnings.nth", "UPDATE warnings SET nth = 0", &["another number"]),
];
