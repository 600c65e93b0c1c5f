//! The parts of the host that may be away, and which of them are.

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

/// What is away at present: the store, the journal.
#[derive(Debug, Default)]
pub(super) struct Outages(watch::Sender<[Option<Away>; 2]>);

impl Outages {
    /// Whether a part is away.
    pub(super) fn is_away(&self, part: Part) -> bool {
        self.0.borrow().iter().flatten().any(|away| away.part == part)
    }

    /// The part that is away, the store first.
    pub(super) fn first(&self) -> Option<Away> {
        self.0.borrow().iter().flatten().next().copied()
    }

    /// Is woken when a part goes away or comes back.
    pub(super) fn subscribe(&self) -> watch::Receiver<[Option<Away>; 2]> {
        self.0.subscribe()
    }

    /// Notes whether a part is away, and logs a change.
    pub(super) fn set(&self, part: Part, now: Option<Away>) {
        let place = part as usize;
        let has_changed = self.0.send_if_modified(|parts| std::mem::replace(&mut parts[place], now) != now);
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
