//! The connections that are open, and what each of them does at present. Plain data behind a short lock.

use std::collections::HashMap;
use std::io;
use std::net::{IpAddr, Ipv6Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Instant;

use parking_lot::Mutex;
use tokio::sync::Notify;

use super::{ConnectionLimits, MOST, MOST_OF_ADDRESS};
use crate::room::{ByteRoom, Held};

/// The unfinished bytes of a socket's client that need no room: most frames are smaller.
const FREE_BYTES: usize = 16 << 10;
/// The head of a ping or pong of a client: two bytes and the mask.
const CONTROL_HEAD_BYTES: usize = 6;
/// Room for unfinished frames is taken in steps of this many bytes.
const STEP_BYTES: usize = 64 << 10;

/// The open connections of a host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connections(Arc<Table>);

#[derive(Debug)]
struct Table {
    limits: Mutex<ConnectionLimits>,
    room: ByteRoom,
    open: Mutex<Open>,
    refused: AtomicU64,
    dropped: AtomicU64,
}

#[derive(Debug, Default)]
struct Open {
    by_number: HashMap<u64, Connection>,
    by_address: HashMap<IpAddr, usize>,
    last: u64,
}

/// One connection, as its requests and its socket see it. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Connection(Arc<Inner>);

#[derive(Debug)]
struct Inner {
    number: u64,
    /// `None`: not counted by address.
    address: Option<IpAddr>,
    activity: Mutex<Activity>,
    /// Notified when the connection has to give its place up.
    evicted: Notify,
    is_socket: AtomicBool,
    is_out_of_room: AtomicBool,
    /// Whether the host ends the connection without a last word.
    is_dropped: AtomicBool,
    room: ByteRoom,
    unfinished: Mutex<Unfinished>,
}

/// What a connection does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Activity {
    /// It waits for a request since then.
    Idle(Instant),
    /// It is new since then, or the first byte of a head has come then.
    Head(Instant),
    /// A request is in work, or it is a socket.
    Busy,
}

/// What a socket has read and not yet returned as a message.
#[derive(Debug, Default)]
struct Unfinished {
    bytes: usize,
    taken: usize,
    held: Option<Held>,
}

/// The place of a connection in the table. It is free again when this is dropped.
#[derive(Debug)]
pub struct Place {
    table: Connections,
    pub connection: Connection,
}

/// Why a client gets no connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("all {limit} connections are in use ({setting})")]
pub struct Full {
    pub limit: usize,
    pub setting: &'static str,
}

impl Connections {
    /// Returns an empty table. `room` bounds the unfinished frames of all sockets.
    #[must_use]
    pub fn new(limits: ConnectionLimits, room: ByteRoom) -> Self {
        let (open, refused, dropped) = (Mutex::default(), AtomicU64::new(0), AtomicU64::new(0));
        let limits = Mutex::new(limits);
        Self(Arc::new(Table { limits, room, open, refused, dropped }))
    }

    /// Returns the bounds.
    #[must_use]
    pub fn limits(&self) -> ConnectionLimits {
        *self.0.limits.lock()
    }

    /// Changes the bounds. The deadlines are those of new connections; the numbers hold from now on.
    pub fn set_limits(&self, limits: ConnectionLimits) {
        *self.0.limits.lock() = limits;
    }

    /// Returns the number of open connections.
    #[must_use]
    pub fn count(&self) -> usize {
        self.0.open.lock().by_number.len()
    }

    /// Returns how many connections were refused since the host started.
    #[must_use]
    pub fn refused(&self) -> u64 {
        self.0.refused.load(Ordering::Relaxed)
    }

    /// Returns how many silent connections were dropped since the host started.
    #[must_use]
    pub fn dropped(&self) -> u64 {
        self.0.dropped.load(Ordering::Relaxed)
    }

    /// Notes that the host ends a silent connection.
    pub(super) fn note_dropped(&self, connection: &Connection) {
        connection.0.is_dropped.store(true, Ordering::Relaxed);
        self.0.dropped.fetch_add(1, Ordering::Relaxed);
    }

