//! The rounds as people see them.

use super::{Search, SearchBox};

/// A round as people see it.
#[derive(Clone, Debug, PartialEq)]
pub struct RoundView {
    /// From 1.
    pub number: u32,
    /// Points that enter it, those apart that are repeats of an earlier one.
    pub points: u64,
    /// Points that are through with it: at its top rung, out, diverged, failed or cancelled.
    pub points_finished: u64,
    /// Its box; `None` until the rounds before have earned it, and for `top` rounds.
    pub within: Option<SearchBox>,
    /// The best mean of a point so far, at the highest rung that any point of the round has reached.
    pub best: Option<f64>,
}

impl Search {
    /// The rounds as people see them.
    pub fn rounds(&self) -> Vec<RoundView> {
        self.rounds
            .iter()
            .enumerate()
            .map(|(i, round)| RoundView {
                number: self.plan.rounds[i].number,
                points: self.own_points(i),
                points_finished: round.finished_points(),
                within: self.boxes[i].clone(),
                best: round.best().map(|standing| self.value_of(standing)),
            })
            .collect()
    }

    /// The round under way, from 1; in the finish the last one.
    pub fn round(&self) -> u32 {
        (self.current + 1).min(self.rounds.len()) as u32
    }
}
