//! The binary under test, with a folder of its own.

use std::{
    io::Read,
    path::{Path, PathBuf},
    process::{Child, Command, Output, Stdio},
};

use serde_json::Value;
use tempfile::TempDir;

/// A sweep of a few seconds: two narrowing rounds and a final one over four hyperparameters.
pub const TINY: &str = r#"
name = "tiny"
seed = 3

[data]
source = "digits"
validation = 360

[model]
hidden = [16]
dropout = { uniform = [0.0, 0.3] }

[train]
learning_rate = { log = [1e-3, 1e0] }
weight_decay = { log = [1e-6, 1e-2] }
batch_size = { choice = [32, 64] }

[[search.round]]
points = 6
epochs = 1
[[search.round]]
points = 4
epochs = 2
[[search.round]]
top = 2
epochs = 2
repeats = 2
"#;

/// A folder with a sweep file and a database.
pub struct Hone {
    folder: TempDir,
}

/// How a call ended.
pub struct Ended {
    /// Exit code.
    pub code: Option<i32>,
    /// Standard output.
    pub out: String,
    /// Standard error.
    pub err: String,
}

impl Hone {
    /// An empty folder.
    pub fn new() -> Self {
        Hone {
            folder: tempfile::tempdir().expect("a folder"),
        }
    }

    /// A folder with a sweep file called `sweep.toml`.
    pub fn with(text: &str) -> Self {
        let hone = Self::new();
        hone.write("sweep.toml", text);
        hone
    }

    /// The folder.
    pub fn path(&self) -> &Path {
        self.folder.path()
    }

    /// Writes a file.
    pub fn write(&self, name: &str, text: &str) -> PathBuf {
        let path = self.path().join(name);
        std::fs::write(&path, text).expect("a file");
        path
    }

    /// A command in the folder, without what the environment would change.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hone"));
        command
            .current_dir(self.path())
            .args(arguments)
            .stdin(Stdio::null());
        command.env("XDG_STATE_HOME", self.path().join("state"));
        for key in ["HONE_DATA", "HONE_COORDINATOR", "HONE_LOG", "NO_COLOR"] {
            command.env_remove(key);
        }
        command
    }

    /// Runs it to its end.
    pub fn run(&self, arguments: &[&str]) -> Ended {
        ended(self.command(arguments).output().expect("hone starts"))
    }

    /// Runs it to its end, which must be a good one; its standard output.
    pub fn good(&self, arguments: &[&str]) -> String {
        let ended = self.run(arguments);
        assert_eq!(
            ended.code,
            Some(0),
            "hone {arguments:?}:\n{}\n{}",
            ended.out,
            ended.err
        );
        ended.out
    }

    /// The same, one JSON object a line.
    pub fn json(&self, arguments: &[&str]) -> Vec<Value> {
        let out = self.good(arguments);
        out.lines()
            .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
            .collect()
    }

    /// Starts it in the background.
    pub fn start(&self, arguments: &[&str]) -> Background {
        self.start_as(&mut self.command(arguments))
    }

    /// Starts another command in the folder and in the background.
    pub fn start_as(&self, command: &mut Command) -> Background {
        command.current_dir(self.path()).stdin(Stdio::null());
        let child = command
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("hone starts");
        Background { child: Some(child) }
    }
}

/// A process that runs until it is waited for; killed when forgotten.
pub struct Background {
    child: Option<Child>,
}

impl Background {
    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.as_ref().expect("not waited for yet").id()
    }

    /// Its exit code, once it has ended.
    pub fn has_ended(&mut self) -> Option<Option<i32>> {
        let child = self.child.as_mut().expect("not waited for yet");
        let status = child.try_wait().expect("a child");
        status.map(|status| status.code())
    }

    /// Sends SIGTERM.
    pub fn terminate(&self) {
        let pid = self.child.as_ref().expect("not waited for yet").id();
        let status = Command::new("kill")
            .arg(pid.to_string())
            .status()
            .expect("kill");
        assert!(status.success());
    }

    /// Sends SIGKILL and waits.
    pub fn kill(mut self) {
        if let Some(mut child) = self.child.take() {
            child.kill().expect("killed");
            child.wait().expect("ended");
        }
    }

    /// Reads standard error until a line holds `text`; what was read.
    pub fn read_until(&mut self, text: &str) -> String {
        let stderr = self
            .child
            .as_mut()
            .and_then(|c| c.stderr.as_mut())
            .expect("piped");
        let mut seen = String::new();
        let mut byte = [0];
        while stderr.read(&mut byte).expect("readable") == 1 {
            seen.push(char::from(byte[0]));
            if seen.contains(text) {
                return seen;
            }
        }
        panic!("ended without {text:?}:\n{seen}");
    }

    /// Waits for its end.
    pub fn wait(mut self) -> Ended {
        let child = self.child.take().expect("not waited for yet");
        ended(child.wait_with_output().expect("ends"))
    }
}

impl Drop for Background {
    fn drop(&mut self) {
        if let Some(mut child) = self.child.take() {
            let _ = child.kill();
            let _ = child.wait();
        }
    }
}

fn ended(output: Output) -> Ended {
    Ended {
        code: output.status.code(),
        out: String::from_utf8_lossy(&output.stdout).into_owned(),
        err: String::from_utf8_lossy(&output.stderr).into_owned(),
    }
}
