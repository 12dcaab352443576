//! Tables and keys: `lr`, `n_trials`, `[sweep]`.

use super::{is_among, plain};

/// A key of a sweep file by its full path (`*`: a position in a list), and what others call it (as [`plain`] has it; behind `=` what is
/// called so in its own table only).
const KEYS: &[(&str, &str)] = &[
    (
        "name",
        "project study studyname experiment experimentname sweepname runname title",
    ),
    ("seed", "randomstate randomseed rng rngseed manualseed"),
    ("trainer", "program command script entrypoint trainable"),
    (
        "search",
        "sweep sweeps tune tuner tuneconfig hydra sweeper optuna optimization scheduler",
    ),
    (
        "params",
        "parameters space searchspace paramspace config hparams hyperparameters distributions",
    ),
    ("objective", "metric metrics optimize"),
    ("data", "dataset datasets dataloader datamodule"),
    ("model", "net network architecture arch cnn"),
    ("train", "training fit trainingarguments"),
    (
        "objective.metric",
        "monitor =name =objective score scoring =metrics",
    ),
    (
        "objective.direction",
        "goal =mode directions minimize maximize",
    ),
    ("objective.target", "threshold stopat"),
    (
        "data.source",
        "dataset =name =path =dir =root datadir datapath datasetname =folder =set traindir",
    ),
    (
        "data.validation",
        "valsplit validationsplit =valid =val valsize validsize validationsize testsize valfraction validationfraction holdout =split",
    ),
    (
        "data.folds",
        "cv =k kfold kfolds nsplits nfolds numfolds crossvalidation",
    ),
    (
        "data.limit",
        "nsamples maxsamples subset trainsize numsamples",
    ),
    ("data.split_seed", "=seed =randomstate"),
    (
        "data.preprocess",
        "normalize normalise normalization =scaling =transform transforms standardize preprocessing",
    ),
    (
        "data.size",
        "imagesize imgsize imgsz inputsize inputshape resize",
    ),
    (
        "data.augment",
        "augmentation augmentations dataaugmentation aug",
    ),
    (
        "model.conv",
        "convs convlayers convblocks convolutions cnn =filters =channels =features nconvlayers =kernelsize",
    ),
    (
        "model.hidden",
        "layers hiddenlayers units dense denseunits fc hiddensize hiddensizes hiddenunits hiddendim hiddenlayersizes nunits nlayers numlayers mlp",
    ),
    (
        "model.activation",
        "act actfn nonlinearity activationfn activationfunction",
    ),
    (
        "model.dropout",
        "drop droprate dropoutrate dropoutp =p pdrop",
    ),
    (
        "model.batch_norm",
        "bn batchnorm usebn usebatchnorm norm normalization",
    ),
    (
        "model.init",
        "initializer initialization kernelinitializer weightinit",
    ),
    (
        "model.global_pool",
        "gap globalpooling globalaveragepooling avgpool",
    ),
    (
        "model.conv.*.filters",
        "channels outchannels nfilters numfilters maps =features =units",
    ),
    ("model.conv.*.size", "kernelsize kernel ksize =k filtersize"),
    ("model.conv.*.stride", "strides"),
    ("model.conv.*.pad", "padding"),
    ("model.conv.*.pool", "poolsize maxpool pooling"),
    ("model.conv.*.residual", "=skip =res shortcut resnet"),
    ("model.conv.*.repeat", "=n =times =depth"),
    (
        "train.learning_rate",
        "lr learningrate learnrate lrate initiallr baselr maxlr lr0 eta0",
    ),
    (
        "train.weight_decay",
        "wd weightdecay decay l2 l2reg l2penalty reg regularization lambda",
    ),
    (
        "train.batch_size",
        "bs batch batchsize minibatch minibatchsize trainbatchsize perdevicetrainbatchsize",
    ),
    (
        "train.optimizer",
        "opt optim optimiser optimizername solver",
    ),
    (
        "train.schedule",
        "scheduler lrscheduler lrschedule lrpolicy lrdecay annealing",
    ),
    (
        "train.warmup",
        "warmupratio warmupsteps warmupepochs pctstart",
    ),
    (
        "train.clip_norm",
        "clip clipnorm clipgrad clipgradnorm gradclip gradnorm gradientclip gradientclipval maxgradnorm",
    ),
    (
        "train.patience",
        "earlystopping earlystop earlystoppingpatience earlystoppingrounds",
    ),
    (
        "train.label_smoothing",
        "smoothing labelsmooth labelsmoothing",
    ),
    ("train.beta1", "betas beta b1"),
    ("train.beta2", "b2"),
    ("train.epsilon", "eps"),
    ("train.decay_rate", "rho"),
    ("train.momentum", "mom =mu"),
    (
        "search.budget",
        "ntrials numtrials maxtrials trials numsamples =count runcap niter maxevals ncalls timeout timebudget timebudgets maxtime totalepochs =points",
    ),
    (
        "search.full_epochs",
        "epochs epoch nepochs numepochs maxepochs maxt maxiter maxresource numtrainepochs trainepochs fullepoch",
    ),
    (
        "search.strategy",
        "method algorithm algo searchalg searchalgorithm =pruner =scheduler earlyterminate hyperband",
    ),
    (
        "search.parallel",
        "njobs =jobs maxconcurrent maxconcurrenttrials concurrency parallelism numworkers nworkers =workers =slots",
    ),
    ("search.eta", "reductionfactor =factor"),
    (
        "search.finish",
        "=repeats executionspertrial nrepeats =seeds =retrain =final",
    ),
    (
        "search.start",
        "initialpoints pointstoevaluate initialvalues =x0 enqueue",
    ),
    (
        "search.from",
        "warmstart warmstarting =transfer =parent resumefrom loadifexists",
    ),
    ("search.round", "rounds =stages =phases brackets"),
    (
        "search.round.*.points",
        "=n =samples =trials ntrials numtrials numsamples =count",
    ),
    (
        "search.round.*.epochs",
        "epoch nepochs numepochs maxepochs fullepochs",
    ),
    ("search.round.*.top", "=best =keep topk =k survivors nbest"),
    (
        "search.round.*.repeats",
        "seeds nrepeats executionspertrial",
    ),
    ("search.round.*.pruner", "earlyterminate scheduler stopper"),
];

