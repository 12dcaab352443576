//! What SQLite itself says of a file, and whether its tables are those of the migrations.

use std::collections::BTreeMap;

use super::{
    cells::all,
    db::{Db, params},
    file::in_memory_as,
};
use crate::store::rows::Rows;

const CHECK: &str = "PRAGMA integrity_check(1000)";
const SCHEMA: &str =
    "SELECT type, name, coalesce(sql, '') FROM sqlite_schema WHERE name NOT LIKE 'sqlite_%'";
const NAMES: &str = "SELECT id, name FROM sweeps ORDER BY id";

#[cfg(test)]
pub(super) const STATEMENTS: &[(&str, usize)] = &[(CHECK, 0), (SCHEMA, 0), (NAMES, 0)];

/// What SQLite finds wrong, in its words: pages, the order of keys, indexes beside their tables, types, CHECKs.
pub(in crate::store) fn problems(db: &Db) -> Rows<Vec<String>> {
    let mut lines = all(db, "integrity_check", CHECK, params![], |cells| {
        cells.get::<String>("verdict")
    })?;
    lines.retain(|line| line != "ok");
    Ok(lines)
}

/// A table or an index that is not as the migrations make it.
pub(in crate::store) struct Difference {
    /// `index trials_queue`.
    pub name: String,
    /// How the file has it.
    pub found: Option<String>,
    /// How the migrations make it.
    pub right: Option<String>,
}

/// Compares the file's tables and indexes with those of the migrations.
pub(in crate::store) fn schema_differences(db: &Db) -> Rows<Vec<Difference>> {
    let (mut found, right) = (schema(db)?, schema(&in_memory_as(db)?)?);
    let mut differences = Vec::new();
    for (name, sql) in right {
        let there = found.remove(&name);
        if there.as_ref() != Some(&sql) {
            differences.push(Difference {
                name,
                found: there,
                right: Some(sql),
            });
        }
    }
    differences.extend(found.into_iter().map(|(name, sql)| Difference {
        name,
        found: Some(sql),
        right: None,
    }));
    Ok(differences)
}

fn schema(db: &Db) -> Rows<BTreeMap<String, String>> {
    let rows = all(db, "sqlite_schema", SCHEMA, params![], |cells| {
        let kind: String = cells.get("type")?;
        let name: String = cells.get("name")?;
        Ok((format!("{kind} {name}"), cells.get("sql")?))
    })?;
    Ok(rows.into_iter().collect())
}

/// Names of sweeps by key.
pub(in crate::store) fn names(db: &Db) -> Rows<BTreeMap<i64, String>> {
    let rows = all(db, "sweeps", NAMES, params![], |cells| {
        Ok((cells.get("id")?, cells.get("name")?))
    })?;
    Ok(rows.into_iter().collect())
}
