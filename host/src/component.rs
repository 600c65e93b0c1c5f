//! `guildhall component`: inspects, checks, calls, pushes and pulls a component's file without a host, and works with the
//! components of a running host. The sandbox is that of a host, with its default limits.

mod output;
mod remote;

use std::collections::BTreeMap;
use std::io::{IsTerminal, Read, Write};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context;
use bytes::Bytes;
use clap::{Args, Subcommand};
use parking_lot::Mutex;
use serde_json::{Value, json};

use crate::oci::{self, Place};
use crate::terminal::misuse;
use guildhall_model::clock::Clock;
use guildhall_model::payload;
use guildhall_model::read::document;
use guildhall_model::read::spec::sandbox as sandbox_spec;
use guildhall_model::spec::SandboxSpec;
use guildhall_model::values::Values;
use guildhall_sandbox::{
    Component, GuestMessage, GuestTag, Identity, Limit, Limits, MemoryBudget, Outline, Policy, Progress, Refusal,
    Sandbox, SandboxConfig, SecretGrant, Setup, StartFault, TurnEnd, TurnInput, digest_of, grants,
};
use output::{inspected, json_of, or_none, pretty, refused, shown};

/// Work with components: those of a running host, files, and registries.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Show what a component's file imports and exports, which grants it needs, and how it describes itself
    #[command(after_help = "Example:\n  guildhall component inspect agent.wasm")]
    Inspect(Inspect),
    /// Check whether a host accepts a component's file, and report why not
    #[command(after_help = "Example:\n  guildhall component check agent.wasm")]
    Check(Inspect),
    /// Send one message to a component's file and show the outcome. The exit code is 0 when the message was served
    #[command(after_help = "Example:\n  guildhall component call agent.wasm --payload '{\"text\": \"Hello\"}'")]
    Call(Call),
    /// Push a component's file to an OCI registry, and print the reference by which blueprints name it
    #[command(after_help = "Example:\n  guildhall component push ghcr.io/acme/greeter:1.0 agent.wasm")]
    Push(Exchange),
    /// Pull a component from an OCI registry into a file
    #[command(after_help = "Example:\n  guildhall component pull ghcr.io/acme/greeter:1.0 agent.wasm")]
    Pull(Exchange),
    /// Upload a component's file to a host, and wait until it is compiled
    #[command(after_help = "Example:\n  guildhall component upload agent.wasm --bind")]
    Upload(remote::Upload),
    /// List the components of a host
    #[command(visible_alias = "list", after_help = "Example:\n  guildhall component ls")]
    Ls(remote::List),
    /// Remove components of a host
    #[command(visible_alias = "delete", after_help = "Example:\n  guildhall component rm greeter@1.0.0 --yes")]
    Rm(remote::Remove),
    /// Let a component of a host serve an agent class from now on
    #[command(after_help = "Example:\n  guildhall component bind example.Greeter greeter@1.1.0")]
    Bind(remote::Bind),
    /// Swap the component of a running agent; its inbox stays
    #[command(after_help = "Example:\n  guildhall component swap demo Greeter greeter@1.1.0")]
    Swap(remote::Swap),
}

/// The options of `push` and `pull`.
#[derive(Debug, Args)]
pub struct Exchange {
    /// The place in a registry, such as ghcr.io/acme/greeter:1.0.
    reference: String,
    /// A component's file.
    file: PathBuf,
    /// The user of the registry; the password is read from the environment variable GUILDHALL_OCI_PASSWORD.
    #[arg(long)]
    user: Option<String>,
    /// Reach the registry over plain HTTP. A registry on this machine is reached so without it.
    #[arg(long)]
    plain_http: bool,
    /// Print JSON: `reference` and `digest`.
    #[arg(long)]
    json: bool,
}

