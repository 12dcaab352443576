//! tmp
#![allow(dead_code)]
mod sweep_file;
mod view;
mod output;
mod args;
fn main() {}
