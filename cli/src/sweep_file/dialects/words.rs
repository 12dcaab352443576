//! Words that stand behind a key: `"bayes"`, `"max"`, `"swish"`.

use super::{is_among, plain};

/// Where it stands, what others write (as [`plain`] has it), and what would be right.
const WORDS: &[(&str, &str, &str)] = &[
    (
        "search.strategy",
        "grid gridsearch",
        "a grid is a sampler: strategy = \"random\" with sampler = \"grid\"",
    ),
    (
        "search.strategy",
        "tpe hyperopt",
        "TPE is a sampler: strategy = \"random\" with sampler = \"tpe\"; or \"zoom\", whose points a model proposes, too",
    ),
    (
        "search.strategy",
        "bayes bayesian bayesopt bo gp optuna smac cmaes bohb",
        "write \"zoom\": its later points are proposed by a model of all results",
    ),
    (
        "search.strategy",
        "hyperband asha sha successivehalving halving medianstopping pbt",
        "write \"zoom\": it begins with a round of successive halving; `pruner` in [[search.round]] takes \"asha\" and \"median\"",
    ),
    (
        "search.sampler",
        "bayes bayesian gp cmaes model bohb",
        "leave it out: strategy = \"zoom\" proposes points by a model; \"tpe\" goes with strategy = \"random\"",
    ),
    (
        "search.sampler",
        "qmc halton lhs latinhypercube quasirandom",
        "write \"sobol\"",
    ),
    ("search.sampler", "uniform", "write \"random\""),
    (
        "objective.direction",
        "max maximise higher up asc",
        "write \"maximize\"",
    ),
    (
        "objective.direction",
        "min minimise lower down desc",
        "write \"minimize\"",
    ),
    (
        "objective.metric",
        "accuracy acc valacc top1 testaccuracy testacc",
        "write \"val_accuracy\"",
    ),
    ("objective.metric", "loss testloss", "write \"val_loss\""),
    ("model.activation", "swish", "write \"silu\""),
    ("model.activation", "linear identity", "write \"none\""),
    ("model.activation", "lrelu", "write \"leaky_relu\""),
    ("model.activation", "logistic", "write \"sigmoid\""),
    (
        "model.init",
        "kaiming kaimingnormal kaiminguniform henormal heuniform",
        "write \"he\"; init_shape is \"normal\" or \"uniform\"",
    ),
    (
        "model.init",
        "glorot glorotuniform glorotnormal xavieruniform xaviernormal",
        "write \"xavier\"; init_shape is \"normal\" or \"uniform\"",
    ),
    (
        "train.optimizer",
        "momentum nesterov",
        "write \"sgd\", and momentum = 0.9 (nesterov = true) beside it",
    ),
    (
        "train.schedule",
        "cosineannealing cosineannealinglr cosinedecay cos",
        "write \"cosine\"",
    ),
    (
        "train.schedule",
        "steplr multistep multisteplr exponential",
        "write \"step\", with gamma and every beside it",
    ),
    ("train.schedule", "fixed none", "write \"constant\""),
    ("data.preprocess", "zca zcawhitening", "write \"whiten\""),
    (
        "data.preprocess",
        "normalize normalise standard zscore",
        "write \"standardize\"",
    ),
];

/// What would be right at `path` in place of another tool's word.
pub fn word(path: &str, word: &str) -> Option<&'static str> {
    let word = plain(word);
    let mut found = WORDS
        .iter()
        .filter(|(at, theirs, _)| *at == path && is_among(&word, theirs));
    found.next().map(|(.., right)| *right)
}
