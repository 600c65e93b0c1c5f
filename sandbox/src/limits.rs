//! Every limit of the sandbox, in one table: its setting, its default, the most that an operator may allow, and what it
//! bounds. It also counts how often each limit was met since the process started. A limit that is not in this table
//! does not exist. `docs/limits.md` shows the same table, and a test compares them.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use guildhall_model::fault::{Fault, FaultKind};
use guildhall_model::json_schema::SchemaLimits;
use guildhall_model::read::spec::SandboxCeilings;
use guildhall_model::spec::SandboxSpec;

/// One row of the table. Values are in the unit that the setting's name ends in.
#[derive(Clone, Copy, Debug)]
pub struct Row {
    /// The limit.
    pub limit: Limit,
    /// The name under which it is configured. A blueprint asks for `sandbox.…`; the operator sets all others.
    pub setting: &'static str,
    /// The value unless a blueprint or the operator sets another one.
    pub default: u64,
    /// The most that an operator may set.
    pub ceiling: u64,
    /// The kind of the fault or refusal when the limit is met.
    pub kind: FaultKind,
    /// What it bounds, for people.
    pub bounds: &'static str,
}

/// Declares [`Limit`] and [`TABLE`] from the rows of the table, so that both have the same order.
macro_rules! limits {
    ($($limit:ident: $setting:literal, $default:expr, $ceiling:expr, $kind:ident, $bounds:literal;)*) => {
        /// Names one limit. The order is that of [`TABLE`].
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Limit {
            $(
                #[doc = concat!("`", $setting, "`: ", $bounds, ".")]
                $limit,
            )*
        }

        const COUNT: usize = [$(Limit::$limit),*].len();

        /// The table of all limits.
        pub const TABLE: [Row; COUNT] = [$(Row {
            limit: Limit::$limit,
            setting: $setting,
            default: $default,
            ceiling: $ceiling,
            kind: FaultKind::$kind,
            bounds: $bounds,
        }),*];
    };
}

