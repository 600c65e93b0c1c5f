//! Every limit of the sandbox in one table: what holds when nobody says
//! otherwise, the most an operator may allow, the setting that changes it, and how
//! often it was met since the host began. A limit that is not in this table does
//! not exist.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::read::spec::SandboxCeilings;
use guildhall_model::spec::SandboxSpec;

/// Names one limit. The order is that of [`TABLE`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Limit {
    Fuel,
    StartFuel,
    DescribeFuel,
    Timeout,
    StartTimeout,
    StopTimeout,
    Memory,
    TableElements,
    Memories,
    Tables,
    Instances,
    Handles,
    Stack,
    CopyBytes,
    Emits,
    EmitRate,
    PayloadBytes,
    StagedBytes,
    Progress,
    StatePatches,
    LogLines,
    LogLineBytes,
    LogBytes,
    HttpCalls,
    HttpRequest,
    HttpResponse,
    ValueKeys,
    ValueBytes,
    GuildValues,
    GuildMemory,
    AgentLag,
    Hops,
    Component,
    Nesting,
    Parts,
    Functions,
    FunctionSize,
    Items,
    CompileCpu,
    CompileTime,
    CompileMemory,
    CompiledSize,
    CompileQueue,
    Snapshot,
}

/// One row of the table. Values are in the unit which the setting's name ends in.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    pub limit: Limit,
    /// `sandbox.…` is asked for in a blueprint; all else is the operator's alone.
    pub setting: &'static str,
    pub default: u64,
    /// The most an operator may set.
    pub ceiling: u64,
    /// What a guest that crosses it has done.
    pub kind: FaultKind,
}

impl Row {
    /// The name of the counter of those who met it.
    #[must_use]
    pub fn metric(&self) -> String {
        format!("guildhall_limits_met_total{{setting=\"{}\"}}", self.setting)
    }

    /// How often it was met since this process began.
    #[must_use]
    pub fn met(&self) -> u64 {
        MET[self.limit as usize].load(Ordering::Relaxed)
    }

    /// Whether a blueprint may ask for it; what it may not is the operator's alone.
    fn is_asked_for(&self) -> bool {
        self.setting.starts_with("sandbox.")
    }
}

const COUNT: usize = 44;

const fn row(limit: Limit, setting: &'static str, default: u64, ceiling: u64, kind: FaultKind) -> Row {
    Row { limit, setting, default, ceiling, kind }
}

