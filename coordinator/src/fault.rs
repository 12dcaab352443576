//! What ends the whole process: a part of a coordinator that is broken, without which the rest would renew leases and decide nothing.

/// Ends the process when the thread or task that holds it panics. What is acknowledged is on disk, and the next start goes on from
/// there.
#[derive(Debug)]
pub(crate) struct EndsProcess(pub &'static str);

impl Drop for EndsProcess {
    fn drop(&mut self) {
        if std::thread::panicking() {
            end_process(&format!("{} has come to grief (see above)", self.0));
        }
    }
}

/// Ends the process at once, with a word.
#[expect(
    clippy::print_stderr,
    reason = "whoever could be told in another way may be what is broken"
)]
pub(crate) fn end_process(problem: &str) -> ! {
    eprintln!(
        "hone: {problem}: the coordinator ends; what was acknowledged is on disk, start it again"
    );
    std::process::exit(70);
}

#[cfg(test)]
mod tests {
    use std::process::Command;

    use super::*;

    /// Told to the process that is to end.
    const CHILD: &str = "HONE_TEST_ENDS";

    #[test]
    fn a_panic_of_what_holds_it_ends_the_process_with_a_word() {
        if std::env::var_os(CHILD).is_some() {
            let thread = std::thread::spawn(|| {
                let _ends = EndsProcess("the part");
                panic!("grief");
            });
            thread.join().ok();
            return;
        }
        let name = "fault::tests::a_panic_of_what_holds_it_ends_the_process_with_a_word";
        let ended = Command::new(std::env::current_exe().unwrap())
            .args(["--exact", name, "--nocapture"])
            .env(CHILD, "1")
            .output()
            .unwrap();
        let said = String::from_utf8_lossy(&ended.stderr).into_owned();
        assert_eq!(ended.status.code(), Some(70), "{said}");
        assert!(said.contains("hone: the part has come to grief"), "{said}");
    }
}
