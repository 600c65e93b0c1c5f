//! `guildhall component`: what an author does with a component's file, without a
//! server. The sandbox is the one that a host has, with its usual limits.

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::{Arc, Mutex, PoisonError};

use anyhow::Context;
use bytes::Bytes;
use clap::{Args, Subcommand};
use serde_json::{Value, json};

use crate::oci::{self, Place};
use guildhall_model::clock::Clock;
use guildhall_model::payload;
use guildhall_model::read::document;
use guildhall_model::read::spec::sandbox as sandbox_spec;
use guildhall_model::routing::Outgoing;
use guildhall_model::spec::SandboxSpec;
use guildhall_model::values::Values;
use guildhall_sandbox::{
    Component, Description, Failure, Format, GuestMessage, GuestTag, Identity, Limit, Limits, MemoryBudget, Outline,
    Policy, Progress, Refusal, Sandbox, SandboxConfig, SecretGrant, Setup, StartFault, TurnEnd, TurnInput, TurnOutcome,
    digest_of, grants,
};

/// Look at a component's file and try it.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what a component imports and exports, which grants it needs, and what it says it is.
    Inspect(Inspect),
    /// Say whether a host would take a component, and if not, why: exits with 0 or 1.
    Check(Inspect),
    /// Run one message through a component and show what it says: exits with 0 when it was served, else with 1.
    Call(Call),
    /// Push a component to an OCI registry; prints the reference by which blueprints name it.
    Push(Exchange),
    /// Pull a component from an OCI registry into a file.
    Pull(Exchange),
}

#[derive(Debug, Args)]
pub struct Exchange {
    /// Where it is in a registry, such as ghcr.io/acme/greeter:1.0.
    reference: String,
    /// A component's file.
    file: PathBuf,
    /// The user of the registry; the password is read from the environment variable GUILDHALL_OCI_PASSWORD.
    #[arg(long)]
    user: Option<String>,
}

#[derive(Debug, Args)]
pub struct Inspect {
    /// A component's file.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
pub struct Call {
    /// A component's file.
    file: PathBuf,
    /// The message's payload, a JSON object; read from standard input unless given.
    #[arg(long)]
    payload: Option<String>,
    /// The message's format.
    #[arg(long, default_value = "text", value_parser = format_name)]
    format: String,
    /// The topic on which the agent gets it.
    #[arg(long, default_value = "default_topic")]
    topic: String,
    /// The agent's properties, a JSON object, as a blueprint has them.
    #[arg(long, default_value = "{}")]
    properties: String,
    /// Fuel of the turn (`sandbox.fuel`).
    #[arg(long)]
    fuel: Option<u64>,
    /// Linear memory in MiB (`sandbox.memory_mib`).
    #[arg(long)]
    memory_mib: Option<u64>,
    /// Wall time of the turn in milliseconds (`sandbox.timeout_ms`).
    #[arg(long)]
    timeout_ms: Option<u64>,
    /// What the agent asks for, as a blueprint's `sandbox` has it, such as {"http": ["https://api.example.com"]};
    /// all of it is granted here. The three options above come first where both say something.
    #[arg(long, default_value = "{}")]
    sandbox: String,
    /// The directory of its secrets, a file each (`policy.secrets_dir`).
    #[arg(long)]
    secrets_dir: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn format_name(text: &str) -> Result<String, String> {
    if text.chars().count() < 3 { Err("a format has at least 3 characters".to_owned()) } else { Ok(text.to_owned()) }
}

/// The exit code when the component will not do; that of wrong usage is 2.
const NO: u8 = 1;
const MISUSED: u8 = 2;

impl Command {
    /// Does it; the exit code says how it went.
    pub async fn run(self) -> ExitCode {
        let done = match self {
            Self::Inspect(inspect) => inspect.inspect().await,
            Self::Check(check) => check.check().await,
            Self::Call(call) => call.run().await,
            Self::Push(exchange) => exchange.push().await,
            Self::Pull(exchange) => exchange.pull().await,
        };
        done.unwrap_or_else(|error| {
            let _ = writeln!(std::io::stderr(), "guildhall: {error:#}");
            ExitCode::from(MISUSED)
        })
    }
}

impl Inspect {
    async fn inspect(&self) -> anyhow::Result<ExitCode> {
        let bytes = read(&self.file)?;
        let outline = match Outline::read(&bytes, &Limits::default()) {
            Ok(outline) => outline,
            Err(refusal) => return Ok(self.refused(&refusal)),
        };
        let prepared = prepare(&sandbox(Policy::default())?, bytes.clone()).await;
        let fits = prepared.as_ref().map(|component| &component.description);
        print(&if self.json { pretty(&inspected(&bytes, &outline, fits)) } else { shown(&bytes, &outline, fits) });
        Ok(ExitCode::SUCCESS)
    }

