//! The metrics of the host, in the text format of Prometheus. The values of labels are bounded: a fault's kind, an outcome, a
//! reason, and the first [`MAX_CLASSES`] agent classes that run here. The only place that names prometheus.

mod pulled;

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use parking_lot::Mutex;
use prometheus::process_collector::ProcessCollector;
use prometheus::{
    CounterVec, Histogram, HistogramOpts, HistogramVec, IntCounter, IntCounterVec, IntGauge, Opts, PullingGauge,
    Registry, TextEncoder,
};

use guildhall_model::fault::FaultKind;
use guildhall_sandbox::{TABLE, Usage};
use pulled::PulledCounter;

/// This many agent classes have metrics of their own; all others share the label `other`.
pub const MAX_CLASSES: usize = 64;
const OTHER: &str = "other";

/// How a turn ended, for the label `outcome`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The agent served the message.
    Done,
    /// The agent returned an error.
    Declined,
    /// The turn ended with a fault.
    Broken,
    /// The turn was cancelled.
    Cancelled,
}

impl Outcome {
    const ALL: [Self; 4] = [Self::Done, Self::Declined, Self::Broken, Self::Cancelled];

    /// The value of the label.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Done => "done",
            Self::Declined => "declined",
            Self::Broken => "broken",
            Self::Cancelled => "cancelled",
        }
    }
}

/// All metrics of one host. Cheap to clone.
#[derive(Clone)]
pub struct Metrics(Arc<Inner>);

struct Inner {
    registry: Registry,
    turns: IntCounterVec,
    turn_seconds: HistogramVec,
    turn_cpu: CounterVec,
    turn_fuel: IntCounterVec,
    turn_host_calls: IntCounterVec,
    turn_peak_memory: HistogramVec,
    faults: IntCounterVec,
    limits_met: IntCounterVec,
    starts: IntCounterVec,
    unloads: IntCounter,
    dead_letters: IntCounter,
    requests: IntCounterVec,
    request_seconds: HistogramVec,
    store_seconds: Histogram,
    live: IntGauge,
    capacity: IntGauge,
    guilds: IntGauge,
    guilds_asleep: IntGauge,
    guilds_not_started: IntGauge,
    store_away: IntGauge,
    journal_away: IntGauge,
    by_class: Mutex<HashMap<String, Arc<ClassMetrics>>>,
    /// Held while the metrics are read, so that counts of other modules are added once.
    reading: Mutex<()>,
}

/// The metrics of one agent class, looked up once for many turns.
pub struct ClassMetrics {
    turns: [IntCounter; Outcome::ALL.len()],
    seconds: prometheus::Histogram,
    cpu: prometheus::Counter,
    fuel: IntCounter,
    host_calls: IntCounter,
    peak_memory: prometheus::Histogram,
}

/// The gauges that are set when the metrics are read.
#[derive(Clone, Copy, Debug)]
pub struct Present {
    /// Instances that exist.
    pub live_agents: usize,
    /// Instances that may exist at the same time.
    pub agent_capacity: u32,
    /// Guilds that run here.
    pub guilds: usize,
    /// Guilds that sleep until they are needed.
    pub guilds_asleep: usize,
    /// Guilds that should run here and could not be started.
    pub guilds_not_started: usize,
    /// 1 while the store is away, else 0.
    pub store_away: usize,
    /// 1 while the journal is away, else 0.
    pub journal_away: usize,
}

const CLASS: &[&str] = &["class"];
const REQUEST: &[&str] = &["route", "method"];

