//! The configuration of wasmtime. Every engine that compiles or runs components uses [`engine_config`], so that
//! compiled code fits all of them. How instances are allocated does not change the compiled code.

use std::num::NonZeroUsize;

use wasmtime::{Config, Engine, InstanceAllocationStrategy, OptLevel, PoolingAllocationConfig, WasmBacktraceDetails};

use crate::limits::{Limit, Limits};

/// How many stores the pool has in addition to those of agents: `describe` runs in them.
const SPARE_STORES: u32 = 16;

/// How many memory mappings a live instance takes, about. The kernel bounds the mappings of a process
/// (`vm.max_map_count`).
const MAPPINGS_PER_AGENT: u32 = 6;
/// How many mappings are left for everything else in the process.
const OTHER_MAPPINGS: u32 = 8_000;

/// How many tables the pool holds for each agent. Most agents have one memory and two tables; agents that were composed
/// of several components have three tables.
const TABLES_PER_AGENT: u32 = 3;

/// The part of a stack that host functions use, after the guest's part.
const HOST_STACK: usize = 1_536 << 10;

/// Returns the configuration of every engine.
pub(crate) fn engine_config() -> Config {
    let mut config = Config::new();
    config
        .consume_fuel(true)
        .epoch_interruption(true)
        // A stack is used by one agent after another.
        .async_stack_zeroing(true)
        .wasm_backtrace_max_frames(NonZeroUsize::new(64))
        // Names of functions suffice. Lines would be read from debug information of untrusted authors.
        .wasm_backtrace_details(WasmBacktraceDetails::Disable)
        .cranelift_opt_level(OptLevel::Speed)
        .parallel_compilation(true)
        .memory_init_cow(true)
        // Traps do not need the system's unwinder, and registering frames with it makes dropping many modules slow.
        .native_unwind_info(false)
        // The limiter does not see shared memories.
        .shared_memory(false)
        .wasm_memory64(false)
        // The contract needs none of these, and most security advisories are about them.
        .gc_support(false)
        .concurrency_support(false);
    config
}

/// Returns how many agents may live at the same time: `asked`, or fewer if the kernel allows fewer.
pub(crate) fn capacity(asked: u32) -> u32 {
    let mappings = std::fs::read_to_string("/proc/sys/vm/max_map_count").ok();
    let Some(mappings) = mappings.and_then(|text| text.trim().parse::<u32>().ok()) else { return asked };
    let fits = mappings.saturating_sub(OTHER_MAPPINGS) / MAPPINGS_PER_AGENT;
    if asked > fits {
        tracing::warn!(
            asked,
            fits,
            mappings,
            "the kernel allows fewer agents than are asked for: raise vm.max_map_count"
        );
    }
    asked.min(fits.max(1))
}

/// Creates an engine with a pool for `agents` instances. If the address space does not suffice for the pool, the engine
/// allocates on demand, and a warning is logged.
///
/// # Errors
/// Wasmtime refuses the configuration.
pub(crate) fn engine(agents: u32, ceilings: &Limits) -> wasmtime::Result<Engine> {
    let mut on_demand = engine_config();
    let stack = ceilings.size(Limit::Stack) << 10;
    on_demand.max_wasm_stack(stack).async_stack_size(stack + HOST_STACK);
    let mut pooled = on_demand.clone();
    pooled.allocation_strategy(InstanceAllocationStrategy::Pooling(pool(agents, ceilings)));
    Engine::new(&pooled).or_else(|error| {
        tracing::warn!(%error, agents, "the pool of instances does not fit the address space: instances are allocated on demand");
        Engine::new(&on_demand)
    })
}

fn pool(agents: u32, ceilings: &Limits) -> PoolingAllocationConfig {
    let stores = agents + SPARE_STORES;
    let in_pool = |limit: Limit| u32::try_from(ceilings.get(limit)).unwrap_or(u32::MAX);
    let mut pool = PoolingAllocationConfig::default();
    pool.total_component_instances(stores)
        .total_core_instances(stores.saturating_mul(in_pool(Limit::Instances)))
        // Each memory reserves 4 GiB of address space, and a process has 47 bits: 32,768 memories.
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
    fn code_of_one_engine_is_loaded_by_another() {
        let component = wat::parse_str("(component)").unwrap();
        let pooled = engine(10, &Limits::default()).unwrap();
        // The configuration of the compiler process.
        let mut config = engine_config();
        config.parallel_compilation(false);
        let on_demand = Engine::new(&config).unwrap();
        let code = on_demand.precompile_component(&component).unwrap();
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), code).unwrap();
        assert!(crate::cache::load(&pooled, file.path()).is_ok());
    }
}