/// The table.
pub const TABLE: [Row; COUNT] = {
    use FaultKind::{Busy, CopyLimit, Deadline, Denied, Fuel, HopLimit, InvalidPayload, Memory, Stack, Trap};
    [
        row(Limit::Fuel, "sandbox.fuel", 2_000_000_000, 1_000_000_000_000, Fuel),
        row(Limit::StartFuel, "host.start_fuel", 10_000_000_000, 1_000_000_000_000, Fuel),
        row(Limit::DescribeFuel, "host.describe_fuel", 100_000_000, 10_000_000_000, Fuel),
        row(Limit::Timeout, "sandbox.timeout_ms", 30_000, 3_600_000, Deadline),
        row(Limit::StartTimeout, "host.start_timeout_ms", 30_000, 600_000, Deadline),
        // `describe`, `heartbeat` and `stop`: nobody waits for these for long.
        row(Limit::StopTimeout, "host.stop_timeout_ms", 1_000, 60_000, Deadline),
        row(Limit::Memory, "sandbox.memory_mib", 64, 1_024, Memory),
        row(Limit::TableElements, "host.table_elements", 100_000, 100_000, Memory),
        row(Limit::Memories, "host.memories", 4, 4, Memory),
        row(Limit::Tables, "host.tables", 16, 16, Memory),
        row(Limit::Instances, "host.instances", 32, 32, Memory),
        row(Limit::Handles, "host.handles", 1_024, 100_000, Trap),
        row(Limit::Stack, "host.stack_kib", 512, 512, Stack),
        row(Limit::CopyBytes, "host.copy_bytes", 4 << 20, 64 << 20, CopyLimit),
        row(Limit::Emits, "sandbox.emits", 256, 4_096, Denied),
        // Messages and KiB a second, of turns that say many or large ones.
        row(Limit::EmitRate, "host.emit_rate", 2_500, 10_000_000, Busy),
        row(Limit::PayloadBytes, "host.payload_bytes", 256 << 10, 4 << 20, InvalidPayload),
        // All that a turn has staged: what it may make the host hold.
        row(Limit::StagedBytes, "host.staged_bytes", 16 << 20, 256 << 20, Denied),
        row(Limit::Progress, "host.progress", 10_000, 100_000, Denied),
        row(Limit::StatePatches, "host.state_patches", 64, 1_024, Denied),
        row(Limit::LogLines, "host.log_lines", 200, 10_000, Denied),
        row(Limit::LogLineBytes, "host.log_line_bytes", 4 << 10, 64 << 10, Denied),
        row(Limit::LogBytes, "host.log_bytes", 64 << 10, 4 << 20, Denied),
        // What one turn may send and read.
        row(Limit::HttpCalls, "sandbox.http_calls", 16, 1_000, Denied),
        row(Limit::HttpRequest, "host.http_request_kib", 1_024, 65_536, Denied),
        row(Limit::HttpResponse, "sandbox.http_response_kib", 4_096, 262_144, Denied),
        // What a bucket may hold, and all buckets of a guild.
        row(Limit::ValueKeys, "sandbox.keyvalue_keys", 1_000, 100_000, Denied),
        row(Limit::ValueBytes, "sandbox.keyvalue_kib", 1_024, 65_536, Denied),
        row(Limit::GuildValues, "guild.keyvalue_mib", 64, 4_096, Denied),
        row(Limit::GuildMemory, "guild.memory_mib", 1_024, 1 << 20, Memory),
        // Messages that an agent may lag, and that may follow one another.
        row(Limit::AgentLag, "limits.agent_lag", 10_000, 1_000_000, Busy),
        row(Limit::Hops, "limits.hops", 1_000, 1_000_000, HopLimit),
        // What an upload may be, before anything is compiled.
        row(Limit::Component, "host.component_mib", 64, 512, Denied),
        row(Limit::Nesting, "host.component_nesting", 32, 100, Denied),
        row(Limit::Parts, "host.component_parts", 1_000, 10_000, Denied),
        row(Limit::Functions, "host.component_functions", 250_000, 1_000_000, Denied),
        row(Limit::FunctionSize, "host.function_kib", 1_024, 7_000, Denied),
        row(Limit::Items, "host.component_items", 100_000, 10_000_000, Denied),
        // What its compiler may use, and how many uploads may wait for one.
        row(Limit::CompileCpu, "host.compile_cpu_s", 120, 3_600, Denied),
        row(Limit::CompileTime, "host.compile_timeout_s", 300, 7_200, Denied),
        row(Limit::CompileMemory, "host.compile_memory_mib", 2_048, 65_536, Denied),
        row(Limit::CompiledSize, "host.compiled_mib", 512, 4_096, Denied),
        row(Limit::CompileQueue, "host.compile_queue", 64, 10_000, Denied),
        row(Limit::Snapshot, "host.snapshot_bytes", 1 << 20, 16 << 20, Denied),
    ]
};

/// How often each limit was met since this process began, in the order of the table.
static MET: [AtomicU64; COUNT] = [const { AtomicU64::new(0) }; COUNT];

