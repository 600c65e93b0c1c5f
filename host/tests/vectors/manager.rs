//! Runs a guild with its manager: real agents, and a journal and a store in a temporary folder. Compared are the manager's
//! answers and the statuses in the store. Not compared are texts for people, versions and times, and the health of agents,
//! which the host measures.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use guildhall::agent::Components;
use guildhall::guild::{Guilds, Launch, Setup};
use guildhall::journal::{Durability, Journal, JournalLimits, Retention, Tail, TailEvent};
use guildhall::metrics::Metrics;
use guildhall::oci::Registries;
use guildhall::store::Store;
use guildhall_model::clock::Clock;
use guildhall_model::dialect::Dialect;
use guildhall_model::format;
use guildhall_model::ids::{AgentId, GuildId, MessageId};
use guildhall_model::message::{Message, raw_json};
use guildhall_model::priority::Priority;
use guildhall_model::routing::{Bounds, HOP_LIMIT};
use guildhall_model::spec::GuildSpec;
use guildhall_model::topic;
use guildhall_sandbox::Component;
use serde_json::{Value, json};

use super::shared;
use super::vectors::cases::Case;
use super::vectors::compare::{Outcome, does_not_apply, same};
use super::vectors::differences::Differences;
use super::vectors::inputs::{read, text};

/// How long one answer or status is waited for. The server is built without optimisation.
const DEADLINE: Duration = Duration::from_secs(60);
/// How long an answer or status is waited for in cases and steps that are listed as different.
const DEADLINE_OF_LISTED: Duration = Duration::from_secs(1);

/// The formats of the reference's messages about the health of agents.
const MEASURED: [&str; 5] =
    ["Heartbeat", "AgentsHealthReport", "HealthCheckRequest", "SelfReadyNotification", "ParticipantList"];

fn is_measured(format: &Value) -> bool {
    MEASURED.contains(&format.as_str().unwrap_or_default().rsplit('.').next().unwrap_or_default())
}

/// What a step found: an error says how it differs.
type Step = Result<(), String>;

/// A step that is listed as different has to differ; the other steps of its case are compared as always.
pub fn manager(case: &Case, differences: &Differences) -> Outcome {
    let (input, expected) = (&case.input, &case.expected);
    let prefix = format!("{}/", case.id());
    let listed_steps: BTreeSet<&str> = differences.names().filter_map(|name| name.strip_prefix(&prefix)).collect();
    let steps = input["steps"].as_array().cloned().unwrap_or_default();
    if steps.iter().any(|step| step["format"] == format::HEARTBEAT) {
        return does_not_apply("the host measures the health of agents; no agent reports its own");
    }
    // Components are compiled outside of the runtime: a worker that waits for them would block it.
    let (components, built_in) = (shared::components().clone(), shared::built_in());
    let deadline = if differences.of(case).is_some() { DEADLINE_OF_LISTED } else { DEADLINE };
    let running = run(input, &steps, expected, components, built_in, deadline, &listed_steps);
    let outcome = shared::block(async { tokio::time::timeout(DEADLINE * 4, running).await });
    Ok(outcome.unwrap_or_else(|_| Err("it took too long".to_owned()))?)
}

/// A running guild.
struct Bench {
    guilds: Guilds,
    store: Store,
    journal: Journal,
    guild: GuildId,
    tail: Tail,
    /// The messages since the last request, each with its topic.
    received: Vec<(Arc<Message>, String)>,
    /// How long one answer or status is waited for.
    deadline: Duration,
}

fn error_text(error: impl std::fmt::Display) -> String {
    error.to_string()
}