impl Metrics {
    /// Registers all metrics.
    ///
    /// # Errors
    /// A name is not valid or used twice, which would be an error in this file.
    pub fn new() -> prometheus::Result<Self> {
        let registry = Registry::new();
        let counters = |name: &str, help: &str, labels: &[&str]| -> prometheus::Result<IntCounterVec> {
            let counters = IntCounterVec::new(Opts::new(name, help), labels)?;
            registry.register(Box::new(counters.clone()))?;
            Ok(counters)
        };
        let counter = |name: &str, help: &str| -> prometheus::Result<IntCounter> {
            let counter = IntCounter::new(name, help)?;
            registry.register(Box::new(counter.clone()))?;
            Ok(counter)
        };
        let gauge = |name: &str, help: &str| -> prometheus::Result<IntGauge> {
            let gauge = IntGauge::new(name, help)?;
            registry.register(Box::new(gauge.clone()))?;
            Ok(gauge)
        };
        let histogram = |name: &str, help: &str, labels, buckets: Vec<f64>| -> prometheus::Result<HistogramVec> {
            let histogram = HistogramVec::new(HistogramOpts::new(name, help).buckets(buckets), labels)?;
            registry.register(Box::new(histogram.clone()))?;
            Ok(histogram)
        };
        let seconds = vec![0.000_1, 0.000_5, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
        let bytes = (0..8).map(|power| f64::from(1 << (2 * power)) * 65_536.0).collect();
        let turn_cpu =
            CounterVec::new(Opts::new("guildhall_turn_cpu_seconds_total", "Processor time of turns"), CLASS)?;
        registry.register(Box::new(turn_cpu.clone()))?;
        registry.register(Box::new(ProcessCollector::for_self()))?;
        let build = Opts::new("guildhall_build_info", "1, with the version of this program")
            .const_label("version", env!("CARGO_PKG_VERSION"));
        let build = IntGauge::with_opts(build)?;
        build.set(1);
        registry.register(Box::new(build))?;
        let answers = vec![0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1.0, 5.0, 30.0];
        let store_seconds =
            HistogramOpts::new("guildhall_store_probe_seconds", "How long the store took to answer a probe");
        let store_seconds = Histogram::with_opts(store_seconds.buckets(answers.clone()))?;
        registry.register(Box::new(store_seconds.clone()))?;
        Ok(Self(Arc::new(Inner {
            turns: counters("guildhall_turns_total", "Turns of agents by outcome", &["class", "outcome"])?,
            turn_seconds: histogram("guildhall_turn_seconds", "Wall time of turns", CLASS, seconds)?,
            turn_cpu,
            turn_fuel: counters("guildhall_turn_fuel_total", "Fuel that turns used", CLASS)?,
            turn_host_calls: counters("guildhall_turn_host_calls_total", "Calls of turns into the host", CLASS)?,
            turn_peak_memory: histogram(
                "guildhall_turn_peak_memory_bytes",
                "The most linear memory that the instance of a turn has used",
                CLASS,
                bytes,
            )?,
            faults: counters("guildhall_faults_total", "Faults of agents by kind", &["kind"])?,
            limits_met: counters("guildhall_limits_met_total", "How often each limit was met", &["setting"])?,
            starts: counters("guildhall_agent_starts_total", "Instances that were started, by reason", &["reason"])?,
            unloads: counter("guildhall_agent_unloads_total", "Idle agents whose instance was dropped")?,
            dead_letters: counter("guildhall_dead_letters_total", "Messages that were given up")?,
            requests: counters(
                "guildhall_http_requests_total",
                "Requests by route, method and status; `none` is a path that is not served",
                &["route", "method", "status"],
            )?,
            request_seconds: histogram(
                "guildhall_http_request_seconds",
                "The time from a request to the head of its answer",
                REQUEST,
                answers,
            )?,
            store_seconds,
            live: gauge("guildhall_agents_live", "Instances of agents that exist")?,
            capacity: gauge(
                "guildhall_agents_capacity",
                "Instances that may exist at the same time (host.max_agents)",
            )?,
            guilds: gauge("guildhall_guilds_running", "Guilds that run here")?,
            guilds_asleep: gauge("guildhall_guilds_asleep", "Guilds that sleep until they are needed")?,
            guilds_not_started: gauge(
                "guildhall_guilds_not_started",
                "Guilds that should run here and could not be started; the host tries again",
            )?,
            store_away: gauge("guildhall_store_away", "1 while the store does not serve, else 0")?,
            journal_away: gauge("guildhall_journal_away", "1 while the journal takes no messages, else 0")?,
            by_class: Mutex::default(),
            reading: Mutex::default(),
            registry,
        })))
    }

    /// Adds a gauge whose value is read when the metrics are read.
    ///
    /// # Errors
    /// The name is not valid or used twice, which would be an error of the caller.
    pub fn watch(
        &self,
        name: &str,
        help: &str,
        read: impl Fn() -> u64 + Send + Sync + 'static,
    ) -> prometheus::Result<()> {
        #[expect(clippy::cast_precision_loss, reason = "a gauge is not that exact")]
        let gauge = PullingGauge::new(name, help, Box::new(move || read() as f64))?;
        self.0.registry.register(Box::new(gauge))
    }

    /// Adds a counter whose value is read when the metrics are read.
    ///
    /// # Errors
    /// The name is not valid or used twice, which would be an error of the caller.
    pub fn watch_counter(
        &self,
        name: &str,
        help: &str,
        read: impl Fn() -> f64 + Send + Sync + 'static,
    ) -> prometheus::Result<()> {
        self.0.registry.register(Box::new(PulledCounter::new(name, help, read)?))
    }

    /// Counts a request that was answered. The labels are few: a route is a pattern of paths.
    pub fn request(&self, route: &str, method: &str, status: u16, took: Duration) {
        self.0.requests.with_label_values(&[route, method, &status.to_string()]).inc();
        self.0.request_seconds.with_label_values(&[route, method]).observe(took.as_secs_f64());
    }

    /// Notes how long the store took to answer a probe.
    pub fn store_answered(&self, took: Duration) {
        self.0.store_seconds.observe(took.as_secs_f64());
    }

    /// Returns the metrics of an agent class.
    #[must_use]
    pub fn class(&self, class: &str) -> Arc<ClassMetrics> {
        let mut by_class = self.0.by_class.lock();
        let is_known = by_class.contains_key(class) || by_class.len() < MAX_CLASSES;
        let label = if is_known { class } else { OTHER };
        by_class.entry(label.to_owned()).or_insert_with(|| Arc::new(self.0.class(label))).clone()
    }

    /// Counts a fault.
    pub fn fault(&self, kind: FaultKind) {
        self.0.faults.with_label_values(&[kind.name()]).inc();
    }

    /// Counts an instance that was started. `reason` is a label, so there are only a few of them.
    pub fn started(&self, reason: &'static str) {
        self.0.starts.with_label_values(&[reason]).inc();
    }

    /// Counts an instance that was dropped because its agent was idle.
    pub fn unloaded(&self) {
        self.0.unloads.inc();
    }

    /// Counts a dead letter.
    pub fn dead_lettered(&self) {
        self.0.dead_letters.inc();
    }

    /// Returns all metrics in version 0.0.4 of the text format.
    ///
    /// # Errors
    /// A metric cannot be written, which would be an error in this file.
    pub fn text(&self, present: Present) -> prometheus::Result<String> {
        let _reading = self.0.reading.lock();
        let whole = |number: usize| i64::try_from(number).unwrap_or(i64::MAX);
        self.0.live.set(whole(present.live_agents));
        self.0.capacity.set(present.agent_capacity.into());
        self.0.guilds.set(whole(present.guilds));
        self.0.guilds_asleep.set(whole(present.guilds_asleep));
        self.0.guilds_not_started.set(whole(present.guilds_not_started));
        self.0.store_away.set(whole(present.store_away));
        self.0.journal_away.set(whole(present.journal_away));
        for row in &TABLE {
            let counter = self.0.limits_met.with_label_values(&[row.setting]);
            counter.inc_by(row.met().saturating_sub(counter.get()));
        }
        TextEncoder::new().encode_to_string(&self.0.registry.gather())
    }
}

impl Inner {
    fn class(&self, class: &str) -> ClassMetrics {
        ClassMetrics {
            turns: Outcome::ALL.map(|outcome| self.turns.with_label_values(&[class, outcome.name()])),
            seconds: self.turn_seconds.with_label_values(&[class]),
            cpu: self.turn_cpu.with_label_values(&[class]),
            fuel: self.turn_fuel.with_label_values(&[class]),
            host_calls: self.turn_host_calls.with_label_values(&[class]),
            peak_memory: self.turn_peak_memory.with_label_values(&[class]),
        }
    }
}

impl ClassMetrics {
    /// Counts one turn.
    pub fn turn(&self, outcome: Outcome, usage: &Usage) {
        self.turns[outcome as usize].inc();
        self.seconds.observe(usage.wall.as_secs_f64());
        self.cpu.inc_by(usage.cpu.as_secs_f64());
        self.fuel.inc_by(usage.fuel_used);
        self.host_calls.inc_by(usage.host_calls);
        #[expect(clippy::cast_precision_loss, reason = "a histogram is not that exact")]
        self.peak_memory.observe(usage.peak_memory_bytes as f64);
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    const PRESENT: Present = Present {
        live_agents: 3,
        agent_capacity: 8,
        guilds: 2,
        guilds_asleep: 0,
        guilds_not_started: 0,
        store_away: 0,
        journal_away: 0,
    };

    #[test]
    fn requests_the_process_and_the_build_are_told() {
        let metrics = Metrics::new().unwrap();
        metrics.request("/api/guilds/{id}", "GET", 200, Duration::from_millis(2));
        metrics.watch_counter("guildhall_pulled_total", "A test", || 2.5).unwrap();
        let text = metrics.text(PRESENT).unwrap();
        for wanted in [
            "guildhall_http_requests_total{method=\"GET\",route=\"/api/guilds/{id}\",status=\"200\"} 1",
            "guildhall_http_request_seconds_bucket{method=\"GET\",route=\"/api/guilds/{id}\",le=\"0.005\"} 1",
            "# TYPE guildhall_pulled_total counter",
            "guildhall_pulled_total 2.5",
            "guildhall_build_info{version=\"",
            "process_resident_memory_bytes ",
            "process_open_fds ",
        ] {
            assert!(text.lines().any(|line| line.starts_with(wanted)), "{wanted} is not in\n{text}");
        }
    }

    #[test]
    fn turns_are_counted_by_class_and_outcome() {
        let metrics = Metrics::new().unwrap();
        let usage = Usage { fuel_used: 7, host_calls: 2, cpu: Duration::from_millis(5), ..Usage::default() };
        metrics.class("a.B").turn(Outcome::Done, &usage);
        metrics.class("a.B").turn(Outcome::Broken, &usage);
        metrics.fault(FaultKind::Fuel);
        let text = metrics.text(PRESENT).unwrap();
        for line in [
            "guildhall_turns_total{class=\"a.B\",outcome=\"done\"} 1",
            "guildhall_turns_total{class=\"a.B\",outcome=\"broken\"} 1",
            "guildhall_turn_fuel_total{class=\"a.B\"} 14",
            "guildhall_turn_host_calls_total{class=\"a.B\"} 4",
            "guildhall_turn_cpu_seconds_total{class=\"a.B\"} 0.01",
            "guildhall_faults_total{kind=\"fuel\"} 1",
            "guildhall_agents_live 3",
            "guildhall_limits_met_total{setting=\"sandbox.fuel\"} 0",
        ] {
            assert!(text.lines().any(|other| other == line), "{line} is not in\n{text}");
        }
    }

    #[test]
    fn the_number_of_classes_with_metrics_is_bounded() {
        let metrics = Metrics::new().unwrap();
        for number in 0..1_000 {
            metrics.class(&format!("a.C{number}")).turn(Outcome::Done, &Usage::default());
        }
        let text = metrics.text(PRESENT).unwrap();
        let classes = text.lines().filter(|line| line.starts_with("guildhall_turn_fuel_total{")).count();
        assert_eq!(classes, MAX_CLASSES + 1);
        assert!(text.contains("outcome=\"done\"} 936"), "the others are counted together");
    }
}
