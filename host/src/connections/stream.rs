//! The bytes of a connection. Reading is counted; a write that makes no progress fails; a connection that the host closes
//! is read to its end for a moment, because a system that closes it with unread bytes may discard the last answer.

use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, ReadBuf};
use tokio::time::{Instant, Sleep, sleep_until};

use super::listener::Io;
use super::table::Place;

/// How long a connection that the host has closed is read.
const LINGER: Duration = Duration::from_secs(2);

/// A connection with its place in the table.
pub struct Stream {
    /// `None` once it is being closed.
    open: Option<(Io, Place)>,
    /// How long a write of HTTP may make no progress.
    write_within: Duration,
    stalled: Option<Pin<Box<Sleep>>>,
    /// Whether the client has closed its side, or the connection is broken.
    is_over: bool,
}

impl Stream {
    /// Returns the stream of an accepted connection.
    pub fn new(io: Io, place: Place, write_within: Duration) -> Self {
        Self { open: Some((io, place)), write_within, stalled: None, is_over: false }
    }

    fn io(&mut self) -> Pin<&mut Io> {
        Pin::new(&mut self.open.as_mut().expect("it is taken only when it is dropped").0)
    }

    fn place(&self) -> &Place {
        &self.open.as_ref().expect("it is taken only when it is dropped").1
    }

    /// Fails once writing has made no progress for too long.
    fn watch<T>(&mut self, cx: &mut Context<'_>, done: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        match done {
            Poll::Ready(done) => {
                self.stalled = None;
                self.is_over |= done.is_err();
                Poll::Ready(done)
            }
            // A socket has a deadline of its own.
            Poll::Pending if self.place().connection.is_socket() => Poll::Pending,
            Poll::Pending => {
                let end = Instant::now() + self.write_within;
                let stalled = self.stalled.get_or_insert_with(|| Box::pin(sleep_until(end)));
                ready!(stalled.as_mut().poll(cx));
                self.is_over = true;
                Poll::Ready(Err(io::ErrorKind::TimedOut.into()))
            }
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        let before = buffer.filled().len();
        let read = ready!(self.io().poll_read(cx, buffer));
        let bytes = buffer.filled().len() - before;
        self.is_over |= read.is_err() || (bytes == 0 && buffer.remaining() > 0);
        read?;
        Poll::Ready(self.place().connection.has_read(bytes))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        let written = self.io().poll_write(cx, bytes);
        self.watch(cx, written)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        parts: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        let written = self.io().poll_write_vectored(cx, parts);
        self.watch(cx, written)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.io().poll_shutdown(cx)
    }
}

impl Drop for Stream {
    fn drop(&mut self) {
        let Some((io, place)) = self.open.take() else { return };
        if self.is_over || place.connection.is_dropped() {
            return;
        }
        if let Ok(runtime) = tokio::runtime::Handle::try_current() {
            // Ends within `LINGER`.
            runtime.spawn(linger(io, place));
        }
    }
}

/// Closes the host's side and reads what the client still sends. Dropping the future disconnects at once.
async fn linger(mut io: Io, _place: Place) {
    let closing = async {
        io.shutdown().await?;
        let mut discarded = [0; 4 << 10];
        while io.read(&mut discarded).await? > 0 {}
        Ok::<(), io::Error>(())
    };
    let _ = tokio::time::timeout(LINGER, closing).await;
}
