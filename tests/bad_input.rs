//! Bad input is refused before anything is stored, naming what is wrong and what would be right.

use std::net::TcpListener;

use crate::hone::{Hone, TINY};

#[track_caller]
fn refused(hone: &Hone, arguments: &[&str], code: i32, parts: &[&str]) {
    let ended = hone.run(arguments);
    assert_eq!(
        ended.code,
        Some(code),
        "hone {arguments:?}:\n{}{}",
        ended.out,
        ended.err
    );
    for part in parts {
        assert!(
            ended.err.contains(part),
            "hone {arguments:?} must say {part:?}:\n{}",
            ended.err
        );
    }
    assert!(
        ended.out.is_empty(),
        "standard output is for data: {}",
        ended.out
    );
    assert!(
        !hone.path().join("hone.db").exists(),
        "nothing may be stored"
    );
}

#[test]
fn sweep_files_with_mistakes() {
    for (from, to, parts) in [
        (
            "learning_rate",
            "learning_rat",
            &[
                "sweep.toml:14: train.learning_rat: unknown key",
                "did you mean `learning_rate`?",
            ][..],
        ),
        (
            "points = 6",
            "points = 0",
            &["sweep.toml:19: search.round.0.points: 0 is too small"],
        ),
        (
            "log = [1e-3, 1e0]",
            "log = [0, 1e0]",
            &["sweep.toml:14: train.learning_rate: a log axis has no place for 0"],
        ),
        ("log = [1e-3, 1e0]", "log = [1, 0.1]", &["reversed range"]),
        (
            "hidden = [16]",
            "hidden = [16]\nconv = [{ filters = 4, size = 7, pad = 0 }, { filters = 4, size = 3, pad = 0 }]",
            &["sweep.toml:11: model.conv.1", "(2 - 3 + 2*0)/1 + 1"],
        ),
        (
            "hidden = [16]",
            "hidden = \"16\"",
            &["sweep.toml:10: model.hidden: expected a list, found \"16\""],
        ),
    ] {
        let hone = Hone::with(&TINY.replacen(from, to, 1));
        refused(&hone, &["run", "sweep.toml"], 2, parts);
        refused(&hone, &["plan", "sweep.toml"], 2, parts);
    }
}

#[test]
fn a_sweep_file_that_is_not_there() {
    refused(
        &Hone::new(),
        &["run", "nothing.toml"],
        2,
        &["nothing.toml", "No such file"],
    );
}

#[test]
fn a_data_set_without_its_files() {
    let hone = Hone::with(&TINY.replace("\"digits\"", "\"mnist\""));
    refused(
        &hone,
        &["run", "sweep.toml", "--data", "."],
        2,
        &["mnist", "train-images", "--data"],
    );
    refused(
        &hone,
        &["run", "sweep.toml", "--data", "nowhere"],
        2,
        &["--data nowhere", "no folder"],
    );
    let hone = Hone::with(&TINY.replace("\"digits\"", "\"./flowers\""));
    refused(&hone, &["run", "sweep.toml"], 2, &["flowers"]);
}

#[test]
fn a_coordinator_that_is_not_there_is_tried_again() {
    // A port that was free a moment ago.
    let port = TcpListener::bind("127.0.0.1:0")
        .and_then(|l| l.local_addr())
        .expect("a port")
        .port();
    let hone = Hone::with(TINY);
    let address = format!("http://127.0.0.1:{port}");
    let wanted = [address.as_str(), "trying again in", "refused"];
    refused(
        &hone,
        &["launch", "sweep.toml", "--coordinator", &address],
        1,
        &wanted,
    );
    refused(
        &hone,
        &["sweeps", "--coordinator", "not an address"],
        2,
        &["http://host:7700"],
    );
    for verb in ["worker", "sweeps"] {
        let arguments = [verb, "--coordinator", "https://host:7700"];
        refused(&hone, &arguments, 2, &["TLS is not built yet"]);
    }
}

