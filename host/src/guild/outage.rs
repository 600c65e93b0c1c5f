//! The parts of the host that may be away, and which of them are.

use std::sync::atomic::{AtomicU64, Ordering};

use tokio::sync::watch;

/// A part of the host that may be away.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Part {
    /// The database of the catalog and the guilds.
    Store,
    /// The log of the guilds.
    Journal,
}

impl Part {
    /// The name of the part in answers and logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Store => "store",
            Self::Journal => "journal",
        }
    }
}

/// A part that is away at present.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Away {
    /// Which part.
    pub part: Part,
    /// Whether it is away because its disk is full.
    pub is_disk_full: bool,
}

/// Whether a part serves, and since when.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartState {
    /// Which part.
    pub part: Part,
    /// Whether it is away.
    pub is_away: bool,
    /// Since when, in Unix milliseconds; of a part that was never away since the host watches it.
    pub since_ms: u64,
}

/// What is away at present: the store, the journal.
#[derive(Debug)]
pub(super) struct Outages {
    away: watch::Sender<[Option<Away>; 2]>,
    /// When each part went away or came back last.
    since_ms: [AtomicU64; 2],
}

impl Outages {
    /// Nothing is away from now on.
    pub(super) fn since(now_ms: u64) -> Self {
        Self { away: watch::Sender::default(), since_ms: [AtomicU64::new(now_ms), AtomicU64::new(now_ms)] }
    }

    /// Each part, and since when it serves or is away.
    pub(super) fn parts(&self) -> [PartState; 2] {
        [Part::Store, Part::Journal].map(|part| PartState {
            part,
            is_away: self.is_away(part),
            since_ms: self.since_ms[part as usize].load(Ordering::Relaxed),
        })
    }

    /// Whether a part is away.
    pub(super) fn is_away(&self, part: Part) -> bool {
        self.away.borrow().iter().flatten().any(|away| away.part == part)
    }

    /// The part that is away, the store first.
    pub(super) fn first(&self) -> Option<Away> {
        self.away.borrow().iter().flatten().next().copied()
    }

    /// Is woken when a part goes away or comes back.
    pub(super) fn subscribe(&self) -> watch::Receiver<[Option<Away>; 2]> {
        self.away.subscribe()
    }

    /// Notes whether a part is away, and logs a change.
    pub(super) fn set(&self, part: Part, now: Option<Away>, now_ms: u64) {
        let place = part as usize;
        if now.is_some() != self.is_away(part) {
            self.since_ms[place].store(now_ms, Ordering::Relaxed);
        }
        let has_changed = self.away.send_if_modified(|parts| std::mem::replace(&mut parts[place], now) != now);
        let name = part.name();
        match now {
            Some(away) if has_changed => {
                tracing::error!(part = name, is_disk_full = away.is_disk_full, "a part of the host is away");
            }
            None if has_changed => tracing::info!(part = name, "a part of the host is back"),
            Some(_) | None => {}
        }
    }
}
