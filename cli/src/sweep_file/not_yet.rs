//! Parts of the grammar that nothing implements yet: refused, never ignored.

use super::{
    domain::Domain,
    search::{SearchKind, SearchPlan},
    source::Problem,
    tables::{Pruner, Sampler, Strategy},
    tree::Node,
};

/// What this file asks for and nothing does yet.
pub fn problems(root: &Node, search: &SearchPlan, domains: &[Domain]) -> Vec<Problem> {
    let mut problems = Vec::new();
    let mut refuse = |key: &str, what: String| {
        problems.push(Problem::at(
            &root.place(key),
            key,
            format!("not yet: {what}"),
        ));
    };
    if let Some(sampler) = match search.sampler {
        Sampler::Grid => Some("grid"),
        Sampler::Tpe => Some("tpe"),
        Sampler::Random | Sampler::Sobol => None,
    } {
        refuse("search.sampler", format!("the sampler {sampler:?}"));
    }
    if search.from.is_some() {
        refuse("search.from", "reusing another sweep's trials".into());
    }
    match &search.kind {
        SearchKind::Planned {
            strategy,
            hedge,
            widen,
            ..
        } => {
            if *strategy == Strategy::EarlyCut {
                refuse("search.strategy", "the strategy \"early-cut\"".into());
            }
            if *hedge {
                refuse("search.hedge", "a bracket for slow starters".into());
            }
            if *widen {
                refuse("search.widen", "growing ranges".into());
            }
        }
        SearchKind::Rounds(rounds) => {
            for (i, round) in rounds.iter().enumerate() {
                if round.pruner != Pruner::None {
                    refuse(
                        &format!("search.round.{i}.pruner"),
                        "pruners in written rounds".into(),
                    );
                }
            }
        }
    }
    for domain in domains {
        if let Some(condition) = domain.conditions.first() {
            let key = format!("{}.if", domain.path);
            problems.push(Problem::at(&condition.span, key, "not yet: conditions"));
        }
    }
    problems
}