async fn run(
    input: &Value,
    steps: &[Value],
    expected: &Value,
    components: Components,
    built_in: Vec<(&'static str, Arc<Component>)>,
    deadline: Duration,
    listed_steps: &BTreeSet<&str>,
) -> Step {
    let dir = tempfile::tempdir().map_err(error_text)?;
    let spec: GuildSpec = read(&with_defaults(&input["guild_spec"]))?;
    let has_agents = !spec.agents.is_empty();
    let mut bench = Bench::open(dir.path(), spec, components, built_in, deadline).await?;
    let mut is_stopped = false;
    for (number, expected) in expected.as_array().into_iter().flatten().enumerate() {
        let name = text(&expected["step"]);
        let outcome = match number.checked_sub(1).and_then(|step| steps.get(step)) {
            None => Ok(()),
            Some(step) if step["format"] == format::MESSAGE => Ok(()),
            Some(step) => {
                is_stopped |= expected["rows"]["guild"] == "stopped";
                let is_listed = listed_steps.contains(name.as_str());
                bench.deadline = if is_listed { DEADLINE_OF_LISTED } else { deadline };
                match (bench.step(step, expected, is_stopped).await, is_listed) {
                    (Ok(()), true) => Err("has the expected result, remove it from the list".to_owned()),
                    (Err(_), true) => Ok(()),
                    (outcome, false) => outcome,
                }
            }
        };
        bench.deadline = deadline;
        outcome.map_err(|difference| format!("{name}: {difference}"))?;
        // A guild without agents is `ok` here, because clients wait for that.
        if has_agents {
            bench
                .compare_rows(&expected["rows"], is_stopped)
                .await
                .map_err(|difference| format!("{name}: {difference}"))?;
        }
    }
    bench.guilds.shutdown().await;
    bench.journal.close().await;
    Ok(())
}

/// Returns a spec with the members that the store would have added.
fn with_defaults(spec: &Value) -> Value {
    let mut spec = spec.clone();
    for member in ["agents", "routes", "properties", "dependency_map"] {
        if spec.get(member).is_none() {
            spec[member] = match member {
                "agents" => json!([]),
                "routes" => json!({"steps": []}),
                _ => json!({}),
            };
        }
    }
    spec
}

impl Bench {
    async fn open(
        dir: &Path,
        spec: GuildSpec,
        components: Components,
        built_in: Vec<(&'static str, Arc<Component>)>,
        deadline: Duration,
    ) -> Result<Self, String> {
        let clock = Clock::system();
        let store = format!("sqlite://{}?mode=rwc", dir.join("store.db").display());
        let store = Store::open(&store).await.map_err(error_text)?;
        let file = dir.join("journal.db");
        let journal =
            Journal::open(&file, Durability::None, JournalLimits::default(), Retention::default(), clock.clone()).await;
        let journal = journal.map_err(error_text)?;
        let guilds = Guilds::new(Setup {
            store: store.clone(),
            journal: journal.clone(),
            components,
            registries: Registries::default(),
            idle_unload: None,
            guild_sleep: None,
            metrics: Metrics::new().map_err(error_text)?,
            clock,
            hop_limit: HOP_LIMIT,
            bounds: Bounds::default(),
            guild_memory_bytes: 1 << 30,
            dialect: Dialect::Rustic,
        });
        guilds.add_built_in(built_in).await.map_err(error_text)?;
        let guild = spec.id.clone();
        let log = journal.guild(&guild).await.map_err(error_text)?;
        let manager = AgentId::manager_of(&guild);
        let topics = [
            topic::SYSTEM,
            topic::STATE,
            topic::ERRORS,
            topic::GUILD_STATUS,
            topic::DEFAULT,
            &topic::agent_inbox(&manager),
        ];
        let tail = log.tail(topics.map(str::to_owned).to_vec(), None);
        let document = json!(spec);
        let launch = Launch { spec, document, org: "o".into(), user: None, blueprint: None, request: None };
        guilds.launch(launch).await.map_err(error_text)?;
        Ok(Self { guilds, store, journal, guild, tail, received: Vec::new(), deadline })
    }

    /// Receives messages until the wanted one is found or the deadline is over.
    async fn receive<T>(
        &mut self,
        what: &str,
        find: impl Fn(&[(Arc<Message>, String)]) -> Option<T>,
    ) -> Result<T, String> {
        let receiving = async {
            loop {
                if let Some(found) = find(&self.received) {
                    return Ok(found);
                }
                if let TailEvent::Message { message, topic } = self.tail.next().await.map_err(error_text)? {
                    self.received.push((message, topic));
                }
            }
        };
        tokio::time::timeout(self.deadline, receiving).await.unwrap_or_else(|_| Err(format!("{what} is not received")))
    }

    /// Sends a request and returns its id.
    async fn ask(&mut self, step: &Value) -> Result<MessageId, String> {
        let sender = if step["sender"].is_null() { json!({"id": "ext"}) } else { step["sender"].clone() };
        let mut request =
            Message::draft(read(&sender)?, read(&step["topics"])?, text(&step["format"]), raw_json(&step["payload"]));
        request.priority = Priority::read(&step["priority"]).unwrap_or_default();
        self.received.clear();
        let (format, sender) = (request.format.clone(), request.sender.clone());
        let log = self.journal.guild(&self.guild).await.map_err(error_text)?;
        log.publish(vec![request]).await.map_err(error_text)?;
        self.receive("the request", |received| {
            let own = received.iter().find(|(message, _)| message.format == format && message.sender == sender);
            own.map(|(message, _)| message.id)
        })
        .await
    }

    /// Sends a request and compares what the manager answers.
    async fn step(&mut self, step: &Value, expected: &Value, is_stopped: bool) -> Step {
        if is_measured(&step["format"]) {
            return Ok(());
        }
        let request = self.ask(step).await?;
        let manager = AgentId::manager_of(&self.guild).into_string();
        let wanted: Vec<&Value> = expected["published"]
            .as_array()
            .into_iter()
            .flatten()
            .filter(|message| message["sender"] == manager.as_str() && !is_measured(&message["format"]))
            .collect();
        let is_announced = |message: &Value| text(&message["bus_topic"]).ends_with(topic::GUILD_STATUS);
        if !is_stopped {
            // When the manager answers the next request, it has sent everything that belongs to this one.
            let fence = json!({
                "topics": topic::SYSTEM, "format": format::AGENT_GET_REQUEST,
                "payload": {"guild_id": "fence", "agent_id": "fence"}, "sender": {"id": "fence"},
            });
            let received = std::mem::take(&mut self.received);
            let fence = self.ask(&fence).await?;
            self.received.splice(0..0, received);
            self.receive("the answer after it", |received| {
                received.iter().find(|(message, _)| message.in_response_to == Some(fence)).map(|_| ())
            })
            .await?;
        }
        // The states of other guilds are refused.
        let is_of_other_guild = step["payload"].get("guild_id").is_some_and(|id| id != self.guild.as_str());
        let is_about_state = text(&step["format"]).contains(".state.");
        if is_of_other_guild && is_about_state {
            return Ok(());
        }
        let mut answers = self.received.iter().filter(|(message, _)| message.in_response_to == Some(request));
        for wanted in wanted.iter().filter(|message| !is_announced(message)) {
            let (answer, topic) = answers.next().ok_or_else(|| format!("no {}", wanted["format"]))?;
            compare(answer, topic, wanted)?;
        }
        if let Some((more, _)) = answers.next() {
            return Err(format!("{} is one answer too many", more.format));
        }
        for wanted in wanted.into_iter().filter(|message| is_announced(message)) {
            let wanted = text(&wanted["format"]);
            self.receive(&wanted, |received| received.iter().find(|(message, _)| message.format == wanted).map(|_| ()))
                .await?;
        }
        Ok(())
    }

    /// Waits until the store has the expected statuses.
    async fn compare_rows(&self, expected: &Value, is_stopped: bool) -> Step {
        let mut wanted: BTreeMap<String, Value> = read(&expected["agents"])?;
        wanted.retain(|id, _| !id.ends_with("#manager_agent"));
        let started = tokio::time::Instant::now();
        loop {
            let guild = self.store.guild_status(&self.guild).await.map_err(error_text)?.map(|status| status.name());
            let rows = self.store.agents(&self.guild).await.map_err(error_text)?;
            let found: BTreeMap<String, Value> =
                rows.iter().map(|row| (row.id.to_string(), row.status.name().into())).collect();
            // In the reference the agents of a stopped guild keep their status.
            let are_agents = is_stopped || wanted.iter().all(|(id, status)| found.get(id) == Some(status));
            if guild == expected["guild"].as_str() && are_agents {
                return Ok(());
            }
            if started.elapsed() > self.deadline {
                return Err(format!("the rows are {guild:?} {found:?}, expected {expected}"));
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    }
}

/// Returns a payload without the members that are not compared.
fn comparable(payload: &Value) -> Value {
    let mut payload = payload.clone();
    if let Some(members) = payload.as_object_mut() {
        for member in ["message", "error_message", "error", "version", "timestamp", "fetch_timestamp"] {
            members.remove(member);
        }
        // The kinds of failures have other names here, except those that clients know.
        if members.get("error_type").is_some_and(|kind| kind == "UNHANDLED_EXCEPTION" || kind == "INVALID_REQUEST") {
            members.remove("error_type");
        }
        // The reference keeps the health of agents in the state of the guild.
        if let Some(state) = members.get_mut("state").and_then(Value::as_object_mut) {
            state.remove("agents");
        }
        if let Some(agents) = members.get_mut("agents").and_then(Value::as_array_mut) {
            agents.sort_by_key(|agent| text(&agent["id"]));
        }
    }
    payload
}

fn compare(answer: &Message, topic: &str, wanted: &Value) -> Step {
    let payload: Value = read(&json!(answer.payload))?;
    let processor = answer.history.last().map(|entry| entry.processor.clone()).unwrap_or_default();
    let found = json!({
        "topic": topic, "format": answer.format, "payload": comparable(&payload), "priority": answer.priority,
        "is_error": answer.is_error, "processor": processor, "thread": answer.full_thread().len(),
    });
    let wanted_processor = wanted["history_processors"].as_array().and_then(|entries| entries.last());
    let wanted = json!({
        "topic": text(&wanted["bus_topic"]).split_once(':').map(|(_, topic)| topic), "format": wanted["format"],
        "payload": comparable(&wanted["payload"]), "priority": wanted["priority"],
        "is_error": wanted["is_error_message"],
        "processor": wanted_processor.and_then(Value::as_str).and_then(|entry| entry.rsplit(':').next()),
        "thread": wanted["thread"].as_array().map(Vec::len),
    });
    if same(&found, &wanted) { Ok(()) } else { Err(format!("found {found}\n    expected {wanted}")) }
}