    /// Gives a new connection a place. If all are taken, the connection that has waited longest for a request has to
    /// leave; one of the same address if that address has all its places.
    ///
    /// # Errors
    /// [`Full`] when all other connections are in use.
    pub(super) fn admit(&self, address: IpAddr) -> Result<Place, Full> {
        let address = counted(address);
        let limits = self.limits();
        let mut open = self.0.open.lock();
        let of_address = address.and_then(|address| open.by_address.get(&address)).copied().unwrap_or(0);
        let full = if of_address >= limits.most_of_address {
            Some(Full { limit: limits.most_of_address, setting: MOST_OF_ADDRESS })
        } else if open.by_number.len() >= limits.most {
            Some(Full { limit: limits.most, setting: MOST })
        } else {
            None
        };
        if let Some(full) = full {
            let only_of = address.filter(|_| full.setting == MOST_OF_ADDRESS);
            let Some(longest) = open.longest_waiting(only_of) else {
                self.0.refused.fetch_add(1, Ordering::Relaxed);
                return Err(full);
            };
            open.remove(&longest);
            longest.0.evicted.notify_one();
            self.note_dropped(&longest);
        }
        open.last += 1;
        let connection = Connection(Arc::new(Inner {
            number: open.last,
            address,
            activity: Mutex::new(Activity::Head(Instant::now())),
            evicted: Notify::new(),
            is_socket: AtomicBool::new(false),
            is_out_of_room: AtomicBool::new(false),
            is_dropped: AtomicBool::new(false),
            room: self.0.room.clone(),
            unfinished: Mutex::default(),
        }));
        open.by_number.insert(connection.0.number, connection.clone());
        if let Some(address) = address {
            *open.by_address.entry(address).or_default() += 1;
        }
        Ok(Place { table: self.clone(), connection })
    }
}

impl Open {
    /// The connection without a request that has waited longest.
    fn longest_waiting(&self, only_of: Option<IpAddr>) -> Option<Connection> {
        let open = self.by_number.values().filter(|open| only_of.is_none() || open.0.address == only_of);
        let waiting = open.filter_map(|open| Some((open.waits_since()?, open)));
        waiting.min_by_key(|(since, _)| *since).map(|(_, open)| open.clone())
    }

    fn remove(&mut self, connection: &Connection) {
        if self.by_number.remove(&connection.0.number).is_none() {
            return;
        }
        if let Some(address) = connection.0.address
            && let Some(count) = self.by_address.get_mut(&address)
        {
            *count -= 1;
            if *count == 0 {
                self.by_address.remove(&address);
            }
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.table.0.open.lock().remove(&self.connection);
    }
}

/// The address under which a connection is counted.
fn counted(address: IpAddr) -> Option<IpAddr> {
    match address.to_canonical() {
        address if address.is_loopback() => None,
        IpAddr::V6(address) => Some(Ipv6Addr::from_bits(address.to_bits() >> 64 << 64).into()),
        address => Some(address),
    }
}

impl Connection {
    fn waits_since(&self) -> Option<Instant> {
        match *self.0.activity.lock() {
            Activity::Idle(since) | Activity::Head(since) => Some(since),
            Activity::Busy => None,
        }
    }

    /// Returns when the connection ends unless its client sends something; `None`: a request is in work.
    pub(super) fn deadline(&self, limits: &ConnectionLimits) -> Option<Instant> {
        match *self.0.activity.lock() {
            Activity::Idle(since) => Some(since + limits.keep_alive),
            Activity::Head(since) => Some(since + limits.head),
            Activity::Busy => None,
        }
    }

    /// Waits until the connection has to give its place up. Cancel safe.
    pub(super) async fn evicted(&self) {
        self.0.evicted.notified().await;
    }

    /// Whether the host ends the connection because its client is silent.
    pub(super) fn is_dropped(&self) -> bool {
        self.0.is_dropped.load(Ordering::Relaxed)
    }

    /// A request begins.
    pub(super) fn begin(&self) {
        *self.0.activity.lock() = Activity::Busy;
    }

    /// An answer is complete.
    pub(super) fn finish(&self) {
        *self.0.activity.lock() = Activity::Idle(Instant::now());
    }

    /// The connection has become a socket.
    pub(super) fn become_socket(&self) {
        self.0.is_socket.store(true, Ordering::Relaxed);
    }

    pub(super) fn is_socket(&self) -> bool {
        self.0.is_socket.load(Ordering::Relaxed)
    }

