//! Who of those that wait for a place is next. A share is what one guild uses: each guild gets its turn by the
//! processor time that it has used so far, so a guild with a hundred waiting jobs does not delay a guild with one.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use tokio::sync::oneshot;

/// How many shares are kept beside those that use or wait for a place.
const MAX_RESTING: usize = 1_024;

/// Gives places to the shares that wait for one.
pub(crate) struct FairQueue {
    places: usize,
    per_share: usize,
    state: Mutex<State>,
}

#[derive(Default)]
struct State {
    running: usize,
    shares: HashMap<Arc<str>, Share>,
    /// The time of the share that was served last. A share that comes back begins there, so that it has no advantage
    /// from a long rest.
    now: Duration,
}

#[derive(Default)]
struct Share {
    /// The processor time that it has used, from `now` at its beginning.
    used: Duration,
    running: usize,
    waiting: VecDeque<oneshot::Sender<Place>>,
}

impl Share {
    fn is_resting(&self) -> bool {
        self.running == 0 && self.waiting.is_empty()
    }
}

/// The right to use one place, until it is dropped.
pub(crate) struct Place {
    queue: Arc<FairQueue>,
    share: Arc<str>,
    used: Duration,
}

impl FairQueue {
    /// Returns a queue for `places`, of which one share has at most `per_share` at the same time. Both are at least 1.
    pub(crate) fn new(places: usize, per_share: usize) -> Arc<Self> {
        Arc::new(Self { places: places.max(1), per_share: per_share.max(1), state: Mutex::default() })
    }

    /// Waits for a place; those of one share are served in the order of their calls. `is_full` is called if the
    /// share has all places that it may have. Cancel safe.
    pub(crate) async fn place(self: &Arc<Self>, share: &str, is_full: impl FnOnce()) -> Place {
        let receiver = {
            let mut state = self.state.lock();
            let now = state.now;
            let mine = match state.shares.get_mut(share) {
                Some(mine) => mine,
                None => state.shares.entry(share.into()).or_default(),
            };
            if mine.is_resting() {
                mine.used = mine.used.max(now);
            }
            if mine.running >= self.per_share {
                is_full();
            }
            let (sender, receiver) = oneshot::channel();
            mine.waiting.push_back(sender);
            receiver
        };
        self.serve();
        match receiver.await {
            Ok(place) => place,
            // The sender is in the queue, which this future keeps alive, until it has sent.
            Err(_) => std::future::pending().await,
        }
    }

    /// Gives the free places away.
    fn serve(self: &Arc<Self>) {
        while let Some((sender, place)) = self.next() {
            // A place that nobody takes any more comes back here when it is dropped.
            drop(sender.send(place));
        }
    }

    /// Takes the next waiter, if a place is free.
    fn next(self: &Arc<Self>) -> Option<(oneshot::Sender<Place>, Place)> {
        let mut state = self.state.lock();
        let State { running, shares, now } = &mut *state;
        if *running >= self.places {
            return None;
        }
        for share in shares.values_mut() {
            while share.waiting.front().is_some_and(oneshot::Sender::is_closed) {
                share.waiting.pop_front();
            }
        }
        let ready = shares.iter_mut().filter(|(_, share)| share.running < self.per_share && !share.waiting.is_empty());
        let (name, share) = ready.min_by_key(|(_, share)| share.used)?;
        let sender = share.waiting.pop_front()?;
        share.running += 1;
        *running += 1;
        *now = share.used.max(*now);
        Some((sender, Place { queue: self.clone(), share: name.clone(), used: Duration::ZERO }))
    }

    fn give_back(&self, place: &Place) {
        let mut state = self.state.lock();
        state.running -= 1;
        if let Some(share) = state.shares.get_mut(&place.share) {
            share.running -= 1;
            share.used += place.used;
        }
        if state.shares.len() > MAX_RESTING {
            let now = state.now;
            state.shares.retain(|_, share| !share.is_resting() || share.used > now);
        }
        if state.running == 0 && state.shares.values().all(Share::is_resting) {
            state.shares.clear();
        }
    }
}

impl Place {
    /// Charges a processor time to the share.
    pub(crate) fn charge(&mut self, used: Duration) {
        self.used += used;
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.queue.give_back(self);
        self.queue.clone().serve();
    }
}

#[cfg(test)]
mod tests {
    use futures_util::FutureExt;

    use super::*;

    const MS: Duration = Duration::from_millis(1);

    #[test]
    fn a_share_with_many_jobs_does_not_delay_one_with_a_single_job() {
        let queue = FairQueue::new(1, 1);
        let mut first = queue.place("many", || ()).now_or_never().expect("a place is free");
        let mut waiting: Vec<_> = (0..100).map(|_| Box::pin(queue.place("many", || ()))).collect();
        assert!(waiting.iter_mut().all(|place| place.now_or_never().is_none()));
        let mut one = Box::pin(queue.place("one", || ()));
        assert!(one.as_mut().now_or_never().is_none());
        first.charge(100 * MS);
        drop(first);
        let mut place = one.now_or_never().expect("it is next, although a hundred came before it");
        assert!(waiting[0].as_mut().now_or_never().is_none());
        place.charge(300 * MS);
        drop(place);
        // The one that has used more waits now, also if it comes again after a rest.
        let mut again = Box::pin(queue.place("one", || ()));
        for next in waiting.iter_mut().take(2) {
            assert!(again.as_mut().now_or_never().is_none());
            let mut place = next.now_or_never().expect("in the order of the calls");
            place.charge(100 * MS);
            drop(place);
        }
    }

    #[test]
    fn a_share_has_a_part_of_the_places_and_those_who_leave_take_none() {
        let queue = FairQueue::new(3, 2);
        let mut met = 0;
        let held: Vec<_> = (0..2).map(|_| queue.place("a", || ()).now_or_never().expect("free")).collect();
        let mut third = Box::pin(queue.place("a", || met += 1));
        assert!(third.as_mut().now_or_never().is_none());
        let other = queue.place("b", || ()).now_or_never().expect("the third place is for others");
        let mut left: Vec<_> = (0..1_000).map(|_| Box::pin(queue.place("c", || ()))).collect();
        assert!(left.iter_mut().all(|place| place.as_mut().now_or_never().is_none()));
        drop(left);
        drop((held, other));
        assert!(third.as_mut().now_or_never().is_some());
        drop(third);
        assert_eq!(met, 1);
        assert_eq!(queue.state.lock().running, 0);
        assert!(queue.state.lock().shares.is_empty());
    }
}
