//! A proxy between the storage and Redis that can lose an answer: Redis has executed the command, and the connection is
//! cut before the answer has passed.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};

/// A proxy on a port of its own.
pub struct Proxy {
    port: u16,
    /// How many answers of commits are to be lost.
    to_lose: Arc<AtomicUsize>,
}

impl Proxy {
    pub async fn to(port: u16) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
        let own = listener.local_addr().unwrap().port();
        let to_lose = Arc::new(AtomicUsize::new(0));
        let counter = to_lose.clone();
        tokio::spawn(async move {
            while let Ok((client, _)) = listener.accept().await {
                let counter = counter.clone();
                tokio::spawn(async move {
                    if let Ok(server) = TcpStream::connect(("127.0.0.1", port)).await {
                        relay(client, server, &counter).await;
                    }
                });
            }
        });
        Self { port: own, to_lose }
    }

    pub fn url(&self) -> String {
        format!("redis://127.0.0.1:{}", self.port)
    }

    /// Loses the answer of the next commit.
    pub fn lose_one(&self) {
        self.to_lose.fetch_add(1, Ordering::SeqCst);
    }

    /// Whether all answers that were to be lost are lost.
    pub fn has_lost(&self) -> bool {
        self.to_lose.load(Ordering::SeqCst) == 0
    }
}

/// Passes both directions on until one end closes, or an answer is lost.
async fn relay(mut client: TcpStream, mut server: TcpStream, to_lose: &AtomicUsize) {
    let (mut request, mut answer) = (vec![0; 64 << 10], vec![0; 64 << 10]);
    let mut cuts = false;
    loop {
        tokio::select! {
            length = client.read(&mut request) => {
                let Ok(length @ 1..) = length else { return };
                let is_commit = request[..length].windows(7).any(|part| part == b"EVALSHA");
                cuts |= is_commit && to_lose.fetch_update(Ordering::SeqCst, Ordering::SeqCst, |n| n.checked_sub(1)).is_ok();
                if server.write_all(&request[..length]).await.is_err() {
                    return;
                }
            }
            length = server.read(&mut answer) => {
                let Ok(length @ 1..) = length else { return };
                if cuts || client.write_all(&answer[..length]).await.is_err() {
                    return;
                }
            }
        }
    }
}