    async fn check(&self) -> anyhow::Result<ExitCode> {
        let prepared = prepare(&sandbox(Policy::default())?, read(&self.file)?).await;
        let component = match prepared {
            Ok(component) => component,
            Err(refusal) => return Ok(self.refused(&refusal)),
        };
        let needed = grants(&component.imports);
        print(&if self.json {
            pretty(&json!({"fits": true, "class_name": component.description.class_name, "grants": needed}))
        } else {
            let class = &component.description.class_name;
            format!("{} fits: {class}, grants needed: {}\n", self.file.display(), or_none(needed.join(", ")))
        });
        Ok(ExitCode::SUCCESS)
    }

    fn refused(&self, refusal: &Refusal) -> ExitCode {
        print(&if self.json {
            pretty(&json!({"fits": false, "refusal": refused(refusal)}))
        } else {
            format!("{} does not fit: {refusal} [{}]\n", self.file.display(), refusal.code())
        });
        ExitCode::from(NO)
    }
}

impl Exchange {
    async fn push(&self) -> anyhow::Result<ExitCode> {
        let place = Place::read(&self.reference)?;
        let bytes = read(&self.file)?;
        let outline = match Outline::read(&bytes, &Limits::default()) {
            Ok(outline) => outline,
            Err(refusal) => anyhow::bail!("{} is not pushed: {refusal}", self.file.display()),
        };
        let now_ms = Clock::system().now_ms();
        let pushed =
            oci::push(&place, &self.auth()?, bytes.to_vec(), &outline.imports, &outline.exports, now_ms).await?;
        print(&format!("{pushed}\n"));
        Ok(ExitCode::SUCCESS)
    }

    async fn pull(&self) -> anyhow::Result<ExitCode> {
        let place = Place::read(&self.reference)?;
        let most = Limit::Component.row().ceiling << 20;
        let bytes = oci::pull(&place, &self.auth()?, most).await?;
        std::fs::write(&self.file, &bytes).with_context(|| format!("{} cannot be written", self.file.display()))?;
        print(&format!("{}\n", digest_of(&bytes)));
        Ok(ExitCode::SUCCESS)
    }