// The limit: its setting, default, ceiling, the kind of its fault, and what it bounds.
limits! {
    Fuel: "sandbox.fuel", 2_000_000_000, 1_000_000_000_000, Fuel,
        "units of fuel of one turn, about one for each instruction; also of a heartbeat, a stop and a save";
    StartFuel: "host.start_fuel", 10_000_000_000, 1_000_000_000_000, Fuel,
        "units of fuel of `start` and of a restore";
    DescribeFuel: "host.describe_fuel", 100_000_000, 10_000_000_000, Fuel,
        "units of fuel of `describe`";
    Timeout: "sandbox.timeout_ms", 30_000, 3_600_000, Deadline,
        "wall time of one turn, including calls of the host";
    StartTimeout: "host.start_timeout_ms", 30_000, 600_000, Deadline,
        "wall time of `start` and of a restore";
    StopTimeout: "host.stop_timeout_ms", 1_000, 60_000, Deadline,
        "wall time of `describe`, a heartbeat, a stop and a save";
    Memory: "sandbox.memory_mib", 64, 1_024, Memory,
        "linear memory of an agent, over all its memories";
    TableElements: "host.table_elements", 100_000, 100_000, Memory,
        "elements of all tables of an agent";
    Memories: "host.memories", 4, 4, Memory,
        "memories of an agent";
    Tables: "host.tables", 16, 16, Memory,
        "tables of an agent";
    Instances: "host.instances", 64, 1_024, Memory,
        "core instances of an agent";
    Handles: "host.handles", 1_024, 100_000, Trap,
        "resources that an agent holds at the same time: pollables, streams, requests, buckets, …";
    Stack: "host.stack_kib", 2_048, 4_096, Stack,
        "stack of an agent";
    CopyBytes: "host.copy_bytes", 4 << 20, 64 << 20, CopyLimit,
        "bytes that one call copies between an agent and the host";
    Emits: "sandbox.emits", 256, 4_096, Denied,
        "messages that one turn emits";
    EmitRate: "host.emit_rate", 2_500, 10_000_000, Busy,
        "weight a second of what an agent emits and writes; an agent over it pauses (see below)";
    PayloadBytes: "host.payload_bytes", 1 << 20, 4 << 20, InvalidPayload,
        "one payload, session state, state patch or value";
    StagedBytes: "host.staged_bytes", 16 << 20, 256 << 20, Denied,
        "all effects of one turn that are not committed yet";
    RoutedBytes: "host.routed_bytes", 32 << 20, 1 << 30, Denied,
        "all messages and state changes that routing makes of one turn, or of one message of a user";
    StateBytes: "host.state_bytes", 1 << 20, 16 << 20, StateTooLarge,
        "state of a guild or of an agent";
    SlipRules: "host.slip_rules", 1_000, 10_000, Denied,
        "rules of a guild";
    SlipBytes: "host.slip_bytes", 64 << 10, 1 << 20, Denied,
        "rules of a guild, as they are stored with each message";
    Progress: "host.progress", 10_000, 100_000, Denied,
        "progress frames of one turn";
    StatePatches: "host.state_patches", 64, 1_024, Denied,
        "state patches of one turn";
    LogLines: "host.log_lines", 200, 10_000, Denied,
        "lines that one turn prints";
    LogLineBytes: "host.log_line_bytes", 4 << 10, 64 << 10, Denied,
        "one printed line";
    LogBytes: "host.log_bytes", 64 << 10, 4 << 20, Denied,
        "all lines that one turn prints";
    HttpCalls: "sandbox.http_calls", 16, 1_000, Denied,
        "HTTP requests of one turn";
    HttpRequest: "host.http_request_kib", 1_024, 65_536, Denied,
        "what one turn sends over HTTP";
    HttpResponse: "sandbox.http_response_kib", 4_096, 262_144, Denied,
        "what one turn reads over HTTP";
    ValueKeys: "sandbox.keyvalue_keys", 1_000, 100_000, Denied,
        "keys of a bucket";
    ValueBytes: "sandbox.keyvalue_kib", 1_024, 65_536, Denied,
        "keys and values of a bucket";
    GuildValues: "guild.keyvalue_mib", 64, 4_096, Denied,
        "keys and values of all buckets of a guild";
    GuildMemory: "guild.memory_mib", 1_024, 1 << 20, Memory,
        "linear memory of all agents of a guild";
    GuildLog: "guild.log_mib", 1_024, 1 << 20, Busy,
        "log of a guild, before users get `BUSY` and turns that emit fail";
    AgentLag: "limits.agent_lag", 10_000, 1_000_000, Busy,
        "messages that may wait for an agent before users get `BUSY`";
    Unwritten: "limits.unwritten_mib", 32, 65_536, Busy,
        "messages of all guilds that wait for the disk, before users get `BUSY`";
    Evaluations: "guild.evaluations", 2, 64, Busy,
        "pieces of work with expressions of a guild that run at the same time; others wait";
    FailedExpressions: "host.failed_expressions_s", 10, 3_600, Denied,
        "how long an expression that took too long fails at once in its guild";
    SchemaPattern: "host.schema_pattern_kib", 256, 10_240, Denied,
        "compiled size of one pattern of a JSON Schema";
    SchemaPatterns: "host.schema_patterns_kib", 2_048, 65_536, Denied,
        "compiled size of all patterns of a JSON Schema";
    Hops: "limits.hops", 1_000, 1_000_000, HopLimit,
        "messages that may follow one another in a thread";
    Notices: "limits.notices", 10, 1_000, Busy,
        "errors a second that tell a user why messages go nowhere";
    Component: "host.component_mib", 64, 512, Denied,
        "size of an upload";
    Nesting: "host.component_nesting", 32, 100, Denied,
        "how deep the components of an upload are nested";
    Parts: "host.component_parts", 1_000, 10_000, Denied,
        "modules, components and instances of an upload";
    Functions: "host.component_functions", 250_000, 1_000_000, Denied,
        "functions of an upload";
    FunctionSize: "host.function_kib", 1_024, 7_000, Denied,
        "longest function of an upload";
    Items: "host.component_items", 100_000, 10_000_000, Denied,
        "types, imports, exports and other declarations of an upload";
    CompileCpu: "host.compile_cpu_s", 120, 3_600, Denied,
        "processor time of the compiler for one upload";
    CompileTime: "host.compile_timeout_s", 300, 7_200, Denied,
        "wall time of the compiler for one upload";
    CompileMemory: "host.compile_memory_mib", 2_048, 65_536, Denied,
        "address space of the compiler";
    CompiledSize: "host.compiled_mib", 512, 4_096, Denied,
        "compiled code of one upload";
    CompileQueue: "host.compile_queue", 64, 10_000, Denied,
        "uploads that are compiled or wait for it";
    Description: "host.description_bytes", 64 << 10, 4 << 20, Denied,
        "everything that `describe` returns";
    Snapshot: "host.snapshot_bytes", 1 << 20, 16 << 20, Denied,
        "snapshot that an agent saves";
}

impl Row {
    /// Returns the name of the counter of how often it was met.
    #[must_use]
    pub fn metric(&self) -> String {
        format!("guildhall_limits_met_total{{setting=\"{}\"}}", self.setting)
    }

    /// Returns how often it was met since this process started.
    #[must_use]
    pub fn met(&self) -> u64 {
        MET[self.limit as usize].load(Ordering::Relaxed)
    }

    /// Whether a blueprint may ask for it. Only the operator sets the others.
    fn is_asked_for(&self) -> bool {
        self.setting.starts_with("sandbox.")
    }
}

/// How often each limit was met since this process started, in the order of the table.
static MET: [AtomicU64; COUNT] = [const { AtomicU64::new(0) }; COUNT];

