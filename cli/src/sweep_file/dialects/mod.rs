//! What other tools (Optuna, W&B, Ray Tune, Hydra, Keras Tuner, NNI, PyTorch) call what a sweep file says, so that whoever writes it their
//! way is told how it is written here: [`keys`] are tables and keys, [`words`] what stands behind them, [`domains`] what is searched.

mod domains;
mod keys;
mod words;

pub use domains::{call, domain, list};
pub use keys::{key, takes_one_number};
pub use words::word;

/// A name without what its spelling varies in.
fn plain(name: &str) -> String {
    let letters = name.chars().filter(|c| !matches!(c, '_' | '-' | ' ' | '.'));
    letters.flat_map(char::to_lowercase).collect()
}

/// The one of our keys that is this one but for its spelling: `learningRate`, `full-epochs`.
pub fn same<'a>(key: &str, mut ours: impl Iterator<Item = &'a str>) -> Option<&'a str> {
    let key = plain(key);
    ours.find(|ours| plain(ours) == key)
}

/// Whether a word is one of several, which stand with spaces between them.
fn is_among(word: &str, words: &str) -> bool {
    words.split(' ').any(|other| other == word)
}
