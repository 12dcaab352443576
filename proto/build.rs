//! Compiles hone.v1 with protox: no protoc has to be installed.
use std::{error::Error, path::Path};

const FILES: [&str; 4] = [
    "hone/v1/model.proto",
    "hone/v1/leases.proto",
    "hone/v1/sweeps.proto",
    "hone/v1/history.proto",
];

fn main() -> Result<(), Box<dyn Error>> {
    for file in FILES {
        println!("cargo:rerun-if-changed={file}");
    }
    let descriptors = protox::compile(FILES, [Path::new(".")])?;
    tonic_prost_build::configure()
        .bytes(".")
        .compile_fds(descriptors)?;
    Ok(())
}