    fn auth(&self) -> anyhow::Result<oci::Auth> {
        let Some(user) = &self.user else { return Ok(oci::Auth::Anonymous) };
        let password = std::env::var("GUILDHALL_OCI_PASSWORD").context("GUILDHALL_OCI_PASSWORD is not set")?;
        Ok(oci::Auth::Basic(user.clone(), password))
    }
}

fn sandbox(policy: Policy) -> anyhow::Result<Sandbox> {
    Ok(Sandbox::new(SandboxConfig { max_agents: 1, policy, ..SandboxConfig::default() })?)
}

fn read(file: &Path) -> anyhow::Result<Bytes> {
    Ok(std::fs::read(file).with_context(|| format!("{} cannot be read", file.display()))?.into())
}

async fn prepare(sandbox: &Sandbox, bytes: Bytes) -> Result<Arc<Component>, Refusal> {
    sandbox.prepare(&digest_of(&bytes), async { Ok(bytes) }).await
}

fn refused(refusal: &Refusal) -> Value {
    json!({"code": refusal.code(), "reason": refusal.to_string(), "context": refusal.context()})
}

fn inspected(bytes: &[u8], outline: &Outline, fits: Result<&Description, &Refusal>) -> Value {
    let formats = |formats: &[Format]| -> Value {
        formats.iter().map(|format| json!({"name": format.name, "json_schema": format.json_schema})).collect()
    };
    let description = fits.ok().map(|said| {
        json!({
            "class_name": said.class_name, "name": said.name, "version": said.version, "summary": said.summary,
            "receives": formats(&said.receives), "emits": formats(&said.emits),
            "properties_schema": said.properties_schema,
        })
    });
    json!({
        "digest": digest_of(bytes), "size": bytes.len(), "imports": outline.imports, "exports": outline.exports,
        "grants": grants(&outline.imports), "functions": outline.functions,
        "longest_function": outline.longest_function, "parts": outline.parts, "items": outline.items,
        "fits": fits.is_ok(), "description": description, "refusal": fits.err().map(refused),
    })
}

fn shown(bytes: &[u8], outline: &Outline, fits: Result<&Description, &Refusal>) -> String {
    let names = |formats: &[Format]| or_none(formats.iter().map(|f| f.name.as_str()).collect::<Vec<_>>().join(", "));
    let mut rows = vec![
        ("digest", digest_of(bytes).into_string()),
        ("size", format!("{} bytes", bytes.len())),
        ("functions", format!("{}, the longest {} bytes", outline.functions, outline.longest_function)),
        ("exports", or_none(outline.exports.join("\n"))),
        ("imports", or_none(outline.imports.join("\n"))),
        ("grants", or_none(grants(&outline.imports).join(", "))),
    ];
    match fits {
        Ok(said) => rows.extend([
            ("class", said.class_name.clone()),
            ("name", format!("{} {}", said.name, said.version)),
            ("summary", said.summary.clone()),
            ("receives", if said.receives.is_empty() { "every format".to_owned() } else { names(&said.receives) }),
            ("emits", names(&said.emits)),
            ("properties", said.properties_schema.to_string()),
            ("fits", "yes".to_owned()),
        ]),
        Err(refusal) => rows.push(("fits", format!("no: {refusal} [{}]", refusal.code()))),
    }
    let line = |(name, value): (&str, String)| format!("{name:<10} {}\n", value.replace('\n', "\n           "));
    rows.into_iter().map(line).collect()
}

fn or_none(text: String) -> String {
    if text.is_empty() { "none".to_owned() } else { text }
}

/// What a component said past the turn's end: its log, and its progress.
#[derive(Default)]
struct Heard {
    log: Mutex<Vec<Value>>,
    progress: Mutex<Vec<Value>>,
}

fn take(list: &Mutex<Vec<Value>>) -> Vec<Value> {
    std::mem::take(&mut list.lock().unwrap_or_else(PoisonError::into_inner))
}

fn put(list: &Mutex<Vec<Value>>, value: Value) {
    list.lock().unwrap_or_else(PoisonError::into_inner).push(value);
}

impl Call {
    async fn run(&self) -> anyhow::Result<ExitCode> {
        let bytes = read(&self.file)?;
        let asked = self.asked()?;
        let limits = Limits::allowed().for_agent(&asked, None)?;
        let payload = self.payload()?;
        payload::check_object(&self.properties).map_err(|words| anyhow::anyhow!("--properties: {words}"))?;
        let sandbox = sandbox(self.policy(&asked)?)?;
        let component = match prepare(&sandbox, bytes).await {
            Ok(component) => component,
            Err(refusal) => return Ok(self.say("refused", refused(&refusal), &refusal.to_string())),
        };
        let heard = Arc::new(Heard::default());
        let budget_ms = u32::try_from(limits.get(Limit::Timeout)).unwrap_or(u32::MAX);
        let setup = self.setup(&component, asked, limits, &heard);
        let body = match sandbox.start(&component, setup).await {
            Ok(body) => body,
            Err(StartFault::Refused(reason)) => return Ok(self.say("not_started", json!(reason), &reason)),
            Err(StartFault::Missing(refusal)) => {
                return Ok(self.say("not_started", refused(&refusal), &refusal.to_string()));
            }
            Err(StartFault::Broken(fault)) => return Ok(self.say("not_started", json!(fault), &fault.to_string())),
        };
        let (_, turn) = body.receive(self.delivery(payload, budget_ms)).await;
        let is_served = matches!(turn.end, TurnEnd::Done { .. });
        let told = told(turn, &heard);
        print(&if self.json { pretty(&told) } else { in_lines(&told) });
        Ok(ExitCode::from(if is_served { 0 } else { NO }))
    }

    /// The component did not come as far as to get the message.
    fn say(&self, end: &str, about: Value, words: &str) -> ExitCode {
        print(&if self.json { pretty(&json!({"end": end, "reason": about})) } else { format!("{end}: {words}\n") });
        ExitCode::from(NO)
    }

