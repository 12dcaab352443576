//! Writes a commented sweep file that runs.

use std::path::Path;

use hone_worker::data::{Inventory, MAX_SIDE, SizeCount, survey};

use crate::{
    exit::{Exit, wrong},
    output::{out, told::line},
    sweep_file::{KNOWN_SETS, fork, names, source::nearest},
};

/// Arguments of `hone init`.
#[derive(clap::Args)]
pub struct Args {
    /// digits, mnist, fashion-mnist, cifar10, xor, or a folder of images with a folder per class
    #[arg(value_name = "DATA")]
    data: String,
}

/// Runs `hone init`.
pub fn run(args: &Args) -> anyhow::Result<Exit> {
    out::file(&start_file(&args.data)?)?;
    Ok(Exit::Done)
}

/// What differs between data sets.
struct Start {
    name: String,
    about: String,
    validation: &'static str,
    /// It has a test part.
    tested: bool,
    size: String,
    augment: &'static str,
    conv: &'static str,
    hidden: &'static str,
    batch_size: usize,
    epochs: u32,
    budget: u32,
}

fn start(data: &str) -> anyhow::Result<Start> {
    let base = Start {
        name: data.to_owned(),
        about: String::new(),
        validation: "5000",
        tested: true,
        size: String::new(),
        augment: "",
        conv: "[{ filters = 16, pool = 2 }, { filters = { choice = [16, 32, 64] }, pool = 2 }]",
        hidden: "[64]",
        batch_size: 64,
        epochs: 9,
        budget: 180,
    };
    Ok(match data {
        "digits" => Start {
            validation: "360",
            conv: "[{ filters = { choice = [8, 16, 32] } }, { filters = 32, pool = 2 }]",
            epochs: 12,
            budget: 240,
            ..base
        },
        "mnist" | "fashion-mnist" => base,
        "cifar10" => Start {
            augment: "augment = { flip = true, shift = 4 }   # on training images only\n",
            conv: "[{ filters = 32, pool = 2 }, { filters = 64, pool = 2 }, { filters = { choice = [64, 128] }, pool = 2 }]",
            hidden: "[]",
            budget: 135,
            ..base
        },
        "xor" => Start {
            validation: "0.2",
            conv: "[]",
            hidden: "{ choice = [[], [8]] }",
            epochs: 20,
            budget: 200,
            ..base
        },
        folder => folder_start(folder, base)?,
    })
}

fn folder_start(folder: &str, base: Start) -> anyhow::Result<Start> {
    let path = Path::new(folder);
    if !path.is_dir() {
        let known = KNOWN_SETS.map(|(name, ..)| name);
        let near = nearest(folder, known)
            .map(|n| format!("; did you mean {n}?"))
            .unwrap_or_default();
        let all = known.join(", ");
        return Err(wrong(format!(
            "{folder:?} is no folder and no data set that hone knows ({all}){near}"
        )));
    }
    let found = survey(path).map_err(|error| wrong(error.to_string()))?;
    let full = path.canonicalize()?;
    let last = full
        .file_name()
        .map(|n| n.to_string_lossy().into_owned())
        .unwrap_or_default();
    let name: String = last
        .chars()
        .map(|c| if c.is_ascii_alphanumeric() { c } else { '-' })
        .collect();
    let name = if names::name_problem(&name).is_some() {
        "images".into()
    } else {
        name
    };
    let given = found.parts.iter().any(|part| part.name == "validation");
    let (smaller_side, size) = size(&found);
    let augment = "augment = { flip = true, shift = 2 }   # on training images only; take flip out where left and right mean something, \
                   as in digits and letters\n";
    Ok(Start {
        name,
        about: about(&found),
        validation: if given { "" } else { "0.2" },
        tested: found.parts.iter().any(|part| part.name == "test"),
        size,
        augment: if smaller_side > 2 { augment } else { "" },
        conv: if smaller_side < 4 { "[]" } else { base.conv },
        batch_size: batch_size(&found),
        ..base
    })
}

/// What lies in the folder, as comments.
fn about(found: &Inventory) -> String {
    let warnings = found
        .warnings
        .iter()
        .map(|warning| format!("look at this: {warning}"));
    let lines = found.lines().into_iter().chain(warnings);
    lines.map(|text| format!("# {}\n", line(&text))).collect()
}

/// The smaller side of the images in training, and the line that says why: images of different sizes need a `size`, large
/// ones could do with one.
fn size(found: &Inventory) -> (usize, String) {
    let [height, width, _] = found.shape;
    if height > 0 {
        let [small_height, small_width] = shrunk(height, width);
        let size = format!("size = [{small_height}, {small_width}]          #");
        let line = if (small_height, small_width) == (height, width) {
            String::new()
        } else if height.max(width) > MAX_SIDE as usize {
            format!("{size} a net takes at most {MAX_SIDE} pixels a side: this resizes them\n")
        } else {
            format!("# {size} large images train slowly: this would resize them\n")
        };
        return (height.min(width), line);
    }
    let middle = |of: fn(&SizeCount) -> usize| {
        let mut sides: Vec<usize> = found
            .sizes
            .iter()
            .flat_map(|size| std::iter::repeat_n(of(size), size.images))
            .collect();
        sides.sort_unstable();
        sides.get(sides.len() / 2).copied().unwrap_or(0)
    };
    let [height, width] = shrunk(middle(|size| size.height), middle(|size| size.width));
    let count = found.sizes.len() + found.more_sizes;
    let line = format!(
        "size = [{height}, {width}]            # the images have {count} sizes: every one is resized to this\n"
    );
    (height.min(width), line)
}

