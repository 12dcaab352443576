//! The file itself: its pages, its indexes, its tables.

use super::finding::{At, Findings, Names};
use crate::store::{Db, problems, schema_differences};

/// Asks SQLite, and compares the schema with that of the migrations.
pub(super) fn check(db: &Db, findings: &mut Findings) {
    let at = |table, key| At { of: "", table, key };
    for problem in problems(db).unwrap_or_else(|error| vec![error.to_string()]) {
        let at = at("the file", String::new());
        let mut whole = findings.against(at, "SQLite finds the file whole");
        whole.wrong("", problem, "");
    }
    let differences = match schema_differences(db) {
        Ok(differences) => differences,
        Err(error) => return findings.unreadable(&Names::default(), error),
    };
    for different in differences {
        let at = at("sqlite_schema", different.name);
        let stored = different.found.unwrap_or_else(|| "not there".to_owned());
        let right = different
            .right
            .unwrap_or_else(|| "nothing: this program makes no such thing".to_owned());
        let mut made = findings.against(at, "tables and indexes are the migrations'");
        made.wrong("sql", stored, right);
    }
}