    /// What the agent asks for: beside what it is given here, what a host grants by itself.
    fn asked(&self) -> anyhow::Result<SandboxSpec> {
        let text: Value = serde_json::from_str(&self.sandbox).context("--sandbox is no JSON")?;
        let ceilings = Limits::allowed().ceilings();
        let asked = document(&text, &["sandbox"], |value, errors| sandbox_spec(value, errors, &ceilings));
        let asked = asked.map_err(|errors| {
            let lines: Vec<_> = errors.iter().map(|mistake| format!("{}: {}", mistake.path(), mistake.msg)).collect();
            anyhow::Error::msg(lines.join("\n"))
        })?;
        Ok(SandboxSpec {
            fuel: self.fuel.or(asked.fuel),
            memory_mib: self.memory_mib.or(asked.memory_mib),
            timeout_ms: self.timeout_ms.or(asked.timeout_ms),
            keyvalue: true,
            config: asked.config.or(Some(BTreeMap::new())),
            ..asked
        })
    }

    /// Grants what is asked for, to an agent of the caller's own.
    fn policy(&self, asked: &SandboxSpec) -> anyhow::Result<Policy> {
        let secret = |name: &String| SecretGrant { name: name.clone(), to: None };
        let secrets_dir = self.secrets_dir.clone();
        anyhow::ensure!(
            secrets_dir.is_some() || asked.secrets.is_empty() && asked.reveal.is_empty(),
            "secrets are read from a directory: --secrets-dir DIR"
        );
        let mut policy = Policy::default();
        policy.secrets_dir = secrets_dir;
        policy.http.clone_from(&asked.http);
        policy.secrets = asked.secrets.iter().map(secret).collect();
        policy.reveal.clone_from(&asked.reveal);
        policy.env.clone_from(&asked.env);
        Ok(policy)
    }

    fn payload(&self) -> anyhow::Result<String> {
        let payload = match &self.payload {
            Some(payload) => payload.clone(),
            None => {
                if std::io::stdin().is_terminal() {
                    let _ = writeln!(std::io::stderr(), "the payload is read from here: a JSON object, then Ctrl-D");
                }
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
                text
            }
        };
        payload::check_object(&payload).map_err(|words| anyhow::anyhow!("the payload: {words}"))?;
        let most = Limit::PayloadBytes.row().default;
        anyhow::ensure!(
            payload.len() as u64 <= most,
            "the payload has {} bytes and may have {most} (`{}`)",
            payload.len(),
            Limit::PayloadBytes.row().setting
        );
        Ok(payload)
    }

    fn setup(&self, component: &Component, asked: SandboxSpec, limits: Limits, heard: &Arc<Heard>) -> Setup {
        let (log, progress) = (heard.clone(), heard.clone());
        let empty: Arc<str> = Arc::from("{}");
        Setup {
            identity: Identity {
                guild_id: "guild".to_owned(),
                guild_name: "Guild".to_owned(),
                agent_id: "agent".to_owned(),
                agent_name: component.description.name.clone(),
                class_name: component.description.class_name.clone(),
            },
            properties: self.properties.clone(),
            guild_memory: MemoryBudget::new(limits.memory_bytes()),
            limits,
            asked,
            values: Values::default(),
            progress: Some(Arc::new(move |said: Progress| {
                put(&progress.progress, json!({"format": said.format, "payload": json_of(&said.payload)}));
            })),
            log: Arc::new(move |line| put(&log.log, json!(line.text))),
            agent_state: empty.clone(),
            guild_state: empty,
        }
    }

