//! What SQLite itself says of a file, and whether its tables are those of the migrations.

use std::collections::BTreeMap;

use super::{db::Db, file::in_memory_as};
use crate::store::{error::Rows, statement::statements};

statements! {
    CHECK = Statement::plain("integrity_check", "PRAGMA integrity_check(1000)");
    SCHEMA = Statement::plain("sqlite_schema",
        "SELECT type || ' ' || name AS name, coalesce(sql, '') AS sql FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'");
}

/// What SQLite finds wrong, in its words: pages, the order of keys, indexes beside their tables, types, CHECKs.
pub fn problems(db: &Db) -> Rows<Vec<String>> {
    let mut lines: Vec<String> = db.all(&CHECK, Vec::new())?;
    lines.retain(|line| line != "ok");
    Ok(lines)
}

/// A table or an index that is not as the migrations make it.
pub struct Difference {
    /// `index trials_queue`.
    pub name: String,
    /// How the file has it.
    pub found: Option<String>,
    /// How the migrations make it.
    pub right: Option<String>,
}

/// Compares the file's tables and indexes with those of the migrations.
pub fn schema_differences(db: &Db) -> Rows<Vec<Difference>> {
    let (mut found, right) = (schema(db)?, schema(&in_memory_as(db)?)?);
    let missing_or_other = right.into_iter().map(|(name, sql)| Difference {
        found: found.remove(&name),
        right: Some(sql),
        name,
    });
    let mut differences: Vec<Difference> = missing_or_other.collect();
    differences.retain(|difference| difference.found != difference.right);
    differences.extend(found.into_iter().map(|(name, sql)| Difference {
        name,
        found: Some(sql),
        right: None,
    }));
    Ok(differences)
}

fn schema(db: &Db) -> Rows<BTreeMap<String, String>> {
    let rows: Vec<(String, String)> = db.all(&SCHEMA, Vec::new())?;
    Ok(rows.into_iter().collect())
}
