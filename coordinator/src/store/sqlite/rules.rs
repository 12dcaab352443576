//! What must hold between rows and can be asked of SQLite itself: each rule a statement that finds the rows which break
//! it, so that a table that cannot be read hides no other.

use super::db::Db;
use crate::store::{
    cells::Cells,
    error::Rows,
    table::{Stored as _, columns},
};

/// A rule, and the statement that finds what breaks it.
pub struct Rule {
    /// Whose rows it is about.
    pub table: &'static str,
    /// Which of their columns.
    pub column: &'static str,
    /// What holds, in a few words.
    pub invariant: &'static str,
    pub(super) sql: &'static str,
}

columns! {
    /// A row that breaks a rule.
    #[derive(Debug)]
    pub struct Broken {
        /// Its sweep's key, where it has one.
        pub sweep: Option<i64>,
        /// Its trial, where it has one.
        pub trial: Option<i64>,
        /// Its key.
        pub key: String,
        /// What stands there.
        pub stored: String,
        /// What would be right.
        pub right: String,
    }
}

macro_rules! rule {
    ($table:literal, $column:literal, $invariant:literal, $sql:expr) => {
        Rule {
            table: $table,
            column: $column,
            invariant: $invariant,
            sql: concat!(
                "WITH f (sweep, trial, at, stored, expected) AS (",
                $sql,
                ") SELECT sweep, trial, CAST(at AS TEXT), coalesce(CAST(stored AS TEXT), 'null'), \
                 coalesce(CAST(expected AS TEXT), 'null') FROM f LIMIT 10000"
            ),
        }
    };
}

/// Rows (`c`) whose parent is not there.
macro_rules! orphan {
    ($table:literal, $column:literal, $sweep:literal, $trial:literal, $key:literal, $parent:literal, $is:literal) => {
        rule!(
            $table,
            $column,
            "what a row belongs to is there",
            concat!(
                "SELECT ",
                $sweep,
                ", ",
                $trial,
                ", ",
                $key,
                ", c.",
                $column,
                ", 'one of ",
                $parent,
                "' FROM ",
                $table,
                " c WHERE c.",
                $column,
                " IS NOT NULL AND NOT EXISTS (SELECT 1 FROM ",
                $parent,
                " p WHERE ",
                $is,
                ")"
            )
        )
    };
}

/// Rows (`c`) with a column of JSON that is none.
macro_rules! json {
    ($table:literal, $column:literal, $sweep:literal, $trial:literal, $key:literal, $may:literal, $type:literal) => {
        rule!(
            $table,
            $column,
            "JSON can be read",
            concat!(
                "SELECT ",
                $sweep,
                ", ",
                $trial,
                ", ",
                $key,
                ", substr(c.",
                $column,
                ", 1, 60), 'JSON: an ",
                $type,
                "' FROM ",
                $table,
                " c WHERE NOT (",
                $may,
                ") AND CASE WHEN json_valid(c.",
                $column,
                ") THEN json_type(c.",
                $column,
                ") <> '",
                $type,
                "' ELSE 1 END"
            )
        )
    };
}

/// Sweeps (`c`) for which a condition holds that must not.
macro_rules! sweep {
    ($column:literal, $invariant:literal, $stored:literal, $right:literal, $wrong:literal) => {
        rule!(
            "sweeps",
            $column,
            $invariant,
            concat!(
                "SELECT c.id, NULL, c.id, ",
                $stored,
                ", ",
                $right,
                " FROM sweeps c WHERE ",
                $wrong
            )
        )
    };
}

/// Trials (`c`) for which a condition holds that must not.
macro_rules! trial {
    ($column:literal, $invariant:literal, $stored:literal, $right:literal, $wrong:literal) => {
        rule!(
            "trials",
            $column,
            $invariant,
            concat!(
                "SELECT c.sweep, c.number, c.sweep || ', ' || c.number, ",
                $stored,
                ", ",
                $right,
                " FROM trials c WHERE ",
                $wrong
            )
        )
    };
}

