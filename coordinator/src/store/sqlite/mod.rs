//! SQLite: the connection, the file, and what it can be asked about itself.

mod backup;
mod db;
mod earlier;
mod file;
mod integrity;
mod parted;
mod rules;

pub use backup::{Copied, backup, restore};
pub(crate) use db::Db;
pub(crate) use earlier::migrated_copy;
pub(super) use file::open_for_writing;
pub(crate) use file::{incarnation, open_for_reading};
pub(crate) use integrity::{problems, schema_differences};
pub use parted::refuse_parted;
pub(crate) use rules::{Broken, RULES, Rule};

#[cfg(test)]
pub(super) use {backup::copy as copy_to, db::parameters};

/// Every statement about the file itself.
#[cfg(test)]
pub(super) fn statements() -> Vec<&'static str> {
    let named = [backup::STATEMENTS, file::STATEMENTS, integrity::STATEMENTS].concat();
    let rules = RULES.iter().map(|rule| rule.sql);
    named
        .into_iter()
        .map(|(_, statement)| statement.sql())
        .chain(rules)
        .collect()
}