/// The same shape with no side above 64.
fn shrunk(height: usize, width: usize) -> [usize; 2] {
    const LARGEST: usize = 64;
    let longer = height.max(width).max(1);
    if longer <= LARGEST {
        return [height.max(1), width.max(1)];
    }
    [height, width].map(|side| (side * LARGEST / longer).max(1))
}

/// 64, or less where the training part is small.
fn batch_size(found: &Inventory) -> usize {
    let images = found.parts.first().map_or(0, |part| part.images);
    let fits = |size: &usize| size * 8 <= images;
    [64, 32, 16, 8, 4].into_iter().find(fits).unwrap_or(2)
}

/// A sweep file with comments that teach.
pub fn start_file(data: &str) -> anyhow::Result<String> {
    let s = start(data)?;
    let source = fork::string(data);
    let flat = data == "xor";
    let preprocess = if flat { "none" } else { "mean-image" };
    let test = if s.tested {
        "; the test part waits until the end"
    } else {
        ""
    };
    let validation = match s.validation {
        "" => "# no `validation`: the folder brings its own validation part\n".to_owned(),
        held => format!(
            "validation = {held:<15}  # so many training images are held out to compare nets (below 1: a share){test}\n"
        ),
    };
    Ok(format!(
        r#"# A search for hyperparameters.   hone plan FILE: what it trains, how long it takes.   hone run FILE: does it.
# Any value in [model] and [train] can be a domain in place of a value; the domains are the search space:
#   {{ log = [1e-4, 1e-1] }}   {{ uniform = [0.0, 0.5] }}   {{ int = [1, 6] }}   {{ power_of_two = [16, 256] }}   {{ choice = ["sgd", "adam"] }}
name = "{name}"
seed = 0                        # the same file with the same seed gives the same points and the same results

[data]
{about}source = {source}
{validation}preprocess = "{preprocess}"       # fitted on the training part alone
{size}{augment}
[model]
conv = {conv}
hidden = {hidden}                   # sizes of fully connected layers; the last one, a number a class, is always added
activation = "relu"
batch_norm = true
dropout = {{ uniform = [0.0, 0.5] }}

[train]
optimizer = "sgd"
momentum = 0.9
learning_rate = {{ log = [1e-4, 1e0] }}    # start wide: hone narrows it, and says so when the best lies at an end
weight_decay = {{ log = [1e-6, 1e-1] }}
batch_size = {batch_size}
schedule = "one-cycle"          # up to the learning rate, then down to nearly nothing

[search]
budget = "{budget} epochs"          # in all; also "20 trainings" or "30 min"
full_epochs = {epochs}                 # one full training; bad points are stopped long before
"#,
        name = s.name,
        about = s.about,
        batch_size = s.batch_size,
        size = s.size,
        augment = s.augment,
        conv = s.conv,
        hidden = s.hidden,
        budget = s.budget,
        epochs = s.epochs,
    ))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sweep_file::{self, source::Source};

    #[test]
    fn every_start_is_a_sweep_file_without_problems() {
        for (data, ..) in KNOWN_SETS {
            let source = Source {
                path: format!("{data}.toml"),
                text: start_file(data).expect("known"),
            };
            let file = sweep_file::parse(&source, Path::new(".")).unwrap_or_else(|e| panic!("{e}"));
            assert_eq!(file.name, data);
            assert!(file.domains.len() >= 3, "{data}");
        }
    }

    #[test]
    fn a_folder_gets_its_own_name() {
        let folder = tempfile::tempdir().expect("a folder");
        let path = folder.path().join("my flowers");
        for class in ["rose", "tulip"] {
            std::fs::create_dir_all(path.join(class)).expect("a folder");
            let image = image::GrayImage::from_pixel(8, 8, image::Luma([9]));
            image.save(path.join(class).join("1.png")).expect("written");
        }
        let text = start_file(&path.to_string_lossy()).expect("a folder");
        let source = Source {
            path: "flowers.toml".into(),
            text,
        };
        let file = sweep_file::parse(&source, Path::new(".")).unwrap_or_else(|e| panic!("{e}"));
        assert_eq!(file.name, "my-flowers");
        assert_eq!(file.data.expect("images").name, "my flowers");
    }

    #[test]
    fn a_mistyped_name_is_refused() {
        let error = start_file("cifar").expect_err("no such set").to_string();
        assert!(error.contains("did you mean cifar10?"), "{error}");
    }
}
