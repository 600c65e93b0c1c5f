//! The one configuration of wasmtime. Whatever compiles and whatever runs uses
//! [`engine_config`], so that compiled code fits; the allocator does not change
//! what is compiled.

use std::num::NonZeroUsize;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails};

use super::limits::{Limit, Limits};

/// Stores which are no agents' own: those in which `describe` runs.
const SPARE_STORES: u32 = 16;

/// Each live instance takes about this many of the process's memory mappings,
/// whose number the kernel limits (`vm.max_map_count`).
const MAPPINGS_PER_AGENT: u32 = 6;
/// Mappings left to everything else in the process.
const OTHER_MAPPINGS: u32 = 8_000;

/// Memories and tables that the pool holds for each agent. Most have one memory
/// and two tables; agents that were composed of several have three.
const TABLES_PER_AGENT: u32 = 3;

pub(super) fn engine_config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        .max_wasm_stack(usize::try_from(Limit::Stack.row().default << 10).unwrap_or(512 << 10))
        // Host functions run on the same stack, above the guest's part.
        .async_stack_size(2 << 20)
        // Stacks are handed from tenant to tenant.
        .async_stack_zeroing(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(64))
        // Names of functions suffice: lines would be read from debug information that strangers wrote.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .cranelift_opt_level(OptLevel::Speed)
        .parallel_compilation(true)
        .memory_init_cow(true)
        // Registering frames with the unwinder makes dropping many modules slow,
        // and traps do not need it.
        .native_unwind_info(false)
        // The limiter is not asked about shared memories.
        .shared_memory(false)
        .wasm_memory64(false)
        // Nothing in the contract needs these, and most advisories are about them.
        .gc_support(false)
        .concurrency_support(false);
    config
}

/// How many agents can live at once on this machine, of those asked for.
pub(super) fn capacity(asked: u32) -> u32 {
    let mappings = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
    let Some(mappings) = mappings.and_then(|text| text.trim().parse::<u32>().ok()) else { return asked };
    let fits = mappings.saturating_sub(OTHER_MAPPINGS) / MAPPINGS_PER_AGENT;
    if asked > fits {
        tracing::warn!(asked, fits, mappings, "fewer agents than asked for fit: raise vm.max_map_count");
    }
    asked.min(fits.max(1))
}

/// An engine with room for `agents` instances reserved in advance; where the
/// address space does not suffice, one that allocates on demand.
pub(super) fn engine(agents: u32, ceilings: &Limits) -> wasmtime::Result<Engine> {
    let mut pooled = engine_config();
    pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(agents, ceilings)));
    Engine::new(&pooled).or_else(|error| {
        tracing::warn!(%error, agents, "no pool of instances fits the address space: they are allocated on demand");
        Engine::new(&engine_config())
    })
}

fn pool(agents: u32, ceilings: &Limits) -> PoolingAllocationConfig {
    let stores = agents + SPARE_STORES;
    let in_pool = |limit: Limit| u32::try_from(ceilings.get(limit)).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(stores)
        .total_core_instances(stores.saturating_mul(in_pool(Limit::Instances)))
        // 4 GiB of address space each: 47 bits are 32,768 of them.
        .total_memories((stores + stores / 4).min(24_000))
        .total_tables(stores * TABLES_PER_AGENT)
        .total_stacks(stores)
        .max_core_instances_per_component(in_pool(Limit::Instances))
        .max_memories_per_component(in_pool(Limit::Memories))
        .max_tables_per_component(in_pool(Limit::Tables))
        .max_memories_per_module(in_pool(Limit::Memories))
        .max_tables_per_module(in_pool(Limit::Tables))
        .table_elements(ceilings.size(Limit::TableElements))
        .max_core_instance_size(10 << 20)
        .max_component_instance_size(10 << 20)
        .max_memory_size(usize::try_from(ceilings.memory_bytes()).unwrap_or(usize::MAX))
        .max_unused_warm_slots(stores / 4);
    pool
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_one_engine_compiled_another_one_loads() {
        let component = wat::parse_str("(component)").unwrap();
        let pooled = engine(10, &Limits::default()).unwrap();
        // As the compiler's process has it.
        let mut config = engine_config();
        config.parallel_compilation(false);
        let on_demand = Engine::new(&config).unwrap();
        let code = on_demand.precompile_component(&component).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), code).unwrap();
        assert!(super::super::cache::load(&pooled, file.path()).is_ok());
    }
}