/// All rules.
#[rustfmt::skip]
pub static RULES: &[Rule] = &[
    rule!("meta", "value", "the file has an incarnation",
        "SELECT NULL, NULL, 'incarnation', coalesce((SELECT typeof(value) || ' of ' || length(value) || ' bytes' FROM meta \
         WHERE key = 'incarnation'), 'no row'), 'a blob of 16 bytes' WHERE NOT EXISTS (SELECT 1 FROM meta WHERE key = \
         'incarnation' AND typeof(value) = 'blob' AND length(value) = 16)"),

    orphan!("rounds", "sweep", "c.sweep", "NULL", "c.sweep || ', ' || c.round", "sweeps", "p.id = c.sweep"),
    orphan!("points", "sweep", "c.sweep", "NULL", "c.sweep || ', ' || c.round || ', ' || c.point", "sweeps", "p.id = c.sweep"),
    orphan!("warnings", "sweep", "c.sweep", "NULL", "c.sweep || ', ' || c.key", "sweeps", "p.id = c.sweep"),
    orphan!("trials", "sweep", "c.sweep", "c.number", "c.sweep || ', ' || c.number", "sweeps", "p.id = c.sweep"),
    orphan!("trials", "point", "c.sweep", "c.number", "c.sweep || ', ' || c.number", "points",
        "p.sweep = c.sweep AND p.round = c.round AND p.point = c.point"),
    orphan!("trials", "weights_of", "c.sweep", "c.number", "c.sweep || ', ' || c.number", "trials",
        "p.sweep = c.sweep AND p.number = c.weights_of AND p.kind = 'search'"),
    orphan!("attempts", "trial", "c.sweep", "c.trial", "c.sweep || ', ' || c.trial || ', ' || c.attempt", "trials",
        "p.sweep = c.sweep AND p.number = c.trial"),
    orphan!("reports", "attempt", "c.sweep", "c.trial", "c.sweep || ', ' || c.trial || ', ' || c.attempt || ', ' || c.epoch",
        "attempts", "p.sweep = c.sweep AND p.trial = c.trial AND p.attempt = c.attempt"),
    orphan!("events", "sweep", "c.sweep", "c.trial", "c.sweep || ', ' || c.seq", "sweeps", "c.sweep = 0 OR p.id = c.sweep"),
    orphan!("events", "trial", "c.sweep", "c.trial", "c.sweep || ', ' || c.seq", "trials",
        "p.sweep = c.sweep AND p.number = c.trial"),
    orphan!("events", "attempt", "c.sweep", "c.trial", "c.sweep || ', ' || c.seq", "attempts",
        "p.sweep = c.sweep AND p.trial = c.trial AND p.attempt = c.attempt"),
    orphan!("blobs", "trial", "c.sweep", "c.trial", "c.sweep || ', ' || c.trial || ', ' || lower(hex(c.hash))", "trials",
        "p.sweep = c.sweep AND p.number = c.trial"),
    orphan!("blobs", "attempt", "c.sweep", "c.trial", "c.sweep || ', ' || c.trial || ', ' || lower(hex(c.hash))", "attempts",
        "p.sweep = c.sweep AND p.trial = c.trial AND p.attempt = c.attempt"),
    orphan!("logs", "trial", "c.sweep", "c.trial", "c.sweep || ', ' || c.trial || ', ' || c.attempt || ', ' || c.line", "trials",
        "p.sweep = c.sweep AND p.number = c.trial"),
    orphan!("logs", "attempt", "c.sweep", "c.trial", "c.sweep || ', ' || c.trial || ', ' || c.attempt || ', ' || c.line",
        "attempts", "p.sweep = c.sweep AND p.trial = c.trial AND p.attempt = c.attempt"),

    json!("sweeps", "check_json", "c.id", "NULL", "c.id", "c.check_json = ''", "object"),
    json!("sweeps", "counts_json", "c.id", "NULL", "c.id", "0", "array"),
    json!("sweeps", "data_shape_json", "c.id", "NULL", "c.id", "c.data_shape_json IS NULL", "array"),
    json!("rounds", "rungs_json", "c.sweep", "NULL", "c.sweep || ', ' || c.round", "0", "array"),
    json!("rounds", "box_json", "c.sweep", "NULL", "c.sweep || ', ' || c.round", "c.box_json = ''", "array"),
    json!("points", "params_json", "c.sweep", "NULL", "c.sweep || ', ' || c.round || ', ' || c.point", "0", "object"),
    json!("points", "spec_json", "c.sweep", "NULL", "c.sweep || ', ' || c.round || ', ' || c.point", "0", "object"),
    rule!("trials", "diagnosis_json", "JSON can be read",
        "SELECT c.sweep, c.number, c.sweep || ', ' || c.number, substr(c.diagnosis_json, 1, 60), 'JSON' FROM trials c WHERE \
         c.diagnosis_json <> '' AND NOT json_valid(c.diagnosis_json)"),
    rule!("trials", "result_json", "JSON can be read",
        "SELECT c.sweep, c.number, c.sweep || ', ' || c.number, substr(c.result_json, 1, 60), 'JSON' FROM trials c WHERE \
         c.result_json <> '' AND NOT json_valid(c.result_json)"),

    sweep!("points", "counters", "c.points", "(SELECT count(*) FROM points p WHERE p.sweep = c.id AND (p.round >= 1 OR EXISTS (SELECT 1 FROM trials t WHERE \
         t.sweep = p.sweep AND t.round = p.round AND t.point = p.point AND t.kind = 'search')))",
        "c.points <> (SELECT count(*) FROM points p WHERE p.sweep = c.id AND (p.round >= 1 OR EXISTS (SELECT 1 FROM trials t \
         WHERE t.sweep = p.sweep AND t.round = p.round AND t.point = p.point AND t.kind = 'search')))"),
    sweep!("next_number", "numbers are reserved", "c.next_number",
        "'above ' || (SELECT max(number) FROM trials t WHERE t.sweep = c.id)",
        "c.next_number <= (SELECT max(number) FROM trials t WHERE t.sweep = c.id)"),
    sweep!("decisions", "trials are decided", "c.decisions", "'1 or more: it has trials'",
        "c.decisions = 0 AND EXISTS (SELECT 1 FROM trials t WHERE t.sweep = c.id)"),
    sweep!("data_hash", "the pinned data set is whole", "lower(hex(c.data_hash))", "'hash, shape and classes, or none of them'",
        "(c.data_hash IS NULL) <> (c.data_classes IS NULL)"),
    sweep!("data_shape_json", "the pinned data set is whole", "c.data_shape_json", "'hash, shape and classes, or none of them'",
        "(c.data_hash IS NULL) <> (c.data_shape_json IS NULL)"),
    sweep!("data_classes", "the pinned data set is whole", "c.data_classes", "'1 or more'", "c.data_classes < 1"),
    sweep!("data_source", "data are pinned by the first grant", "c.data_source", "'null: no data set is pinned'",
        "c.data_source IS NOT NULL AND c.data_hash IS NULL AND c.first_grant_ms IS NOT NULL"),
    sweep!("data_source", "data are pinned by the first grant", "c.data_source", "'a data set: one is pinned'",
        "c.data_source IS NULL AND c.data_hash IS NOT NULL"),
    sweep!("stopping", "a stop waits for running trials", "c.stopping", "0",
        "c.stopping = 1 AND (c.state IN ('completed', 'stopped', 'failed') OR NOT EXISTS (SELECT 1 FROM trials t WHERE \
         t.sweep = c.id AND t.state = 'running'))"),
    sweep!("ended_ms", "an ended sweep has an end", "c.ended_ms", "'null, or a time if it has ended; it is ' || c.state",
        "(c.state IN ('completed', 'stopped', 'failed')) <> (c.ended_ms IS NOT NULL)"),
    sweep!("checked", "a sweep runs once it is checked", "c.checked", "'the opposite; it is ' || c.state",
        "c.checked <> CASE WHEN c.state = 'checking' THEN 0 WHEN c.with_check = 0 OR c.state = 'completed' OR \
         c.state = 'running' AND c.stopping = 0 THEN 1 ELSE c.checked END"),
    sweep!("check_json", "the check's result is its trial's", "substr(c.check_json, 1, 60)",
        "(SELECT substr(t.result_json, 1, 60) FROM trials t WHERE t.sweep = c.id AND t.kind = 'check' AND t.result_json <> '' \
         ORDER BY t.number DESC LIMIT 1)",
        // A check that is tried again has none yet.
        "c.check_json <> coalesce((SELECT t.result_json FROM trials t WHERE t.sweep = c.id AND t.kind = 'check' AND \
         t.result_json <> '' ORDER BY t.number DESC LIMIT 1), '') AND NOT (c.check_json = '' AND (SELECT t.result_json FROM \
         trials t WHERE t.sweep = c.id AND t.kind = 'check' ORDER BY t.number DESC LIMIT 1) = '')"),
    sweep!("best_point", "the best is a point with a value", "c.best_round || ', ' || c.best_point", "'one of its points'",
        "(c.best_round IS NULL) <> (c.best_point IS NULL) OR c.best_round IS NOT NULL AND NOT EXISTS (SELECT 1 FROM points p \
         WHERE p.sweep = c.id AND p.round = c.best_round AND p.point = c.best_point)"),
    rule!("sweeps", "test_accuracy", "the test's result is the mean of its trials",
        "WITH tested (sweep, mean) AS (SELECT t.sweep, avg(coalesce(json_extract(t.result_json, '$.metrics.test_accuracy'), \
         json_extract(t.result_json, '$.test_accuracy'))) FROM trials t JOIN sweeps s ON s.id = t.sweep JOIN trials w ON \
         w.sweep = t.sweep AND w.number = t.weights_of AND w.round = s.best_round AND w.point = s.best_point WHERE t.kind = \
         'test' AND t.result_json <> '' AND json_valid(t.result_json) AND NOT EXISTS (SELECT 1 FROM trials n WHERE n.sweep = \
         t.sweep AND n.kind = 'test' AND n.weights_of = t.weights_of AND n.number > t.number AND n.result_json <> '') GROUP BY \
         t.sweep) SELECT c.id, NULL, c.id, \
         c.test_accuracy, v.mean FROM sweeps c LEFT JOIN tested v ON v.sweep = c.id WHERE c.state = 'completed' AND \
         ((c.test_accuracy IS NULL) <> (v.mean IS NULL) OR abs(c.test_accuracy - v.mean) > 1e-9)"),

    rule!("rounds", "finished", "counters",
        "SELECT c.sweep, NULL, c.sweep || ', ' || c.round, c.finished, (SELECT count(*) FROM points p WHERE p.sweep = c.sweep \
         AND p.round = c.round AND p.finished) FROM rounds c WHERE c.finished <> (SELECT count(*) FROM points p WHERE \
         p.sweep = c.sweep AND p.round = c.round AND p.finished)"),
    rule!("rounds", "round", "rounds are 1 to n",
        "SELECT c.sweep, NULL, c.sweep || ', ' || c.round, c.round, 'behind a round ' || (c.round - 1) FROM rounds c WHERE \
         c.round > 1 AND NOT EXISTS (SELECT 1 FROM rounds p WHERE p.sweep = c.sweep AND p.round = c.round - 1)"),
    rule!("points", "point", "a point has trials",
        "SELECT c.sweep, NULL, c.sweep || ', ' || c.round || ', ' || c.point, c.point, 'a trial of it' FROM points c WHERE NOT \
         EXISTS (SELECT 1 FROM trials t WHERE t.sweep = c.sweep AND t.round = c.round AND t.point = c.point)"),

    trial!("round", "a search trial is of a planned round", "c.round", "'one of rounds'",
        // Round 0 has the points of an earlier sweep that the finish trains again.
        "c.kind = 'search' AND c.round > 0 AND NOT EXISTS (SELECT 1 FROM rounds r WHERE r.sweep = c.sweep AND r.round = c.round)"),
    trial!("kind", "checks and tests are outside the rounds", "c.kind",
        "CASE c.kind WHEN 'search' THEN 'check or test' ELSE 'search' END",
        "c.kind <> 'search' AND c.round >= 1 OR c.kind = 'search' AND c.weights_of IS NOT NULL"),
    trial!("weights_of", "a test evaluates a trial's weights", "c.weights_of",
        "CASE c.kind WHEN 'test' THEN 'a trial' ELSE 'null' END", "(c.kind = 'test') <> (c.weights_of IS NOT NULL)"),
    trial!("fold", "folds are those of the sweep", "c.fold", "'below ' || (SELECT folds FROM sweeps s WHERE s.id = c.sweep)",
        "c.fold >= (SELECT folds FROM sweeps s WHERE s.id = c.sweep)"),
    trial!("seed", "seeds are below 2^32", "c.seed", "'0 to 4294967295'", "c.seed < 0 OR c.seed > 4294967295"),
    trial!("cause", "a trial is stopped with its sweep", "c.cause", "'another: its sweep was never stopped, nor has failed'",
        "c.cause = 'stopped' AND c.sweep NOT IN (SELECT e.sweep FROM events e WHERE e.trial IS NULL AND e.event IN ('stop', \
         'fail'))"),
    trial!("most_epochs", "no epoch beyond what was granted", "c.most_epochs", "'at most to_epoch, ' || c.to_epoch",
        "c.most_epochs > c.to_epoch"),
    rule!("trials", "retry_of", "a retry is of an ended trial of the same place",
        "SELECT c.sweep, c.number, c.sweep || ', ' || c.number, c.retry_of, 'an earlier trial, ended, of the same kind, round, \
         point, repeat and fold' FROM trials c WHERE c.retry_of IS NOT NULL AND NOT EXISTS (SELECT 1 FROM trials o WHERE \
         o.sweep = c.sweep AND o.number = c.retry_of AND o.number < c.number AND (o.kind, o.round, o.point, o.repeat, o.fold) \
         = (c.kind, c.round, c.point, c.repeat, c.fold) AND (o.state NOT IN ('queued', 'running', 'waiting') OR o.asked = \
         'cancel'))"),
    rule!("trials", "retry_of", "a trial is tried again once",
        "SELECT c.sweep, max(c.number), c.sweep || ', ' || max(c.number), c.retry_of, 'null, or another trial: ' || \
         min(c.number) || ' tries it again' FROM trials c WHERE c.retry_of IS NOT NULL GROUP BY c.sweep, c.retry_of HAVING \
         count(*) > 1"),
    rule!("trials", "repeat", "each (point, repeat, fold) is one trial",
        "SELECT c.sweep, max(c.number), c.sweep || ', ' || max(c.number), c.repeat, 'another: trial ' || min(c.number) || \
         ' is repeat ' || c.repeat || ', fold ' || c.fold || ' of that point' FROM trials c WHERE c.kind = 'search' AND c.retry_of IS NULL GROUP BY \
         c.sweep, c.round, c.point, c.repeat, c.fold HAVING count(*) > 1"),

    rule!("attempts", "digest", "what ended an attempt is known once it has ended",
        "SELECT c.sweep, c.trial, c.sweep || ', ' || c.trial || ', ' || c.attempt, lower(hex(c.digest)), 'null: it is ' || \
         c.state FROM attempts c WHERE c.digest IS NOT NULL AND c.state IN ('running', 'lost')"),
    rule!("events", "seq", "events are numbered once",
        "SELECT max(c.sweep), NULL, max(c.sweep) || ', ' || c.seq, c.seq, 'another number' FROM events c GROUP BY c.seq HAVING \
         count(*) > 1"),
    rule!("events", "trial", "an event of a worker has no trial",
        "SELECT NULL, c.trial, '0, ' || c.seq, c.trial, 'null' FROM events c WHERE c.sweep = 0 AND c.trial IS NOT NULL"),
    rule!("blobs", "size", "equal hashes have equal sizes, where they are kept",
        "SELECT max(c.sweep), NULL, lower(hex(c.hash)), max(c.size), min(c.size) FROM blobs c GROUP BY c.hash HAVING \
         max(c.size) FILTER (WHERE c.stored = 1) <> min(c.size) FILTER (WHERE c.stored = 1) OR min(c.size) < 0"),
    rule!("logs", "line", "lines are numbered, and the last 200 stay",
        "SELECT c.sweep, c.trial, c.sweep || ', ' || c.trial || ', ' || c.attempt, min(c.line) || ' to ' || max(c.line), \
         'at most 200 numbers from 1' FROM logs c GROUP BY c.sweep, c.trial, c.attempt HAVING max(c.line) - min(c.line) >= 200 \
         OR min(c.line) < 1"),
    rule!("warnings", "nth", "warnings are in order",
        "SELECT c.sweep, NULL, c.sweep || ', ' || max(c.key), c.nth, 'another number' FROM warnings c GROUP BY c.sweep, c.nth \
         HAVING count(*) > 1 OR c.nth < 0"),
];

impl Rule {
    /// The rows that break it.
    pub fn broken(&self, db: &Db) -> Rows<Vec<Broken>> {
        let rows = db.rows(self.sql, Vec::new())?;
        rows.iter()
            .map(|row| Broken::read(&mut Cells::of(row, self.table, 0)))
            .collect()
    }
}
