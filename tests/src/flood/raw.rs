//! A connection whose bytes the caller chooses: it sends what no well-behaved client sends.

use std::time::Duration;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// How long one step may take. After it the server counts as not taking any more.
const PATIENCE: Duration = Duration::from_secs(2);
/// How much is read of what the server sends, at most.
const READ_BYTES: usize = 1 << 20;

/// The kinds of WebSocket frames that floods send.
#[derive(Clone, Copy)]
pub enum Opcode {
    Continuation = 0,
    Text = 1,
    Ping = 9,
}

/// A connection of TCP, perhaps upgraded to a WebSocket.
pub struct Connection {
    stream: TcpStream,
    /// The last bytes that the server sent.
    read: Vec<u8>,
}

impl Connection {
    /// Opens a connection. Returns `None` if the server does not accept it.
    pub async fn open(authority: &str) -> Option<Self> {
        let stream = timeout(PATIENCE, TcpStream::connect(authority)).await.ok()?.ok()?;
        Some(Self { stream, read: Vec::new() })
    }

    /// Opens a WebSocket.
    ///
    /// # Errors
    /// With the status of the answer, or 0 if there is none.
    pub async fn socket(authority: &str, path: &str) -> Result<Self, u16> {
        let mut connection = Self::open(authority).await.ok_or(0_u16)?;
        let head = format!(
            "GET {path} HTTP/1.1\r\nhost: {authority}\r\nconnection: upgrade\r\nupgrade: websocket\r\n\
             sec-websocket-version: 13\r\nsec-websocket-key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        );
        connection.write(head.as_bytes()).await;
        connection.read_some(PATIENCE).await;
        match connection.status() {
            Some(101) => Ok(connection),
            status => Err(status.unwrap_or(0)),
        }
    }

    fn status(&self) -> Option<u16> {
        std::str::from_utf8(self.read.get(9..12)?).ok()?.parse().ok()
    }

    /// Writes bytes. Returns false when the server does not take them.
    pub async fn write(&mut self, bytes: &[u8]) -> bool {
        matches!(timeout(PATIENCE, self.stream.write_all(bytes)).await, Ok(Ok(())))
    }

    /// Writes a frame whose mask is zero. Returns false when the server does not take it.
    pub async fn frame(&mut self, opcode: Opcode, is_last: bool, payload: &[u8]) -> bool {
        let mut frame = vec![opcode as u8 | if is_last { 0x80 } else { 0 }];
        match payload.len() {
            length @ 0..126 => frame.push(0x80 | u8::try_from(length).unwrap_or(125)),
            length @ 126..65_536 => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(length).unwrap_or(u16::MAX).to_be_bytes());
            }
            length => {
                frame.push(0x80 | 127);
                frame.extend((length as u64).to_be_bytes());
            }
        }
        frame.extend([0; 4]);
        frame.extend_from_slice(payload);
        self.write(&frame).await
    }

    /// Reads what comes within some time.
    pub async fn read_some(&mut self, within: Duration) {
        let mut buffer = [0; 16 << 10];
        if let Ok(Ok(count)) = timeout(within, self.stream.read(&mut buffer)).await {
            self.read.extend_from_slice(&buffer[..count]);
            let surplus = self.read.len().saturating_sub(READ_BYTES);
            self.read.drain(..surplus);
        }
    }

    /// Reads to the end and returns the code of the close frame, if the server closed the socket with one.
    pub async fn close_code(&mut self) -> Option<u16> {
        let mut buffer = vec![0; 64 << 10];
        while let Ok(Ok(count @ 1..)) = timeout(PATIENCE, self.stream.read(&mut buffer)).await {
            self.read.extend_from_slice(&buffer[..count]);
            let surplus = self.read.len().saturating_sub(READ_BYTES);
            self.read.drain(..surplus);
        }
        last_close(&self.read)
    }
}

/// Returns the code of a close frame at the end of what a server sent: `0x88`, the length, the code, a reason.
fn last_close(bytes: &[u8]) -> Option<u16> {
    let from = bytes.len().saturating_sub(127);
    let tail = &bytes[from..];
    let is_close =
        |at: &usize| tail[*at] == 0x88 && tail.len() - at >= 4 && usize::from(tail[at + 1]) == tail.len() - at - 2;
    let at = (0..tail.len().saturating_sub(3)).find(is_close)?;
    Some(u16::from_be_bytes([tail[at + 2], tail[at + 3]]))
}

#[cfg(test)]
mod tests {
    use super::last_close;

    #[test]
    fn the_code_of_a_close_frame_is_found_at_the_end() {
        assert_eq!(last_close(b"\x81\x02hi\x88\x04\x03\xf1no"), Some(1009));
        assert_eq!(last_close(b"\x81\x02hi"), None);
        assert_eq!(last_close(b""), None);
    }
}
