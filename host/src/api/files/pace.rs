//! Hands a body to the reader of forms in small parts, one at a time. The reader takes whatever is ready before it looks
//! for a boundary; without this, a fast client would fill the memory with one form.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::Poll;

use axum::body::Bytes;
use futures_util::{Stream, StreamExt, stream};

/// The largest part, in bytes.
const PART_BYTES: usize = 32 << 10;
/// The most bytes that the reader may take without finding a boundary, a head or content in them.
const UNUSED_BYTES: usize = 256 << 10;

/// What the reader has taken since it found something. Cheap to clone.
#[derive(Clone, Debug, Default)]
pub struct Progress(Arc<AtomicUsize>);

impl Progress {
    /// Notes that the reader has found something.
    pub fn made(&self) {
        self.0.store(0, Ordering::Relaxed);
    }
}

/// Returns the parts of a body. They end with an error when the reader takes too much without a result.
pub fn paced<E: Into<axum::BoxError> + Send + 'static>(
    body: impl Stream<Item = Result<Bytes, E>> + Send + Unpin,
    progress: Progress,
) -> impl Stream<Item = Result<Bytes, axum::BoxError>> + Send {
    let (mut body, mut rest, mut pauses) = (body, Bytes::new(), false);
    stream::poll_fn(move |cx| {
        if std::mem::take(&mut pauses) {
            cx.waker().wake_by_ref();
            return Poll::Pending;
        }
        if rest.is_empty() {
            match std::task::ready!(body.poll_next_unpin(cx)) {
                Some(Ok(part)) => rest = part,
                Some(Err(error)) => return Poll::Ready(Some(Err(error.into()))),
                None => return Poll::Ready(None),
            }
        }
        let part = rest.split_to(rest.len().min(PART_BYTES));
        pauses = true;
        if progress.0.fetch_add(part.len(), Ordering::Relaxed) + part.len() > UNUSED_BYTES {
            return Poll::Ready(Some(Err("a form without boundaries".into())));
        }
        Poll::Ready(Some(Ok(part)))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn parts_are_small_and_end_without_progress() {
        let progress = Progress::default();
        let body = stream::iter([Ok::<_, axum::BoxError>(Bytes::from(vec![0; 2 * UNUSED_BYTES]))]);
        let parts = paced(body, progress.clone());
        let mut parts = std::pin::pin!(parts);
        let mut bytes = 0;
        while let Some(Ok(part)) = parts.next().await {
            assert!(part.len() <= PART_BYTES);
            bytes += part.len();
            if bytes == PART_BYTES {
                progress.made();
            }
        }
        assert_eq!(bytes, PART_BYTES + UNUSED_BYTES);
    }
}
