//! Types and services of `hone.v1`, generated from `proto/hone/v1/*.proto`. No logic lives here.

/// Version 1 of hone's protocol.
pub mod v1 {
    tonic::include_proto!("hone.v1");
}