    /// Counts bytes that were read.
    ///
    /// # Errors
    /// The connection is a socket, and all room for unfinished frames is taken.
    pub(super) fn has_read(&self, bytes: usize) -> io::Result<()> {
        if !self.is_socket() {
            let mut activity = self.0.activity.lock();
            if let Activity::Idle(_) = *activity {
                *activity = Activity::Head(Instant::now());
            }
            return Ok(());
        }
        let mut unfinished = self.0.unfinished.lock();
        unfinished.bytes += bytes;
        if unfinished.bytes <= FREE_BYTES + unfinished.taken {
            return Ok(());
        }
        match self.0.room.take_more(STEP_BYTES, &mut unfinished.held) {
            Ok(()) => unfinished.taken += STEP_BYTES,
            Err(no_room) => {
                self.0.is_out_of_room.store(true, Ordering::Relaxed);
                return Err(io::Error::other(no_room));
            }
        }
        Ok(())
    }

    /// Reports that a socket has received a whole frame; the room for its parts is returned.
    pub fn has_frame(&self) {
        *self.0.unfinished.lock() = Unfinished::default();
    }

    /// Reports that a socket has received a ping or pong with this many bytes. It may come between the parts of a frame,
    /// whose room is kept.
    pub fn has_control_frame(&self, bytes: usize) {
        let mut unfinished = self.0.unfinished.lock();
        unfinished.bytes = unfinished.bytes.saturating_sub(bytes + CONTROL_HEAD_BYTES);
    }

    /// Returns whether reading failed because all room for unfinished frames is taken.
    #[must_use]
    pub fn is_out_of_room(&self) -> bool {
        self.0.is_out_of_room.load(Ordering::Relaxed)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn table(most: usize, most_of_address: usize) -> Connections {
        let limits = ConnectionLimits { most, most_of_address, ..ConnectionLimits::default() };
        Connections::new(limits, ByteRoom::new(128 << 10))
    }

    const HERE: &str = "127.0.0.1";

    fn admit(table: &Connections, address: &str) -> Result<Place, Full> {
        table.admit(address.parse().unwrap())
    }

    #[test]
    fn a_connection_without_a_request_gives_its_place_to_a_new_one() {
        let table = table(2, 2);
        let first = admit(&table, HERE).unwrap();
        let second = admit(&table, HERE).unwrap();
        first.connection.begin();
        let third = admit(&table, HERE).unwrap();
        assert_eq!((table.count(), table.dropped()), (2, 1), "the second has to leave");
        third.connection.begin();
        drop(second);
        let full = admit(&table, HERE).unwrap_err();
        assert_eq!(full.to_string(), "all 2 connections are in use (limits.connections)");
        assert_eq!((table.count(), table.refused()), (2, 1));
        first.connection.finish();
        assert!(admit(&table, HERE).is_ok());
        drop((first, third));
        assert_eq!(table.count(), 0);
    }

    #[test]
    fn an_address_has_its_own_bound() {
        let table = table(10, 1);
        let one = admit(&table, "2001:db8::1").unwrap();
        one.connection.begin();
        let full = admit(&table, "2001:db8::2").unwrap_err();
        assert_eq!(full.setting, "limits.connections_per_address", "one network of 64 bits");
        let _other = admit(&table, "2001:db8:0:1::1").unwrap();
        let _local = (admit(&table, HERE).unwrap(), admit(&table, "::ffff:127.0.0.1").unwrap());
        assert_eq!(table.count(), 4);
        drop(one);
        admit(&table, "2001:db8::2").unwrap();
        assert_eq!(table.0.open.lock().by_address.len(), 1);
    }

    #[test]
    fn unfinished_frames_of_sockets_use_room_until_they_are_whole() {
        let table = table(2, 2);
        let place = admit(&table, HERE).unwrap();
        let socket = &place.connection;
        socket.become_socket();
        socket.has_read(FREE_BYTES).unwrap();
        assert_eq!(table.0.room.used_bytes(), 0);
        socket.has_read(1).unwrap();
        assert_eq!(table.0.room.used_bytes(), STEP_BYTES);
        socket.has_read(STEP_BYTES).unwrap();
        assert_eq!(table.0.room.used_bytes(), 2 * STEP_BYTES);
        assert!(socket.has_read(STEP_BYTES).is_err() && socket.is_out_of_room());
        socket.has_control_frame(10);
        assert_eq!(table.0.room.used_bytes(), 2 * STEP_BYTES, "the parts of a frame are still there");
        socket.has_frame();
        assert_eq!(table.0.room.used_bytes(), 0);
        for _ in 0..FREE_BYTES {
            socket.has_read(16).unwrap();
            socket.has_control_frame(10);
        }
        assert_eq!(table.0.room.used_bytes(), 0, "pings do not add up");
    }
}