/// The options of `inspect` and `check`.
#[derive(Debug, Args)]
pub struct Inspect {
    /// A component's file.
    file: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// The options of `call`.
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
    /// The topic on which the agent receives the message.
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
    /// What the agent asks for, as in `sandbox` of a blueprint, such as `{"http": ["https://api.example.com"]}`; all of it is
    /// granted here. The three options above replace its members.
    #[arg(long, default_value = "{}")]
    sandbox: String,
    /// The directory of its secrets, one file for each (`policy.secrets_dir`).
    #[arg(long)]
    secrets_dir: Option<PathBuf>,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

fn format_name(text: &str) -> Result<String, String> {
    if text.chars().count() < 3 { Err("a format has at least 3 characters".to_owned()) } else { Ok(text.to_owned()) }
}

/// The exit code for a component that is refused or does not serve the message.
const NO: u8 = 1;

impl Command {
    /// Runs the command and returns its exit code.
    ///
    /// Dropping the future ends the command; what a host has begun goes on.
    ///
    /// # Errors
    /// A file or an option is wrong (`Misuse`), or what a host answers.
    pub async fn run(self) -> anyhow::Result<ExitCode> {
        let of_files = match self {
            Self::Inspect(inspect) => inspect.inspect().await,
            Self::Check(check) => check.check().await,
            Self::Call(call) => call.run().await,
            Self::Push(exchange) => exchange.push().await,
            Self::Pull(exchange) => exchange.pull().await,
            Self::Upload(upload) => return upload.run().await.map(|()| ExitCode::SUCCESS),
            Self::Ls(list) => return list.run().await.map(|()| ExitCode::SUCCESS),
            Self::Rm(remove) => return remove.run().await.map(|()| ExitCode::SUCCESS),
            Self::Bind(bind) => return bind.run().await.map(|()| ExitCode::SUCCESS),
            Self::Swap(swap) => return swap.run().await.map(|()| ExitCode::SUCCESS),
        };
        of_files.map_err(|error| misuse(format!("{error:#}")))
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
        let place = self.place()?;
        let bytes = read(&self.file)?;
        let outline = match Outline::read(&bytes, &Limits::default()) {
            Ok(outline) => outline,
            Err(refusal) => anyhow::bail!("{} is not pushed: {refusal}", self.file.display()),
        };
        let now_ms = Clock::system().now_ms();
        let pushed =
            oci::push(&place, &self.auth()?, bytes.to_vec(), &outline.imports, &outline.exports, now_ms).await?;
        self.done(&pushed.to_string(), &digest_of(&bytes).to_string(), &pushed.to_string());
        Ok(ExitCode::SUCCESS)
    }

    async fn pull(&self) -> anyhow::Result<ExitCode> {
        let place = self.place()?;
        let most = Limit::Component.row().ceiling << 20;
        let bytes = oci::pull(&place, &self.auth()?, most).await?;
        std::fs::write(&self.file, &bytes).with_context(|| format!("{} cannot be written", self.file.display()))?;
        let digest = digest_of(&bytes).to_string();
        self.done(&self.reference, &digest, &digest);
        Ok(ExitCode::SUCCESS)
    }

    /// Prints what was done: `text` for people.
    fn done(&self, reference: &str, digest: &str, text: &str) {
        let value = || pretty(&json!({"reference": reference, "digest": digest}));
        print(&if self.json { value() } else { format!("{text}\n") });
    }