#[test]
fn a_database_that_was_named_is_the_one_that_is_meant() {
    let hone = Hone::with(TINY);
    refused(
        &hone,
        &["launch", "sweep.toml", "--db", "other.db"],
        2,
        &[
            "no coordinator serves other.db",
            "hone coordinator --db other.db",
        ],
    );
    let both = ["sweeps", "--db", "other.db", "--coordinator", "host:7700"];
    refused(&hone, &both, 2, &["--coordinator", "--db"]);
    // What the environment says holds where nothing was named.
    let mut command = hone.command(&["sweeps", "--db", "other.db"]);
    command.env("HONE_COORDINATOR", "http://127.0.0.1:9");
    let output = command.output().expect("hone starts");
    let said = String::from_utf8_lossy(&output.stderr);
    assert!(said.contains("no database other.db"), "{said}");
}

#[test]
fn a_port_in_use() {
    let taken = TcpListener::bind("127.0.0.1:0").expect("a port");
    let address = taken.local_addr().expect("bound").to_string();
    refused(
        &Hone::new(),
        &["coordinator", "--listen", &address],
        1,
        &[&address, "in use", "--listen"],
    );
}

#[test]
fn an_address_that_others_can_reach_needs_insecure() {
    refused(
        &Hone::new(),
        &["coordinator", "--listen", "0.0.0.0:0"],
        2,
        &["0.0.0.0:0", "--insecure"],
    );
}

#[test]
fn a_database_that_cannot_be_written() {
    let hone = Hone::with(TINY);
    refused(
        &hone,
        &["run", "sweep.toml", "--db", "no/such/folder/hone.db"],
        2,
        &["no/such/folder"],
    );
    hone.write("file", "");
    refused(
        &hone,
        &["run", "sweep.toml", "--db", "file/hone.db"],
        2,
        &["file"],
    );
}

#[test]
fn no_database_to_read() {
    refused(
        &Hone::new(),
        &["trials"],
        2,
        &["no database hone.db", "--coordinator"],
    );
}

#[test]
fn a_second_coordinator_on_the_same_file() {
    let hone = Hone::with(TINY);
    let mut first = hone.start(&["coordinator", "--listen", "127.0.0.1:0"]);
    first.read_until("listening on");
    let second = hone.run(&["coordinator", "--listen", "127.0.0.1:0"]);
    assert_eq!(second.code, Some(1), "{}", second.err);
    assert!(second.err.contains("hone.db"), "{}", second.err);
    first.terminate();
    assert_eq!(first.wait().code, Some(0));
}

#[test]
fn flags_that_make_no_sense() {
    let hone = Hone::with(TINY);
    refused(
        &hone,
        &["run", "sweep.toml", "--lease", "10s"],
        2,
        &["--lease", "three heartbeats"],
    );
    refused(
        &hone,
        &["run", "sweep.toml", "--slots", "0"],
        2,
        &["--slots"],
    );
    refused(
        &hone,
        &["run", "sweep.toml", "--max-time", "soon"],
        2,
        &["--max-time"],
    );
    refused(
        &hone,
        &["run", "sweep.toml", "--exec", "program"],
        2,
        &["--exec", "NAME=COMMAND"],
    );
    refused(
        &hone,
        &["run", "sweep.toml", "--exec", "a=true", "--exec", "a=false"],
        2,
        &["--exec a=false", "a stands for true already"],
    );
    let twice = ["--data", "flowers=.", "--data", "flowers=.."];
    for verb in [
        &["run", "sweep.toml"][..],
        &["plan", "sweep.toml"],
        &["doctor"],
    ] {
        let parts = ["--data flowers=..", "flowers stands for . already"];
        refused(&hone, &[verb, &twice].concat(), 2, &parts);
    }
    refused(&hone, &["trials", "--state", "done"], 2, &["completed"]);
    refused(&hone, &["frobnicate"], 2, &["frobnicate"]);
}

