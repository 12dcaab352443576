//! Whether there can be a coordinator at an address at all.

use std::time::Duration;

use tokio::{
    io::{AsyncReadExt, AsyncWriteExt},
    net::TcpStream,
    time::timeout,
};
use tonic::transport::Uri;

/// A server greets at once.
const PATIENCE: Duration = Duration::from_secs(1);

/// How an HTTP/2 client begins, with an empty frame of settings.
const GREETING: &[u8] = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n\0\0\0\x04\0\0\0\0\0";

/// Whether something listens at this address that speaks no HTTP/2, such as a web server of before. What a connection says that broke
/// for this reason does not tell it from one that broke by chance.
pub async fn speaks_otherwise(address: &str) -> bool {
    let begins = timeout(PATIENCE, beginning(address)).await;
    // HTTP/2 begins with a frame of settings: its length (3 bytes), then its kind.
    begins.ok().flatten().is_some_and(|begins| begins[3] != 4)
}

async fn beginning(address: &str) -> Option<[u8; 4]> {
    let address: Uri = address.parse().ok()?;
    let host = address.host()?.trim_matches(['[', ']']);
    let port = address.port_u16().unwrap_or(80);
    let mut stream = TcpStream::connect((host, port)).await.ok()?;
    stream.write_all(GREETING).await.ok()?;
    let mut begins = [0; 4];
    stream.read_exact(&mut begins).await.ok()?;
    Some(begins)
}