    fn place(&self) -> anyhow::Result<Place> {
        let place = Place::read(&self.reference)?;
        Ok(if self.plain_http { place.over_plain_http() } else { place })
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

/// The log and the progress messages of a turn.
#[derive(Default)]
struct Received {
    log: Mutex<Vec<Value>>,
    progress: Mutex<Vec<Value>>,
}

fn take(list: &Mutex<Vec<Value>>) -> Vec<Value> {
    std::mem::take(&mut list.lock())
}

fn put(list: &Mutex<Vec<Value>>, value: Value) {
    list.lock().push(value);
}

impl Call {
    async fn run(&self) -> anyhow::Result<ExitCode> {
        let bytes = read(&self.file)?;
        let asked = self.asked()?;
        let limits = Limits::allowed().for_agent(&asked, None)?;
        let payload = self.payload()?;
        payload::check_object(&self.properties).map_err(|error| anyhow::anyhow!("--properties: {error}"))?;
        let sandbox = sandbox(self.policy(&asked)?)?;
        let component = match prepare(&sandbox, bytes).await {
            Ok(component) => component,
            Err(refusal) => return Ok(self.not_called("refused", refused(&refusal), &refusal.to_string())),
        };
        let received = Arc::new(Received::default());
        let budget_ms = u32::try_from(limits.get(Limit::Timeout)).unwrap_or(u32::MAX);
        let setup = self.setup(&component, asked, limits, &received);
        let instance = match sandbox.start(&component, setup).await {
            Ok(instance) => instance,
            Err(StartFault::Refused(reason)) => return Ok(self.not_called("not_started", json!(reason), &reason)),
            Err(StartFault::Missing(refusal)) => {
                return Ok(self.not_called("not_started", refused(&refusal), &refusal.to_string()));
            }
            Err(StartFault::Broken(fault)) => {
                return Ok(self.not_called("not_started", json!(fault), &fault.to_string()));
            }
        };
        let (_, turn) = instance.receive(self.turn_input(payload, budget_ms)).await;
        let is_served = matches!(turn.end, TurnEnd::Done { .. });
        let outcome = output::turn(turn, take(&received.progress), take(&received.log));
        print(&if self.json { pretty(&outcome) } else { output::turn_in_lines(&outcome) });
        Ok(ExitCode::from(if is_served { 0 } else { NO }))
    }

    /// Prints why the component did not receive the message.
    fn not_called(&self, end: &str, about: Value, reason: &str) -> ExitCode {
        print(&if self.json { pretty(&json!({"end": end, "reason": about})) } else { format!("{end}: {reason}\n") });
        ExitCode::from(NO)
    }

    /// What the agent asks for: the options, and what a host grants without a policy.
    fn asked(&self) -> anyhow::Result<SandboxSpec> {
        let text: Value = serde_json::from_str(&self.sandbox).context("--sandbox is not JSON")?;
        let ceilings = Limits::allowed().ceilings();
        let asked = document(&text, &["sandbox"], |value, errors| sandbox_spec(value, errors, &ceilings));
        let asked = asked.map_err(|errors| {
            let lines: Vec<_> = errors.iter().map(|error| format!("{}: {}", error.path(), error.msg)).collect();
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

    /// A policy that grants everything the agent asks for.
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
                    let _ = writeln!(std::io::stderr(), "enter the payload: a JSON object, then Ctrl-D");
                }
                let mut text = String::new();
                std::io::stdin().read_to_string(&mut text).context("standard input cannot be read")?;
                text
            }
        };
        payload::check_object(&payload).map_err(|error| anyhow::anyhow!("the payload: {error}"))?;
        let most = Limit::PayloadBytes.row().default;
        anyhow::ensure!(
            payload.len() as u64 <= most,
            "the payload has {} bytes and may have {most} (`{}`)",
            payload.len(),
            Limit::PayloadBytes.row().setting
        );
        Ok(payload)
    }

    fn setup(&self, component: &Component, asked: SandboxSpec, limits: Limits, received: &Arc<Received>) -> Setup {
        let (log, progress) = (received.clone(), received.clone());
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
            progress: Some(Arc::new(move |sent: Progress| {
                put(&progress.progress, json!({"format": sent.format, "payload": json_of(&sent.payload)}));
            })),
            log: Arc::new(move |line| put(&log.log, json!(line.text))),
            agent_state: empty.clone(),
            guild_state: empty,
        }
    }

    fn turn_input(&self, payload: String, budget_ms: u32) -> TurnInput {
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

fn print(text: &str) {
    // The reader may have closed the pipe.
    let _ = std::io::stdout().write_all(text.as_bytes());
}