#[test]
fn a_database_of_a_newer_version() {
    let hone = Hone::with(TINY);
    hone.good(&["run", "sweep.toml", "--db", "new.db"]);
    let path = hone.path().join("new.db");
    let mut bytes = std::fs::read(&path).expect("a database");
    // `user_version` in SQLite's header, https://www.sqlite.org/fileformat.html
    bytes[60..64].copy_from_slice(&99_u32.to_be_bytes());
    std::fs::write(&path, bytes).expect("written");
    let parts = ["new.db", "newer hone", "version 99", "update hone"];
    refused(&hone, &["run", "sweep.toml", "--db", "new.db"], 2, &parts);
    refused(&hone, &["trials", "--db", "new.db"], 2, &parts);
}

#[test]
fn what_is_no_file_is_neither_waited_for_nor_read_without_end() {
    let hone = Hone::new();
    let pipe = |name: &str| {
        let path = hone.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        let rights = rustix::fs::Mode::RUSR | rustix::fs::Mode::WUSR;
        rustix::fs::mknodat(
            rustix::fs::CWD,
            &path,
            rustix::fs::FileType::Fifo,
            rights,
            0,
        )
        .unwrap();
    };
    let device = |name: &str| {
        let path = hone.path().join(name);
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::os::unix::fs::symlink("/dev/zero", path).unwrap();
    };
    pipe("pipe.toml");
    device("zero.toml");
    for (file, what) in [("pipe.toml", "a pipe"), ("zero.toml", "a device")] {
        for verb in ["run", "plan", "launch"] {
            refused(
                &hone,
                &[verb, file],
                2,
                &[&format!("{file}: this is {what}")],
            );
        }
    }
    hone.write("digits.toml", TINY);
    refused(
        &hone,
        &["run", "digits.toml", "--data", "pipe.toml"],
        2,
        &["--data pipe.toml: pipe.toml is no folder"],
    );

    for name in [
        "train-labels-idx1-ubyte",
        "t10k-images-idx3-ubyte",
        "t10k-labels-idx1-ubyte",
    ] {
        pipe(&format!("data/mnist/{name}"));
    }
    device("data/mnist/train-images-idx3-ubyte");
    pipe("data/cifar-10-batches-bin/data_batch_1.bin");
    pipe("flowers/rose/one.png");
    device("flowers/tulip/two.png");
    for (source, file, what) in [
        ("mnist", "mnist/train-images-idx3-ubyte", "a device"),
        ("cifar10", "cifar-10-batches-bin/data_batch_1.bin", "a pipe"),
        ("./flowers", "rose/one.png", "a pipe"),
        ("./flowers", "tulip/two.png", "a device"),
    ] {
        hone.write(
            "sweep.toml",
            &TINY.replacen("\"digits\"", &format!("{source:?}"), 1),
        );
        for verb in ["run", "plan"] {
            let says = format!("{file}: this is {what}");
            refused(&hone, &[verb, "sweep.toml", "--data", "data"], 2, &[&says]);
        }
    }
}

#[test]
fn a_batch_of_one_has_nothing_to_normalise() {
    let batch = |size: &str, norm: &str| {
        let text = TINY.replacen("{ choice = [32, 64] }", size, 1);
        Hone::with(&text.replacen("hidden = [16]", &format!("hidden = [16]\n{norm}"), 1))
    };
    let says = "the batch norm of hidden1 would have one value a channel to normalise";
    for (size, norm) in [
        ("1", ""),
        ("{ choice = [32, 1] }", ""),
        (
            "{ choice = [32, 1] }",
            "batch_norm = { choice = [false, true] }",
        ),
    ] {
        let hone = batch(size, norm);
        for verb in ["run", "plan"] {
            refused(
                &hone,
                &[verb, "sweep.toml"],
                2,
                &["train.batch_size: 1: ", says],
            );
        }
    }
    for (size, norm) in [("1", "batch_norm = \"conv\""), ("2", "")] {
        batch(size, norm).good(&["plan", "sweep.toml"]);
    }
}

#[test]
fn a_name_in_listings_is_a_line_of_text() {
    for (name, says) in [
        ("two\nlines", "no control characters"),
        ("\u{1b}[2J", "no control characters"),
        (" ", "at least one letter"),
        (&"long".repeat(30), "at most 100 characters"),
    ] {
        refused(&Hone::new(), &["worker", "--name", name], 2, &[says]);
    }
}
