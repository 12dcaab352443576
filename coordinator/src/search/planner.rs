//! From a definition to a plan.

use super::{
    budgeted,
    definition::{Definition, Strategy},
    definition_error::DefinitionError,
    extension,
    fold::Search,
    plan::Plan,
    written,
};

/// The plan of a definition, which is checked on the way.
///
/// # Errors
///
/// What cannot be searched, with the path in the sweep file and what would be right.
pub fn plan(definition: &Definition) -> Result<Plan, DefinitionError> {
    for given in &definition.start {
        definition.space.check_partial(given)?;
    }
    let mut plan = match &definition.strategy {
        Strategy::Written(rounds) => written::plan(definition, rounds)?,
        Strategy::Planned(planned) => budgeted::plan(definition, planned)?,
    };
    for added in &definition.extensions {
        extension::extend(&mut plan, definition, *added)?;
    }
    let first_points = plan.rounds[0].points();
    if definition.start.len() as u64 > first_points {
        return Err(DefinitionError::at(
            "search.start",
            format!(
                "{} points are given, but round 1 has only {first_points}",
                definition.start.len()
            ),
        ));
    }
    Ok(plan)
}

impl Search {
    /// Makes the plan.
    ///
    /// # Errors
    ///
    /// What cannot be searched, with the path in the sweep file and what would be right.
    pub fn new(definition: Definition) -> Result<Search, DefinitionError> {
        let plan = plan(&definition)?;
        Search::along(definition, plan)
    }
}