impl Limit {
    /// Returns the row of this limit.
    #[must_use]
    pub const fn row(self) -> &'static Row {
        &TABLE[self as usize]
    }

    /// Counts that this limit was met once more.
    pub fn count(self) {
        MET[self as usize].fetch_add(1, Ordering::Relaxed);
    }

    /// Counts a fault that was created outside of the sandbox, by its setting. [`Self::fault`] counts the others.
    pub fn count_fault(fault: &Fault) {
        let row = TABLE.iter().find(|row| fault.setting.as_deref() == Some(row.setting));
        if let Some(row) = row {
            row.limit.count();
        }
    }

    /// Counts that this limit was met, and returns a fault that names the limit, the value and the setting.
    #[must_use]
    pub fn fault(self, limit: u64, value: Option<u64>, message: impl Into<String>) -> Fault {
        self.count();
        Fault::new(self.row().kind, message).over(limit, value, self.row().setting)
    }
}

/// A value for each limit: the limits of one agent, or the ceilings of a host.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits([u64; COUNT]);

impl Default for Limits {
    fn default() -> Self {
        Self(TABLE.map(|row| row.default))
    }
}

/// A blueprint asks for more than the operator allows.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{setting}` is {value}; this host allows at most {ceiling}")]
pub struct OverCeiling {
    /// The setting.
    pub setting: &'static str,
    /// What the blueprint asks for.
    pub value: u64,
    /// The most that the operator allows.
    pub ceiling: u64,
}

impl Limits {
    /// Returns the ceilings of a host whose operator sets none: the table's ceiling of each limit that a blueprint may
    /// ask for, and the defaults of the others.
    #[must_use]
    pub fn allowed() -> Self {
        Self(TABLE.map(|row| if row.is_asked_for() { row.ceiling } else { row.default }))
    }

    /// Returns the value of a limit, in the unit that the setting's name ends in.
    #[must_use]
    pub const fn get(&self, limit: Limit) -> u64 {
        self.0[limit as usize]
    }

    /// Sets one limit, at most to the table's ceiling.
    #[must_use]
    pub fn with(mut self, limit: Limit, value: u64) -> Self {
        self.0[limit as usize] = value.min(limit.row().ceiling);
        self
    }

    /// Returns the limits of an agent that asks for nothing, under these ceilings.
    pub(crate) fn defaults(&self) -> Self {
        let mut limits = self.clone();
        for (mine, row) in limits.0.iter_mut().zip(&TABLE) {
            if row.is_asked_for() {
                *mine = row.default.min(*mine);
            }
        }
        limits
    }

    /// Returns the limits of an agent under these ceilings: what its blueprint asks for, else the default or the
    /// ceiling, whichever is lower. `turn_timeout` is the `qos.timeout` of its entry, which can only lower the time of
    /// a turn.
    ///
    /// # Errors
    /// The blueprint asks for more than a ceiling.
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

    /// Returns the most that a blueprint may ask for under these ceilings.
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
            slip_rules: self.get(Limit::SlipRules),
            slip_bytes: self.get(Limit::SlipBytes),
        }
    }

    /// Returns the limits of JSON Schemas.
    #[must_use]
    pub fn schemas(&self) -> SchemaLimits {
        let bytes = |limit| usize::try_from(self.get(limit) << 10).unwrap_or(usize::MAX);
        SchemaLimits { pattern_bytes: bytes(Limit::SchemaPattern), patterns_bytes: bytes(Limit::SchemaPatterns) }
    }

    /// Returns the wall time of one turn.
    #[must_use]
    pub const fn turn_timeout(&self) -> Duration {
        Duration::from_millis(self.get(Limit::Timeout))
    }

    /// Returns the linear memory of an agent over all its memories, in bytes.
    #[must_use]
    pub const fn memory_bytes(&self) -> u64 {
        self.get(Limit::Memory) << 20
    }

    /// Returns the value of a limit as a size in memory.
    pub(crate) fn size(&self, limit: Limit) -> usize {
        usize::try_from(self.get(limit)).unwrap_or(usize::MAX)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_table_has_the_order_of_the_names_and_no_default_over_its_ceiling() {
        for (place, row) in TABLE.iter().enumerate() {
            assert_eq!(row.limit as usize, place, "{}", row.setting);
            assert!(row.default <= row.ceiling, "{}", row.setting);
        }
    }

    #[test]
    fn the_page_of_limits_shows_the_table() {
        let page = include_str!("../../docs/limits.md");
        let (of_sandbox, _) = page.split_once("## Limits of the server").unwrap();
        let lines: Vec<_> = of_sandbox.lines().filter(|line| line.starts_with("| `")).collect();
        assert_eq!(lines.len(), TABLE.len());
        for (row, line) in TABLE.iter().zip(lines) {
            let cells: Vec<_> = line.split('|').map(str::trim).collect();
            let plain: Vec<_> = cells.iter().map(|cell| cell.replace([',', '`'], "")).collect();
            let wanted =
                [row.setting.to_owned(), row.default.to_string(), row.ceiling.to_string(), row.kind.name().to_owned()];
            assert_eq!(plain[1..5], wanted, "{line}");
            assert_eq!(cells[5], row.bounds, "{line}");
        }
    }

    #[test]
    fn a_blueprint_may_ask_for_at_most_the_ceiling() {
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
