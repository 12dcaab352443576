use std::fs;

use super::*;

fn root(files: &[&str]) -> tempfile::TempDir {
    let root = tempfile::tempdir().unwrap();
    for file in files {
        let path = root.path().join(file);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, file).unwrap();
    }
    root
}

fn places<'a>(roots: &'a [PathBuf]) -> Places<'a> {
    Places::new("cifar10", &["cifar10binary", "cifar10"], roots, None)
}

/// What is said about files that are not the set's, with `R` for the root.
fn said(files: &[&str]) -> String {
    let root = root(files);
    let text = places(&[root.path().to_owned()])
        .missing("FILES", "ADDRESS", "FOLDER", Vec::new())
        .to_string();
    text.replace(&root.path().display().to_string(), "R")
}

#[test]
fn folders_that_bear_the_name_come_first_in_the_order_of_names() {
    let root = root(&[
        "CIFAR10/raw/x",
        "cifar-10-binary/CIFAR_10/x",
        "Cifar 10 binary/x",
        "raw/x",
        "other/cifar10/x",
    ]);
    let roots = [root.path().to_owned()];
    let all: Vec<(String, bool)> = places(&roots)
        .all()
        .iter()
        .map(|place| {
            (
                place
                    .path
                    .strip_prefix(root.path())
                    .unwrap()
                    .display()
                    .to_string(),
                place.named,
            )
        })
        .collect();
    let wanted = [
        ("Cifar 10 binary", true),
        ("cifar-10-binary", true),
        ("cifar-10-binary/CIFAR_10", true),
        ("CIFAR10", true),
        ("CIFAR10/raw", true),
        ("", false),
        ("raw", false),
    ];
    assert_eq!(all, wanted.map(|(path, named)| (path.to_owned(), named)));
}

#[test]
fn the_first_root_wins() {
    let (one, two) = (root(&["cifar10/x"]), root(&["cifar10/x"]));
    let roots = [one.path(), two.path()].map(Path::to_owned);
    let places = places(&roots);
    let (place, ()) = places
        .first(|place| file(&place.path, "x").map(drop))
        .unwrap();
    assert_eq!(place.path, one.path().join("cifar10"));
}

#[test]
fn what_lies_there_is_said_with_what_would_be_right() {
    assert_eq!(
        said(&[
            "cifar-10-python.tar.gz",
            "cifar-100-python.tar.gz",
            "cifar10.npz",
            "other.zip"
        ]),
        "cifar10: its files are not here (R/cifar-10-python.tar.gz is an archive: unpack it there (tar -xf); \
         R/cifar10.npz is NumPy arrays, as Keras keeps them: not read by hone). Get FILES from ADDRESS, put them into \
         DIR/FOLDER/ and say --data DIR, or --data cifar10=DIR for the folder that they lie in, or set HONE_DATA=DIR"
    );
    let text = said(&["cifar10/plain_text/train-00000-of-00001.parquet"]);
    let parquet = "(R/cifar10/plain_text/train-00000-of-00001.parquet is a Parquet table";
    assert!(text.contains(parquet), "{text}");
    let text = said(&["cifar10/train.csv"]);
    assert!(
        text.contains("(R/cifar10/train.csv is a CSV table"),
        "{text}"
    );
    let text = said(&[
        "cifar10/a",
        "cifar10/b",
        "cifar10/c",
        "cifar10/d",
        "cifar10/e",
        "cifar10/.f",
    ]);
    assert!(
        text.contains("(in R/cifar10 lies a, b, c, d, 1 more)"),
        "{text}"
    );
    let text = said(&["readme.txt"]);
    assert!(text.contains("(looked in R)"), "{text}");
}

#[test]
fn folders_that_are_not_there_are_said() {
    let root = root(&["file"]);
    let roots = ["gone", "file", "gone"].map(|name| root.path().join(name));
    let text = places(&roots)
        .missing("FILES", "ADDRESS", "FOLDER", Vec::new())
        .to_string();
    let gone = format!("there is no folder {}", root.path().join("gone").display());
    assert_eq!(text.matches(&gone).count(), 1, "{text}");
    assert!(text.contains("file cannot be read: "), "{text}");
    let text = places(&[])
        .missing("FILES", "ADDRESS", "FOLDER", Vec::new())
        .to_string();
    assert!(
        text.contains("(no folder is named by --data or HONE_DATA)"),
        "{text}"
    );
}
