//! What was found when a set was read, for people: `hone init`, `hone plan`, the check's log and `hone show` print it.

use std::fmt::Write as _;

use serde::{Deserialize, Serialize};

use super::Images;

/// What was found when a set was read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Inventory {
    /// Height, width and channels of the images in memory; the sides are 0 while they have none in common.
    pub shape: [usize; 3],
    /// Number of classes.
    pub classes: usize,
    /// Training, validation (where the set brings its own) and test part.
    pub parts: Vec<PartCount>,
    /// Sizes of the images in their files, the commonest first; empty where all have `shape`.
    pub sizes: Vec<SizeCount>,
    /// How many sizes there are beside those.
    pub more_sizes: usize,
    /// Files that were not read, the commonest kind first.
    pub passed_over: Vec<PassedOver>,
    /// How what was read became what is trained on.
    pub notes: Vec<String>,
    /// What should be looked at: it may cost accuracy, or make it look better than it is.
    pub warnings: Vec<String>,
}

/// Images of one part.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PartCount {
    /// `training`, `validation` or `test`.
    pub name: String,
    /// How many there are.
    pub images: usize,
    /// Images of the smallest class.
    pub smallest: usize,
    /// Images of the largest class.
    pub largest: usize,
}

/// Images of one size.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct SizeCount {
    /// Rows.
    pub height: usize,
    /// Columns.
    pub width: usize,
    /// How many images have it.
    pub images: usize,
}

/// Files of one kind that were not read.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PassedOver {
    /// The kind, such as `.webp`.
    pub what: String,
    /// How many there are.
    pub files: usize,
    /// One of them, below the set's folder.
    pub example: String,
}

/// More sizes or kinds than this are only counted.
const SHOWN: usize = 5;

impl PartCount {
    /// Counts training, validation and test part; of the last two, those that are there.
    pub(super) fn all(parts: [&Images; 3], classes: usize) -> Vec<PartCount> {
        let named = ["training", "validation", "test"].into_iter().zip(parts);
        let there = named.filter(|(name, images)| *name == "training" || !images.is_empty());
        let count = |(name, images): (&str, &Images)| {
            let counts = images.class_counts(classes);
            PartCount {
                name: name.to_owned(),
                images: images.len(),
                smallest: counts.iter().min().copied().unwrap_or(0),
                largest: counts.iter().max().copied().unwrap_or(0),
            }
        };
        there.map(count).collect()
    }
}

impl Inventory {
    /// One fact a line, without the warnings.
    pub fn lines(&self) -> Vec<String> {
        let mut lines = vec![self.counts()];
        let [height, width, _] = self.shape;
        match &self.sizes[..] {
            [] => {}
            [one] => lines.push(format!(
                "files of {}×{}, resized to {height}×{width}",
                one.height, one.width
            )),
            sizes => {
                let shown = listed(sizes, self.more_sizes, |size| {
                    format!("{}×{} ({})", size.height, size.width, size.images)
                });
                let resized = if height > 0 {
                    format!(", resized to {height}×{width}")
                } else {
                    String::new()
                };
                let count = sizes.len() + self.more_sizes;
                lines.push(format!("files of {count} sizes: {shown}{resized}"));
            }
        }
        if !self.passed_over.is_empty() {
            let shown = listed(&self.passed_over, 0, |kind| {
                format!("{} {} ({})", kind.files, kind.what, kind.example)
            });
            lines.push(format!("passed over: {shown}"));
        }
        lines.extend(self.notes.iter().cloned());
        lines
    }

    /// `3 classes of 32×32×3 images: training 120 (30 to 50 a class), test 30 (10 a class)`.
    fn counts(&self) -> String {
        let mut text = format!("{} classes", self.classes);
        let [height, width, channels] = self.shape;
        if height > 0 {
            let _ = write!(text, " of {height}×{width}×{channels} images");
        }
        for (index, part) in self.parts.iter().enumerate() {
            let before = if index == 0 { ":" } else { "," };
            let _ = write!(text, "{before} {} {}", part.name, part.images);
            let _ = match (part.smallest, part.largest) {
                (small, large) if small == large => write!(text, " ({large} a class)"),
                (small, large) => write!(text, " ({small} to {large} a class)"),
            };
        }
        text
    }
}

fn listed<T>(items: &[T], more: usize, words: impl Fn(&T) -> String) -> String {
    let mut shown: Vec<String> = items.iter().take(SHOWN).map(words).collect();
    let more = more + items.len().saturating_sub(SHOWN);
    if more > 0 {
        shown.push(format!("{more} more"));
    }
    shown.join(", ")
}
