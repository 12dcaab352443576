//! Sweep files of any content: each is a sweep or an error with a place, and what is a sweep goes over the wire.

use std::path::Path;

use hone_fuzz::{Target, fuzz};

use super::{parse, source::Source};

const FILES: [&str; 4] = [
    include_str!("../../../examples/lecture.toml"),
    include_str!("../../../examples/digits.toml"),
    include_str!("../../../examples/python-worker/sweep.toml"),
    r#"
name = "conditions"
[data]
source = "digits"
[model]
hidden = { choice = [[16], [32, 16]] }
[train]
optimizer = { choice = ["sgd", "adam"] }
momentum = { uniform = [0.0, 0.99], when = { "train.optimizer" = "sgd" } }
batch_size = { power_of_two = [16, 128] }
learning_rate = { log = [1e-4, 1e0], grid = 3 }
[objective]
metric = "val_loss"
direction = "minimize"
at = "last"
target = 0.1
[search]
budget = "20 trainings"
sampler = "tpe"
"#,
];

const WORDS: [&[u8]; 34] = [
    b"{ log = [1e-3, 1] }",
    b"{ uniform = [0, 1] }",
    b"{ choice = [] }",
    b"{ int = [1, 9] }",
    b"{ power_of_two = [1, 8] }",
    b"{ log_int = [1, 8], step = 2 }",
    b"[search]\n",
    b"[[search.round]]\n",
    b"points = ",
    b"epochs = ",
    b"top = ",
    b"repeats = ",
    b"budget = \"3 epochs\"",
    b"full_epochs = ",
    b"finish = { top = 1, repeats = 2 }",
    b"strategy = \"random\"",
    b"conv = [",
    b"{ filters = 8 }",
    b"kernel = ",
    b"pool = ",
    b"[params]\n",
    b"when = ",
    b"\"",
    b"'''",
    b"\n",
    b"[",
    b"]",
    b"{",
    b"}",
    b"=",
    b",",
    b"..",
    b"\xc3\xa4",
    b"\xff",
];

#[test]
fn fuzz_sweep_files() {
    let target = Target {
        name: "sweep-files",
        seeds: FILES.iter().map(|file| file.as_bytes().to_vec()).collect(),
        words: &WORDS,
    };
    fuzz(&target, |bytes| {
        let Ok(text) = std::str::from_utf8(bytes) else {
            return "no text".to_owned();
        };
        let source = Source {
            path: "sweep.toml".to_owned(),
            text: text.to_owned(),
        };
        match parse(&source, Path::new(".")) {
            Ok(file) => {
                let _ = file.middle();
                let domains = crate::sweep_file::definition(&file, true).domains;
                format!("{} domain{}", file.trainer, "s".repeat(domains.len()))
            }
            // The first line says what is wrong; the others show it.
            Err(error) => error
                .to_string()
                .lines()
                .next()
                .unwrap_or_default()
                .to_owned(),
        }
    });
}
