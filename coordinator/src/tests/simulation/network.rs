//! Real tonic over turmoil's simulated network: the listener and the connector that production code takes as parameters.

use std::{
    io,
    net::Ipv4Addr,
    pin::Pin,
    task::{Context, Poll},
    time::Duration,
};

use hyper_util::rt::TokioIo;
use tokio::{
    io::{AsyncRead, AsyncWrite, ReadBuf},
    sync::mpsc,
};
use tokio_stream::{Stream, wrappers::ReceiverStream};
use tonic::transport::{Channel, Endpoint, Uri, server::Connected};
use turmoil::net::{TcpListener, TcpStream};

/// The host that the coordinator runs on.
pub const COORDINATOR: &str = "coordinator";
const PORT: u16 = 8080;

/// Connections to the coordinator's host, as they come.
pub async fn incoming() -> io::Result<impl Stream<Item = io::Result<Connection>>> {
    let listener = TcpListener::bind((Ipv4Addr::UNSPECIFIED, PORT)).await?;
    let (accepted, connections) = mpsc::channel(16);
    tokio::spawn(async move {
        loop {
            let connection = listener.accept().await;
            if accepted
                .send(connection.map(|(stream, _)| Connection(stream)))
                .await
                .is_err()
            {
                return;
            }
        }
    });
    Ok(ReceiverStream::new(connections))
}

/// A client's way to the coordinator, with the patience of the real worker's.
pub fn channel() -> Channel {
    let connect = tower::service_fn(|_: Uri| async {
        let stream = TcpStream::connect((COORDINATOR, PORT)).await?;
        io::Result::Ok(TokioIo::new(stream))
    });
    Endpoint::from_static("http://coordinator")
        .connect_timeout(Duration::from_secs(5))
        .http2_keep_alive_interval(Duration::from_secs(20))
        .keep_alive_timeout(Duration::from_secs(10))
        .connect_with_connector_lazy(connect)
}

/// One accepted connection.
pub struct Connection(TcpStream);

impl Connected for Connection {
    type ConnectInfo = ();

    fn connect_info(&self) {}
}

impl AsyncRead for Connection {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        into: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, into)
    }
}

impl AsyncWrite for Connection {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, from)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_shutdown(cx)
    }
}
