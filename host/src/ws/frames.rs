//! Reads the frames of clients. A frame whose routing slip has expressions is read where expressions may take time.

use std::time::Duration;

use axum::extract::ws::Utf8Bytes;

use guildhall_model::expression::{Evaluations, ExpressionError, Expressions, MAX_TOTAL};
use guildhall_model::frame::{self, Frame, FrameError, FrameErrorKind};
use guildhall_model::ids::GuildId;

/// How long a frame waits until its expressions are checked.
const CHECKED_WITHIN: Duration = Duration::from_secs(10);

/// Reads a text frame of a client of a guild. The guild pays for its expressions. Dropping the future loses the frame.
///
/// # Errors
/// The frame cannot be used, or its expressions waited too long (`BUSY`).
pub(super) async fn read_frame(
    text: Utf8Bytes,
    guild: &GuildId,
    evaluations: &Evaluations,
) -> Result<Frame, FrameError> {
    {
        let probe = Expressions::probe();
        let read = frame::read(&text, &probe);
        if !probe.was_met() {
            return read;
        }
    }
    let checked = evaluations.run(guild.as_str(), MAX_TOTAL, move |expressions| frame::read(&text, expressions));
    match tokio::time::timeout(CHECKED_WITHIN, checked).await {
        Ok(Ok(read)) => read,
        Ok(Err(error)) => Err(unread(&error)),
        Err(_) => {
            let text = format!(
                "the expressions of the frame waited for {} s, because those of the guild use all that it may have \
                 (`guild.evaluations`)",
                CHECKED_WITHIN.as_secs()
            );
            Err(FrameError::new(FrameErrorKind::Busy, text))
        }
    }
}

fn unread(error: &ExpressionError) -> FrameError {
    FrameError::new(FrameErrorKind::HostError, format!("the frame could not be read: {error}"))
}
