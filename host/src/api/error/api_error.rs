//! Why a request was not served, one variant for each answer, and what the errors of other modules mean here.

use std::time::Duration;

use axum::http::StatusCode;

use crate::files::{BadName, FilesError};
use crate::guild::{AgentError, Away, ComponentError, DeadLetterError, GuildError, Lacking, LaunchError, Part};
use crate::room::NoRoom;
use crate::store::{StoreError, StoreOutage};
use guildhall_model::configuration::ConfigurationError;
use guildhall_model::error_body::ErrorBody;
use guildhall_model::ids::{AgentId, BlueprintId, GuildId, OrgId, UserId};
use guildhall_model::read::FieldError;
use guildhall_model::template::TemplateError;

/// What an error is answered with: a status and a body.
pub type Answer = (StatusCode, ErrorBody);

/// Why a request was not served. The texts are for the log; what the client gets is in `answer`.
#[derive(Debug, thiserror::Error)]
pub enum ApiError {
    // Requests.
    #[error("no such path")]
    NoRoute,
    #[error("no such method")]
    NoMethod,
    /// The request names another host than this one.
    #[error("not the host {0}")]
    ForeignHost(String),
    /// The body is not text, or ended early.
    #[error("unreadable body")]
    Unreadable,
    /// The body has more bytes than `setting` allows.
    #[error("body over {limit} bytes")]
    TooLarge { limit: usize, setting: &'static str },
    /// The values of a JSON body need more memory than all clients together may use.
    #[error("values of more than {limit} bytes")]
    TooManyValues { limit: usize },
    /// What clients have sent uses all the memory that there is for it.
    #[error(transparent)]
    NoRoom(#[from] NoRoom),
    #[error("a body that took more than {} seconds", within.as_secs())]
    TooSlow { within: Duration },
    /// The errors of a body or of a query.
    #[error("invalid body")]
    Invalid(Vec<FieldError>),
    /// The same for a body that is not JSON by its content type.
    #[error("invalid body that is not JSON")]
    NotJson(Vec<FieldError>),
    /// A page of another site sends a request that may change something.
    #[error("foreign page {0}")]
    ForeignPage(String),
    /// The host does not serve yet, or shuts down.
    #[error("not ready")]
    NotReady,
    /// The guild is on its way to another host.
    #[error("the guild moves to another host")]
    Moving,
    /// A part of the host is away. The cause is for the log.
    #[error("the {} is away: {cause}", part.name())]
    Unavailable { part: Part, cause: String },
    /// The disk of a part of the host is full. The cause is for the log.
    #[error("the disk of the {} is full: {cause}", part.name())]
    DiskFull { part: Part, cause: String },

    /// `If-Match` does not name what is there now.
    #[error("{place} has changed")]
    HasChanged { place: String, tag: Option<String> },
    /// A key that is no text, too long, or given twice.
    #[error("bad idempotency key")]
    BadKey,
    /// A key that came with another body before.
    #[error("a key was used for another request")]
    KeyReused,

    // Files.
    /// A body that is not a multipart form.
    #[error("{0}")]
    Multipart(&'static str),
    #[error("bad file name: {0}")]
    BadFileName(BadName),
    #[error("{0}")]
    File(FilesError),
    /// The range that is asked for is outside of a file of this many bytes.
    #[error("no such part of {bytes} bytes")]
    NoSuchPart { bytes: u64 },
    /// The guild's spec does not have the dependency `filesystem`.
    #[error("guild {0} has no filesystem")]
    NoFileSystem(GuildId),

    // Specs.
    /// The errors in the spec of a blueprint.
    #[error("invalid spec")]
    InvalidSpec(Vec<FieldError>),
    /// The errors in the spec that a launch makes of a blueprint.
    #[error("invalid launch")]
    InvalidLaunch(Vec<FieldError>),
    /// The parts of a spec that this host does not support, as sentences.
    #[error("unsupported spec")]
    Unsupported(Vec<String>),
    #[error("two agents are {0}")]
    DuplicateAgent(AgentId),
    #[error("class {0} is not registered")]
    UnknownClass(String),
    /// Agents cannot start because they lack grants.
    #[error("missing grants of {0:?}")]
    MissingCapability(Vec<Lacking>),
    /// A body names a component that does not exist.
    #[error("component {0} is not known")]
    UnknownComponent(String),
    /// A spec has a configuration without a schema, or a schema without a configuration: this one is missing.
    #[error("{0} is required")]
    Unpaired(&'static str),
    /// A configuration that does not fit its schema, or a schema that is not valid.
    #[error("invalid configuration: {0}")]
    InvalidConfiguration(String),
    #[error(transparent)]
    Template(TemplateError),

    // Guilds and their agents.
    #[error("may not launch")]
    MayNotLaunch,
    /// A blueprint differs from the one that the guild runs, at these paths.
    #[error("another blueprint: {0:?}")]
    OtherBlueprint(Vec<String>),
    /// Some agents could not change to the component that a blueprint names: ids, and reasons.
    #[error("swaps failed: {failed:?}")]
    SwapsFailed { swapped: Vec<serde_json::Value>, failed: Vec<serde_json::Value> },
    #[error("guild was stopped")]
    GuildStopped,
    /// A guild is to be started while its stop is not complete.
    #[error("the guild is being stopped")]
    GuildStopping,
    /// A guild is to be removed and was not stopped.
    #[error("the guild was not stopped")]
    GuildNotStopped,
    #[error("user {user} is in guild {guild}")]
    AlreadyUser { user: UserId, guild: GuildId },
    #[error("user {user} is not in guild {guild}")]
    NotUser { user: UserId, guild: GuildId },
    #[error("guild {0} has no blueprint")]
    NoBlueprint(GuildId),
    #[error(transparent)]
    Agent(AgentError),
    #[error(transparent)]
    DeadLetter(DeadLetterError),

    // The catalog.
    #[error("blueprint {blueprint} is not shared with {org}")]
    NotShared { blueprint: BlueprintId, org: OrgId },
    /// The blueprint has no agent of this name.
    #[error("no agent {0}")]
    NoAgent(String),
    #[error("agent {0} has no icon")]
    NoIcon(String),
    /// An empty icon, or an empty list of icons.
    #[error("no {0} given")]
    NothingGiven(&'static str),
    /// Icons of agents that the blueprint does not have.
    #[error("agents that are not in the blueprint")]
    AgentsNotInBlueprint,
    #[error("unknown statuses {0:?}")]
    UnknownStatuses(Vec<String>),
    #[error("no handler of format {0}")]
    NoHandler(String),
    #[error("class {0} is not in the registry")]
    NotInRegistry(String),
    #[error("no schema of {0}")]
    NoSchema(String),
    /// The class is that of an agent, not of a message.
    #[error("not a class of messages")]
    NotAMessage,
    #[error("message is on the board")]
    OnBoard,
    #[error("message is not on the board")]
    NotOnBoard,
    #[error("not WebAssembly")]
    NotWasm,
    #[error("{0}")]
    Component(ComponentError),

    // Of every resource.
    #[error("{what} {id} not found")]
    NotFound { what: &'static str, id: String },
    /// As `NotFound`, for paths where clients expect the id in the text.
    #[error("{what} {id} not found")]
    NoSuch { what: &'static str, id: String },
    /// What is to be removed is in use.
    #[error("{what} {id} is needed")]
    Needed { what: &'static str, id: String, by: Vec<String> },
    #[error("{what} {id} exists")]
    Conflict { what: &'static str, id: String },
    /// The host failed. The client gets the trace id and nothing else.
    #[error("{0}")]
    Internal(String),
}

impl From<ConfigurationError> for ApiError {
    fn from(error: ConfigurationError) -> Self {
        match error {
            ConfigurationError::Invalid(why) => Self::InvalidConfiguration(why),
            ConfigurationError::Template(error) => Self::Template(error),
        }
    }
}

impl From<StoreError> for ApiError {
    fn from(error: StoreError) -> Self {
        match error {
            StoreError::NotFound { what, id } => Self::NotFound { what, id },
            StoreError::Conflict { what, id } => Self::Conflict { what, id },
            StoreError::Needed { what, id, by } => Self::Needed { what, id, by },
            other => match other.outage() {
                Some(StoreOutage::DiskFull) => Self::DiskFull { part: Part::Store, cause: other.to_string() },
                Some(StoreOutage::Unavailable) => Self::Unavailable { part: Part::Store, cause: other.to_string() },
                None => Self::Internal(other.to_string()),
            },
        }
    }
}

impl ApiError {
    /// The error of a journal that failed; `is_outage` if the same request may succeed later.
    pub fn of_journal(cause: String, is_outage: bool) -> Self {
        if is_outage { Self::Unavailable { part: Part::Journal, cause } } else { Self::Internal(cause) }
    }

    /// Converts an error about the parent of a path, such as the guild of `/catalog/guilds/{guild}/users`: clients
    /// expect its id in the text.
    pub fn under(error: StoreError) -> Self {
        match error.into() {
            Self::NotFound { what, id } => Self::NoSuch { what, id },
            other => other,
        }
    }
}

impl From<Away> for ApiError {
    fn from(Away { part, is_disk_full }: Away) -> Self {
        let cause = "it did not answer in time".to_owned();
        if is_disk_full { Self::DiskFull { part, cause } } else { Self::Unavailable { part, cause } }
    }
}

impl From<LaunchError> for ApiError {
    fn from(error: LaunchError) -> Self {
        match error {
            LaunchError::Taken(id) => Self::Conflict { what: "guild", id: id.into_string() },
            LaunchError::Store(error) => error.into(),
            LaunchError::Host(error) => Self::Internal(error),
        }
    }
}

impl From<GuildError> for ApiError {
    fn from(error: GuildError) -> Self {
        match error {
            GuildError::Unknown => Self::NotFound { what: "guild", id: String::new() },
            GuildError::Stopped => Self::GuildStopped,
            GuildError::Stopping => Self::GuildStopping,
            GuildError::NotStopped => Self::GuildNotStopped,
            GuildError::Elsewhere => Self::Moving,
            GuildError::Store(error) => error.into(),
            GuildError::Journal(error) => Self::of_journal(error.to_string(), error.is_outage()),
            GuildError::Host(error) => Self::Internal(error),
        }
    }
}

impl From<AgentError> for ApiError {
    fn from(error: AgentError) -> Self {
        match error {
            AgentError::Guild(error) => error.into(),
            other => Self::Agent(other),
        }
    }
}

impl From<DeadLetterError> for ApiError {
    fn from(error: DeadLetterError) -> Self {
        match error {
            DeadLetterError::Guild(error) => error.into(),
            other => Self::DeadLetter(other),
        }
    }
}

impl From<FilesError> for ApiError {
    fn from(error: FilesError) -> Self {
        match error {
            FilesError::Storage(cause) => Self::Internal(cause),
            other => Self::File(other),
        }
    }
}

impl From<ComponentError> for ApiError {
    fn from(error: ComponentError) -> Self {
        match error {
            ComponentError::Store(error) => error.into(),
            ComponentError::Host(cause) => Self::Internal(cause),
            other => Self::Component(other),
        }
    }
}