/// Those of which every tool takes one number: a list of them is a search space that was written another way.
const ONE_NUMBER: &[&str] = &[
    "train.learning_rate",
    "train.weight_decay",
    "train.batch_size",
    "train.momentum",
    "train.label_smoothing",
    "model.dropout",
];

/// The key of ours that another tool's means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Meant {
    /// Its full path.
    pub path: &'static str,
}

impl Meant {
    /// Its table (empty: none) and its own name.
    fn parts(self) -> (&'static str, &'static str) {
        self.path.rsplit_once('.').unwrap_or(("", self.path))
    }

    /// In words, for a file that has `table` before it.
    pub fn said(self, table: &str) -> String {
        let (above, name) = self.parts();
        match above {
            "" if name == "params" => {
                "this is [params] here for another trainer, [model] and [train] for the built-in one".to_owned()
            }
            "" if is_table(name) => format!("this is [{name}] here"),
            _ if above == any_position(table) => format!("this is `{name}` here"),
            _ if self.path == "search.full_epochs" => {
                "this is `full_epochs` in [search], or `epochs` in [[search.round]]".to_owned()
            }
            "" => format!("this is `{name}` above the tables"),
            "search.round.*" => format!("this is `{name}` in [[search.round]]"),
            "model.conv.*" => format!("this is `{name}` of a block in model.conv"),
            _ => format!("this is `{name}` in [{above}]"),
        }
    }
}

fn is_table(name: &str) -> bool {
    matches!(
        name,
        "search" | "params" | "objective" | "data" | "model" | "train"
    )
}

/// What another tool's key means in this table; of several the one that has its place there.
pub fn key(table: &str, key: &str) -> Option<Meant> {
    let (table, key) = (any_position(table), plain(key));
    let all = || KEYS.iter().map(|&(path, theirs)| (Meant { path }, theirs));
    let own = format!("={key}");
    let is_here = |meant: Meant| meant.parts().0 == table;
    let here = all().find(|&(meant, theirs)| {
        is_here(meant) && (is_among(&key, theirs) || is_among(&own, theirs))
    });
    // A word for a whole table is none for a key of another one.
    let elsewhere =
        || all().find(|&(meant, theirs)| !is_table(meant.path) && is_among(&key, theirs));
    here.or_else(elsewhere).map(|(meant, _)| meant)
}

/// Whether a name, ours or another tool's, is of something that is one number everywhere.
pub fn takes_one_number(name: &str) -> bool {
    let plain = plain(name);
    let of_one = KEYS.iter().filter(|(path, _)| ONE_NUMBER.contains(path));
    let mut names = of_one.map(|&(path, theirs)| (Meant { path }.parts().1, theirs));
    names.any(|(ours, theirs)| ours == name || is_among(&plain, theirs))
}

/// `model.conv.0` as `model.conv.*`.
fn any_position(path: &str) -> String {
    let is_number = |part: &str| !part.is_empty() && part.bytes().all(|c| c.is_ascii_digit());
    let parts = path.split('.');
    let parts = parts.map(|part| if is_number(part) { "*" } else { part });
    parts.collect::<Vec<_>>().join(".")
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep_file::{schema, walk::tables};

    #[test]
    fn a_word_means_what_has_its_place_there() {
        let said = |table, word| key(table, word).map(|meant| meant.said(table));
        assert_eq!(
            said("train", "lr").as_deref(),
            Some("this is `learning_rate` here")
        );
        assert_eq!(
            said("train", "Scheduler").as_deref(),
            Some("this is `schedule` here")
        );
        assert_eq!(
            said("search", "scheduler").as_deref(),
            Some("this is `strategy` here")
        );
        assert_eq!(
            said("search.round.2", "n_trials").as_deref(),
            Some("this is `points` here")
        );
        assert_eq!(
            said("model", "lr").as_deref(),
            Some("this is `learning_rate` in [train]")
        );
        assert_eq!(
            said("model.conv.1", "kernel_size").as_deref(),
            Some("this is `size` here")
        );
        assert_eq!(said("", "sweep").as_deref(), Some("this is [search] here"));
        assert_eq!(
            said("", "random-state").as_deref(),
            Some("this is `seed` here")
        );
        assert_eq!(said("train", "banana"), None);
    }

    #[test]
    fn every_key_of_ours_is_one() {
        let tables = tables(schema::plain());
        for (path, theirs) in KEYS {
            let (above, name) = Meant { path }.parts();
            let is_key = tables
                .iter()
                .any(|(at, keys)| at == above && keys.contains_key(name));
            assert!(is_key, "{path} is no key");
            for word in theirs.split(' ') {
                let word = word.trim_start_matches('=');
                assert_eq!(plain(word), *word, "{path}");
            }
        }
    }
}
