//! End-to-end tests: the real binary, real files, real sockets. A module a subject.

mod admin;
mod bad_input;
#[allow(dead_code, reason = "benches/soak uses the rest")]
mod cluster;
mod data;
mod disk;
mod faults;
mod folder;
#[allow(dead_code, reason = "benches/soak uses the rest")]
mod hone;
mod images;
mod json;
mod local_run;
mod model;
mod outcomes;
mod repeats;
mod reproduce;
mod sizes;
mod standing;
mod sweep_file;
mod terminal;
mod verbs;
mod versions;
