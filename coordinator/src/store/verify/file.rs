//! The file itself: its pages, its indexes, its tables.

use super::finding::{At, Findings, Names};
use crate::store::{
    Db,
    sqlite::{problems, schema_differences},
};

/// Asks SQLite, and compares the schema with that of the migrations.
pub(super) fn check(db: &Db, findings: &mut Findings) {
    let at = At {
        of: "",
        table: "the file",
        key: String::new(),
    };
    match problems(db) {
        Ok(problems) => {
            for problem in problems {
                findings.wrong(&at, "", "SQLite finds the file whole", problem, "");
            }
        }
        Err(error) => {
            let says = error.to_string();
            findings.wrong(&at, "", "SQLite finds the file whole", says, "");
        }
    }
    let differences = match schema_differences(db) {
        Ok(differences) => differences,
        Err(error) => return findings.unreadable(&Names::default(), error),
    };
    for different in differences {
        let at = At {
            of: "",
            table: "sqlite_schema",
            key: different.name,
        };
        let stored = different.found.unwrap_or_else(|| "not there".to_owned());
        let right = different
            .right
            .unwrap_or_else(|| "nothing: this program makes no such thing".to_owned());
        findings.wrong(
            &at,
            "sql",
            "tables and indexes are the migrations'",
            stored,
            right,
        );
    }
}