    fn delivery(&self, payload: String, budget_ms: u32) -> TurnInput {
        let now_ms = Clock::system().now_ms();
        let message = GuestMessage {
            id: 1,
            format: self.format.clone(),
            payload,
            sender: GuestTag { id: Some("user".to_owned()), name: Some("User".to_owned()) },
            topic: self.topic.clone(),
            recipients: Vec::new(),
            thread: vec![1],
            in_response_to: None,
            conversation_id: None,
            priority: 4,
            timestamp_ms: now_ms,
            is_error: false,
            session_state: None,
            traceparent: None,
            attempt: 1,
            budget_ms,
        };
        TurnInput { message, agent_state: Arc::from("{}"), guild_state: Arc::from("{}") }
    }
}

fn json_of(text: &str) -> Value {
    serde_json::from_str(text).unwrap_or_else(|_| json!(text))
}

fn emitted(emit: &Outgoing) -> Value {
    let mut shown = json!({"format": emit.format, "payload": json_of(emit.payload.get())});
    let state = emit.session_state.as_ref().map(|state| json_of(state.get()));
    for (key, value) in [
        ("topics", json!(emit.topics)),
        ("recipients", json!(emit.recipients)),
        ("priority", json!(emit.priority)),
        ("new_thread", json!(emit.new_thread)),
        ("session_state", json!(state)),
        ("reason", json!(emit.reason)),
    ] {
        if !(value.is_null() || value == json!([]) || value == json!(false)) {
            shown[key] = value;
        }
    }
    shown
}

/// All that came of a turn.
fn told(turn: TurnOutcome, heard: &Heard) -> Value {
    let usage = json!({
        "fuel": turn.usage.fuel_used, "peak_memory_bytes": turn.usage.peak_memory_bytes,
        "wall_us": u64::try_from(turn.usage.wall.as_micros()).unwrap_or(u64::MAX),
    });
    let patches = |patches: &[String]| -> Value { patches.iter().map(|patch| json_of(patch)).collect() };
    let mut told = match turn.end {
        TurnEnd::Done { emits, agent_patches, guild_patches, values } => json!({
            "end": "done", "emits": emits.iter().map(emitted).collect::<Vec<_>>(),
            "agent_state": patches(&agent_patches), "guild_state": patches(&guild_patches),
            "values": values.iter().map(|write| write.key.as_str()).collect::<Vec<_>>(),
        }),
        TurnEnd::Declined(Failure::Reject(reason)) => json!({"end": "rejected", "reason": reason}),
        TurnEnd::Declined(Failure::Retry { reason, after_ms }) => {
            json!({"end": "retry", "reason": reason, "after_ms": after_ms})
        }
        TurnEnd::Declined(Failure::Other(reason)) => json!({"end": "failed", "reason": reason}),
        TurnEnd::Cancelled => json!({"end": "cancelled"}),
        TurnEnd::Broken(fault) => json!({"end": "broken", "fault": fault}),
    };
    told["usage"] = usage;
    told["progress"] = take(&heard.progress).into();
    told["log"] = take(&heard.log).into();
    told
}

/// The same for people.
fn in_lines(told: &Value) -> String {
    let mut text = String::new();
    let items = |key: &str| told[key].as_array().into_iter().flatten();
    for (key, what) in [
        ("log", "log"),
        ("progress", "progress"),
        ("agent_state", "agent state"),
        ("guild_state", "guild state"),
        ("values", "keys written"),
    ] {
        for item in items(key) {
            let item = item.as_str().map_or_else(|| item.to_string(), str::to_owned);
            text += &format!("{what}: {item}\n");
        }
    }
    for emit in items("emits") {
        text += &format!("emit {}: {}\n", emit["format"].as_str().unwrap_or_default(), emit["payload"]);
        for (key, value) in
            emit.as_object().into_iter().flatten().filter(|(key, _)| *key != "format" && *key != "payload")
        {
            text += &format!("     {key}: {value}\n");
        }
    }
    let end = told["end"].as_str().unwrap_or_default();
    match (&told["reason"], &told["fault"]["message"]) {
        (Value::String(reason), _) => text += &format!("{end}: {reason}\n"),
        (_, Value::String(message)) => {
            let kind = told["fault"]["kind"].as_str().unwrap_or_default();
            text += &format!("{end}: {kind}: {message}\n");
        }
        _ => text += &format!("{end}\n"),
    }
    for frame in told["fault"]["backtrace"].as_array().into_iter().flatten() {
        text += &format!("  at {}\n", frame.as_str().unwrap_or_default());
    }
    let usage = &told["usage"];
    text + &format!(
        "fuel {}, peak memory {} bytes, {} µs\n",
        usage["fuel"], usage["peak_memory_bytes"], usage["wall_us"]
    )
}

fn pretty(value: &Value) -> String {
    format!("{value:#}\n")
}

fn print(text: &str) {
    // Whoever reads may have had enough.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
