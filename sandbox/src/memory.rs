//! Counts the memory of a store: one total over all its memories, within the budget of its guild. The memory is given
//! back when the store is dropped, however its last call ended.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use wasmtime::ResourceLimiter;

use crate::limits::{Limit, Limits};
use guildhall_model::fault::Fault;

/// The memory that all agents of a guild may use together.
#[derive(Debug)]
pub struct MemoryBudget {
    limit: u64,
    used: AtomicU64,
}

impl MemoryBudget {
    /// Creates a budget of this many bytes.
    #[must_use]
    pub fn new(limit_bytes: u64) -> Arc<Self> {
        Arc::new(Self { limit: limit_bytes, used: AtomicU64::new(0) })
    }

    /// Returns how many bytes are in use.
    #[must_use]
    pub fn used(&self) -> u64 {
        self.used.load(Ordering::Relaxed)
    }

    fn reserve(&self, bytes: u64) -> bool {
        let more = |used: u64| used.checked_add(bytes).filter(|total| *total <= self.limit);
        self.used.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).is_ok()
    }

    fn release(&self, bytes: u64) {
        self.used.fetch_sub(bytes, Ordering::Relaxed);
    }
}

/// Why memory was refused. It is kept until the guest has trapped because of it or its call has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Denied {
    Agent { limit_mib: u64, asked: u64 },
    Guild { limit: u64, asked: u64 },
    Elements { limit: u64, asked: u64 },
}

/// The limiter of one store.
///
/// Growth over a limit makes `memory.grow` return -1, so a guest can continue with the memory that it has. Most
/// allocators abort instead; [`Limiter::denied`] then returns the fault.
///
/// Granted growth stays counted when it fails afterwards, which happens only when the operating system is out of
/// memory. `memory_grow_failed` cannot subtract it: wasmtime calls that also for growth that it never asked about, and
/// a guest could provoke such calls to be counted with less memory than it has.
pub(crate) struct Limiter {
    limit_mib: u64,
    table_elements: usize,
    memories: usize,
    tables: usize,
    instances: usize,
    guild: Arc<MemoryBudget>,
    total: u64,
    elements: usize,
    peak: u64,
    denied: Option<Denied>,
}

impl Limiter {
    /// Creates the limiter of a store whose agent has these limits.
    pub(crate) fn new(limits: &Limits, guild: Arc<MemoryBudget>) -> Self {
        Self {
            limit_mib: limits.get(Limit::Memory),
            table_elements: limits.size(Limit::TableElements),
            memories: limits.size(Limit::Memories),
            tables: limits.size(Limit::Tables),
            instances: limits.size(Limit::Instances),
            guild,
            total: 0,
            elements: 0,
            peak: 0,
            denied: None,
        }
    }

    /// Returns the most linear memory that the store has held, in bytes.
    pub(crate) const fn peak(&self) -> u64 {
        self.peak
    }

    /// Forgets the refusals of earlier calls.
    pub(crate) fn begin_turn(&mut self) {
        self.denied = None;
    }

    /// Returns the fault of the last refused growth in the present call.
    pub(crate) fn denied(&self) -> Option<Fault> {
        let mib = |bytes: u64| bytes.div_ceil(1 << 20);
        Some(match self.denied.as_ref()? {
            Denied::Agent { limit_mib, asked } => Limit::Memory.fault(
                *limit_mib,
                Some(mib(*asked)),
                format!("the agent asked for {} MiB of memory and may have {limit_mib} MiB", mib(*asked)),
            ),
            Denied::Guild { limit, asked } => Limit::GuildMemory.fault(
                mib(*limit),
                Some(mib(*asked)),
                format!(
                    "the agents of this guild asked for {} MiB of memory and may have {} MiB",
                    mib(*asked),
                    mib(*limit)
                ),
            ),
            Denied::Elements { limit, asked } => Limit::TableElements.fault(
                *limit,
                Some(*asked),
                format!("the agent asked for {asked} table elements and may have {limit}"),
            ),
        })
    }
}

impl Drop for Limiter {
    fn drop(&mut self) {
        self.guild.release(self.total);
    }
}

impl ResourceLimiter for Limiter {
    fn memory_growing(&mut self, current: usize, desired: usize, maximum: Option<usize>) -> wasmtime::Result<bool> {
        if maximum.is_some_and(|maximum| desired > maximum) {
            return Ok(false);
        }
        let growth = desired.saturating_sub(current) as u64;
        let total = self.total + growth;
        if total > self.limit_mib << 20 {
            self.denied = Some(Denied::Agent { limit_mib: self.limit_mib, asked: total });
            return Ok(false);
        }
        if !self.guild.reserve(growth) {
            let asked = self.guild.used() + growth;
            self.denied = Some(Denied::Guild { limit: self.guild.limit, asked });
            return Ok(false);
        }
        self.total = total;
        self.peak = self.peak.max(total);
        Ok(true)
    }

    fn table_growing(&mut self, current: usize, desired: usize, _maximum: Option<usize>) -> wasmtime::Result<bool> {
        let elements = self.elements + desired.saturating_sub(current);
        if elements > self.table_elements {
            self.denied = Some(Denied::Elements { limit: self.table_elements as u64, asked: elements as u64 });
            return Ok(false);
        }
        self.elements = elements;
        Ok(true)
    }

    fn instances(&self) -> usize {
        self.instances
    }

    fn tables(&self) -> usize {
        self.tables
    }

    fn memories(&self) -> usize {
        self.memories
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIB: usize = 1 << 20;

    #[test]
    fn all_memories_of_a_store_count_together() {
        let mut limiter = Limiter::new(&Limits::default().with(Limit::Memory, 4), MemoryBudget::new(1 << 30));
        assert!(limiter.memory_growing(0, 3 * MIB, None).unwrap());
        assert!(!limiter.memory_growing(0, 2 * MIB, None).unwrap());
        let fault = limiter.denied().unwrap();
        assert_eq!((fault.limit, fault.value), (Some(4), Some(5)));
        assert_eq!(fault.setting.as_deref(), Some("sandbox.memory_mib"));
        assert!(limiter.memory_growing(0, MIB, None).unwrap());
        assert_eq!(limiter.peak(), 4 << 20);
    }

    #[test]
    fn a_dropped_store_gives_its_memory_back_to_the_guild() {
        let guild = MemoryBudget::new(5 << 20);
        let mut one = Limiter::new(&Limits::default(), guild.clone());
        let mut two = Limiter::new(&Limits::default(), guild.clone());
        assert!(one.memory_growing(0, 4 * MIB, None).unwrap());
        assert!(!two.memory_growing(0, 2 * MIB, None).unwrap());
        assert_eq!(two.denied().unwrap().setting.as_deref(), Some("guild.memory_mib"));
        drop(one);
        assert!(two.memory_growing(0, 2 * MIB, None).unwrap());
        assert_eq!(guild.used(), 2 << 20);
    }

    #[test]
    fn a_growth_past_the_memorys_own_maximum_is_not_counted() {
        let guild = MemoryBudget::new(5 << 20);
        let mut limiter = Limiter::new(&Limits::default(), guild.clone());
        assert!(!limiter.memory_growing(0, 2 * MIB, Some(MIB)).unwrap());
        assert_eq!((guild.used(), limiter.denied()), (0, None));
    }
}
