//! End-to-end tests: the real binary, real files, real sockets. A module a subject.

mod bad_input;
mod hone;
mod json;
mod local_run;