impl Limit {
    #[must_use]
    pub const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Counts one more who met this limit.
    pub fn count(self) {
        MET[self as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a fault whose limit was found outside of the sandbox, by its setting. Faults made by [`Self::fault`] are
    /// counted already.
    pub fn count_fault(fault: &Fault) {
        let row = TABLE.iter().find(|row| fault.setting.as_deref() == Some(row.setting));
        if let Some(row) = row {
            row.limit.count();
        }
    }

    /// A fault that names this limit, its value and its setting.
    #[must_use]
    pub fn fault(self, limit: u64, value: Option<u64>, message: impl Into<String>) -> Fault {
        self.count();
        Fault::new(self.row().kind, message).over(limit, value, self.row().setting)
    }
}

/// The limits that hold for one agent, or, as ceilings, for all agents of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits([u64; COUNT]);

impl Default for Limits {
    fn default() -> Self {
        Self(TABLE.map(|row| row.default))
    }
}

/// More was asked for than the operator allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` is {value}; this host allows at most {ceiling}")]
pub struct OverCeiling {
    pub setting: &'static str,
    pub value: u64,
    pub ceiling: u64,
}

impl Limits {
    /// What a host allows unless its operator says otherwise: whatever a blueprint
    /// may ask for up to the table's ceiling, and the defaults of all else.
    #[must_use]
    pub fn allowed() -> Self {
        Self(TABLE.map(|row| if row.is_asked_for() { row.ceiling } else { row.default }))
    }

    /// The value, in the unit which the setting's name ends in.
    #[must_use]
    pub const fn get(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }

    /// The same limits with one of them changed, at most to the table's ceiling.
    #[must_use]
    pub fn with(mut self, limit: Limit, value: u64) -> Self {
        self.0[limit as usize] = value.min(limit.row().ceiling);
        self
    }

    /// What holds under these ceilings when nobody asks for anything.
    pub(super) fn defaults(&self) -> Self {
        let mut limits = self.clone();
        for (mine, row) in limits.0.iter_mut().zip(&TABLE) {
            if row.is_asked_for() {
                *mine = row.default.min(*mine);
            }
        }
        limits
    }

    /// What holds for an agent under these ceilings: what its blueprint asks for,
    /// else the default where the ceiling is not lower. `turn_timeout` is the
    /// `qos.timeout` of its entry, which can only lower the time of a turn.
    ///
    /// # Errors
    /// The blueprint asks for more than the ceiling.
    pub fn for_agent(&self, asked: &SandboxSpec, turn_timeout: Option<Duration>) -> Result<Self, OverCeiling> {
        let mut limits = self.defaults();
        for (limit, value) in [
            (Limit::Fuel, asked.fuel),
            (Limit::Memory, asked.memory_mib),
            (Limit::Timeout, asked.timeout_ms),
            (Limit::Emits, asked.emits),
            (Limit::HttpCalls, asked.http_calls),
            (Limit::HttpResponse, asked.http_response_kib),
            (Limit::ValueKeys, asked.keyvalue_keys),
            (Limit::ValueBytes, asked.keyvalue_kib),
        ] {
            let Some(value) = value else { continue };
            let ceiling = self.get(limit);
            if value > ceiling {
                return Err(OverCeiling { setting: limit.row().setting, value, ceiling });
            }
            limits.0[limit as usize] = value;
        }
        if let Some(timeout) = turn_timeout {
            let asked = u64::try_from(timeout.as_millis()).unwrap_or(u64::MAX);
            limits.0[Limit::Timeout as usize] = asked.min(limits.get(Limit::Timeout));
        }
        Ok(limits)
    }

    /// What a blueprint may ask for when these are the ceilings.
    #[must_use]
    pub const fn ceilings(&self) -> SandboxCeilings {
        SandboxCeilings {
            fuel: self.get(Limit::Fuel),
            memory_mib: self.get(Limit::Memory),
            timeout_ms: self.get(Limit::Timeout),
            emits: self.get(Limit::Emits),
            http_calls: self.get(Limit::HttpCalls),
            http_response_kib: self.get(Limit::HttpResponse),
            keyvalue_keys: self.get(Limit::ValueKeys),
            keyvalue_kib: self.get(Limit::ValueBytes),
        }
    }

    /// The wall time of one turn.
    #[must_use]
    pub const fn turn_timeout(&self) -> Duration {
        Duration::from_millis(self.get(Limit::Timeout))
    }

    /// The linear memory of an agent, over all its memories.
    #[must_use]
    pub const fn memory_bytes(&self) -> u64 {
        self.get(Limit::Memory) << 20
    }

    pub(super) fn size(&self, limit: Limit) -> usize {
        usize::try_from(self.get(limit)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_is_in_the_order_of_the_names_and_no_default_is_over_its_ceiling() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.limit as usize, place, "{}", row.setting);
            assert!(row.default <= row.ceiling, "{}", row.setting);
        }
    }

    #[test]
    fn the_page_of_limits_says_what_the_table_says() {
        let page = include_str!("../../docs/limits.md");
        let lines: Vec<_> = page.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(lines.len(), TABLE.len());
        for (row, line) in TABLE.iter().zip(lines) {
            let cells: Vec<_> = line.split('|').map(|cell| cell.trim().replace([',', '`'], "")).collect();
            let wanted =
                [row.setting.to_owned(), row.default.to_string(), row.ceiling.to_string(), row.kind.name().to_owned()];
            assert_eq!(cells[1..5], wanted, "{line}");
        }
    }

    #[test]
    fn a_blueprint_gets_what_it_asks_for_up_to_the_ceiling() {
        let ceilings = Limits::allowed().with(Limit::Memory, 128).with(Limit::Emits, 10);
        let asked = SandboxSpec { memory_mib: Some(100), ..SandboxSpec::default() };
        let limits = ceilings.for_agent(&asked, Some(Duration::from_secs(2))).unwrap();
        assert_eq!(limits.memory_bytes(), 100 << 20);
        assert_eq!(limits.turn_timeout(), Duration::from_secs(2));
        assert_eq!(limits.get(Limit::Emits), 10, "the default is lowered to the ceiling");

        let greedy = SandboxSpec { memory_mib: Some(129), ..SandboxSpec::default() };
        let refused = ceilings.for_agent(&greedy, None).unwrap_err();
        assert_eq!(refused.to_string(), "`sandbox.memory_mib` is 129; this host allows at most 128");
    }
}
