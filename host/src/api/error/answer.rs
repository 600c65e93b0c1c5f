//! What clients are told of each error, and with which status.

use axum::http::StatusCode;
use serde_json::json;

use super::ApiError;
use crate::files::FilesError;
use crate::guild::{AgentError, ComponentError, ComponentRefusal, DeadLetterError, OciError, SwapError};
use guildhall_model::error_body::ErrorBody;
use guildhall_model::python_repr::repr;
use guildhall_model::read::{FieldError, Step};
use guildhall_model::status::GuildStatus;

impl ApiError {
    pub(super) fn answer(self) -> (StatusCode, ErrorBody) {
        match self {
            Self::NoRoute => (StatusCode::NOT_FOUND, ErrorBody::new("Not Found", "no_such_path")),
            Self::NoMethod => {
                (StatusCode::METHOD_NOT_ALLOWED, ErrorBody::new("Method Not Allowed", "method_not_allowed"))
            }
            Self::ForeignHost(host) => (
                StatusCode::MISDIRECTED_REQUEST,
                ErrorBody::new(format!("This host is not {host}"), "foreign_host").hint(
                    "ask it by an address or as localhost, or have the operator name the host with --set http.hosts=NAME",
                ),
            ),
            Self::Unreadable => (
                StatusCode::BAD_REQUEST,
                ErrorBody::new("There was an error parsing the body", "unreadable_body").hint("send JSON in UTF-8"),
            ),
            Self::TooLarge { limit, setting } => (
                StatusCode::PAYLOAD_TOO_LARGE,
                ErrorBody::new(format!("The body is larger than {limit} bytes"), "too_large")
                    .hint(format!("the operator sets the limit with {setting}")),
            ),
            Self::NoRoom { limit, setting } => (
                StatusCode::SERVICE_UNAVAILABLE,
                ErrorBody::new(format!("All bodies that are read at once may have {limit} bytes"), "busy")
                    .hint(format!("try again later; the operator sets the limit with {setting}"))
                    .about(json!({"limit": limit, "setting": setting})),
            ),
            Self::TooSlow { within } => (
                StatusCode::REQUEST_TIMEOUT,
                ErrorBody::new(format!("The body took more than {} seconds", within.as_secs()), "too_slow"),
            ),
            Self::NotWasm => (
                StatusCode::UNSUPPORTED_MEDIA_TYPE,
                ErrorBody::new("A component is sent as application/wasm", "not_wasm")
                    .hint("curl -H 'content-type: application/wasm' --data-binary @agent.wasm"),
            ),
            Self::Multipart(words) => (StatusCode::BAD_REQUEST, ErrorBody::new(words, "invalid_form")),
            Self::BadFileName(why) => {
                (StatusCode::BAD_REQUEST, ErrorBody::new(format!("Invalid file name: {why}"), "invalid_file_name"))
            }
            Self::File(error) => file(&error),
            Self::NoSuchPart { bytes } => (
                StatusCode::RANGE_NOT_SATISFIABLE,
                ErrorBody::new(format!("The file has {bytes} bytes, and none in this range"), "no_such_part"),
            ),
            Self::NoFileSystem(guild) => (
                StatusCode::NOT_FOUND,
                ErrorBody::new(format!("Dependency for filesystem not configured for guild {guild}"), "no_filesystem")
                    .hint("give the guild's spec a dependency_map with the key filesystem"),
            ),
            Self::Invalid(errors) => {
                (StatusCode::UNPROCESSABLE_ENTITY, ErrorBody::new(json!(errors), "invalid_body"))
            }
            Self::InvalidSpec(errors) => {
                (StatusCode::BAD_REQUEST, ErrorBody::new(as_sentences(&errors), "invalid_spec"))
            }
            Self::InvalidLaunch(errors) => (StatusCode::BAD_REQUEST, invalid_launch(errors)),
            Self::Unsupported(parts) => (
                StatusCode::BAD_REQUEST,
                ErrorBody::new(format!("Unsupported GuildSpec: {}", parts.join("; ")), "unsupported_spec")
                    .hint("leave these out: a guild that obeyed only half of its spec would mislead"),
            ),
            Self::DuplicateAgent(id) => (
                StatusCode::BAD_REQUEST,
                ErrorBody::new(format!("Invalid GuildSpec: two agents have the id {id}"), "duplicate_agent_id")
                    .hint("give each agent its own id, or none"),
            ),
            Self::UnknownClass(class) => (
                StatusCode::BAD_REQUEST,
                ErrorBody::new(format!("Agent not found for class_name: {class}"), "unknown_class")
                    .hint("register it with POST /catalog/agents, or name a component in the agent"),
            ),
            Self::UnknownComponent(component) => (
                StatusCode::BAD_REQUEST,
                ErrorBody::new(format!("Component {component} not found"), "unknown_component")
                    .hint("upload it with POST /catalog/components"),
            ),
            Self::MayNotLaunch => {
                (StatusCode::FORBIDDEN, ErrorBody::new("Insufficient permissions to launch", "may_not_launch"))
            }
            Self::OtherBlueprint(places) => (
                StatusCode::CONFLICT,
                ErrorBody::new(
                    format!("The blueprint changes more than components: {}", places.join(", ")),
                    "other_blueprint",
                )
                .hint("launch a guild of it: a running one only follows the components of its agents")
                .about(json!({"places": places})),
            ),
            Self::SwapsFailed { swapped, failed } => (
                StatusCode::UNPROCESSABLE_ENTITY,
                ErrorBody::new(format!("{} agents keep the components they have", failed.len()), "swap_failed")
                    .hint("ask again when the reasons are gone; those that were swapped are not touched again")
                    .about(json!({"swapped": swapped, "failed": failed})),
            ),
            Self::GuildStopped => (StatusCode::BAD_REQUEST, ErrorBody::new("Guild is already stopped", "guild_stopped")),
            Self::Component(error) => component(error),
            Self::NotReady => (StatusCode::SERVICE_UNAVAILABLE, ErrorBody::new("Not ready", "not_ready")),
            Self::NotFound { what, id } => (StatusCode::NOT_FOUND, not_found(what, &id)),
            Self::NoSuch { what, id } => (StatusCode::NOT_FOUND, no_such(what, &id)),
            Self::AlreadyUser { user, guild } => (
                StatusCode::CONFLICT,
                ErrorBody::new(format!("User {user} already associated with guild {guild}"), "user_exists"),
            ),
            Self::NotUser { user, guild } => (
                StatusCode::NOT_FOUND,
                ErrorBody::new(format!("User {user} is not associated with guild {guild}"), "user_not_found"),
            ),
            Self::NoBlueprint(guild) => (
                StatusCode::NOT_FOUND,
                ErrorBody::new(format!("No Blueprint associated with guild {guild}"), "blueprint_not_found"),
            ),
            Self::NotShared { blueprint, org } => (
                StatusCode::NOT_FOUND,
                ErrorBody::new(format!("Blueprint {blueprint} is not shared with organization {org}"), "not_shared"),
            ),
            Self::NoAgent(agent) => {
                (StatusCode::NOT_FOUND, ErrorBody::new(format!("Agent {agent} does not exist"), "agent_not_found"))
            }
            Self::Agent(error) => agent_error(&error),
            Self::DeadLetter(error) => dead_letter(&error),
            Self::NoIcon(agent) => {
                (StatusCode::NOT_FOUND, ErrorBody::new(format!("Agent {agent} does not have an icon"), "icon_not_found"))
            }
            Self::NothingGiven(what) => {
                (StatusCode::BAD_REQUEST, ErrorBody::new(format!("No {what} provided"), "no_icon_given"))
            }
            Self::StrangeAgents => (
                StatusCode::BAD_REQUEST,
                ErrorBody::new(
                    "Provided agent names are not a subset of the agent names in the blueprint",
                    "agent_not_in_blueprint",
                ),
            ),
            Self::UnknownStatuses(given) => (StatusCode::BAD_REQUEST, unknown_statuses(&given)),
            Self::NoHandler(format) => (
                StatusCode::NOT_FOUND,
                ErrorBody::new(format!("Agent with message format '{format}' not found"), "format_not_found"),
            ),
            Self::NotInRegistry(_) => (StatusCode::NOT_FOUND, ErrorBody::new("Agent not found", "agent_class_not_found")),
            Self::NoSchema(class) => (
                StatusCode::NOT_FOUND,
                ErrorBody::new(format!("Class {class} not found: nothing here describes it"), "format_not_found"),
            ),
            Self::NotAMessage => (
                StatusCode::BAD_REQUEST,
                ErrorBody::new("Class is not a subclass of pydantic.BaseModel", "not_a_message")
                    .hint("this is the class of an agent: /api/registry/agents/ describes it"),
            ),
            Self::OnBoard => (StatusCode::CONFLICT, ErrorBody::new("Message already added to board", "message_on_board")),
            Self::NotOnBoard => {
                (StatusCode::NOT_FOUND, ErrorBody::new("Message not found on board", "message_not_on_board"))
            }
            Self::Unpaired(missing) => (
                StatusCode::BAD_REQUEST,
                ErrorBody::new(format!("{missing} is required"), "invalid_configuration")
                    .hint("a spec has both configuration and configuration_schema, or neither"),
            ),
            Self::InvalidConfiguration(why) => (
                StatusCode::BAD_REQUEST,
                ErrorBody::new(format!("configuration and/or schema invalid. {why}"), "invalid_configuration"),
            ),
            Self::Template(error) => (
                StatusCode::BAD_REQUEST,
                ErrorBody::new(format!("Invalid GuildSpec: {error}"), "invalid_template")
                    .hint("agents and routes are Mustache templates when there is a configuration"),
            ),
            Self::Conflict { what, id } => (StatusCode::CONFLICT, conflict(what, &id)),
            Self::Internal(_) => {
                (StatusCode::INTERNAL_SERVER_ERROR, ErrorBody::new("Internal Server Error", "internal_error"))
            }
        }
    }
}

fn file(error: &FilesError) -> (StatusCode, ErrorBody) {
    match error {
        FilesError::NotFound => (StatusCode::NOT_FOUND, ErrorBody::new("File not found", "file_not_found")),
        FilesError::Exists => (StatusCode::CONFLICT, ErrorBody::new("File already exists", "file_exists")),
        FilesError::TooLarge { limit } => (
            StatusCode::PAYLOAD_TOO_LARGE,
            ErrorBody::new(format!("The file is larger than {limit} bytes"), "file_too_large")
                .hint("the operator sets the limit with limits.file_bytes"),
        ),
        FilesError::Interrupted => (StatusCode::BAD_REQUEST, ErrorBody::new("Invalid multipart data.", "invalid_form")),
        FilesError::Storage(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, ErrorBody::new("Internal Server Error", "internal_error"))
        }
    }
}

fn component(error: ComponentError) -> (StatusCode, ErrorBody) {
    match error {
        ComponentError::Refused(refusal) => {
            let status = match refusal {
                ComponentRefusal::TooLarge { .. } => StatusCode::PAYLOAD_TOO_LARGE,
                ComponentRefusal::Host(_) => StatusCode::INTERNAL_SERVER_ERROR,
                _ => StatusCode::UNPROCESSABLE_ENTITY,
            };
            (status, ErrorBody::new(refusal.to_string(), refusal.code()).about(refusal.context()))
        }
        ComponentError::NameTaken { name, holder } => {
            let words = format!("{name} is {holder} and never becomes another component");
            let about = json!({"name": name.name, "version": name.version, "digest": holder});
            (StatusCode::CONFLICT, ErrorBody::new(words, "name_taken").hint("give it another version").about(about))
        }
        ComponentError::NameReserved(name) => (
            StatusCode::FORBIDDEN,
            ErrorBody::new(format!("{name} is a name that the host alone gives"), "name_reserved")
                .hint("give it a name of your own"),
        ),
        ComponentError::WrongClass { digest, its, wanted } => (
            StatusCode::CONFLICT,
            ErrorBody::new(format!("Component {digest} is of the class {its}, not {wanted}"), "wrong_class")
                .about(json!({"class_name": its})),
        ),
        ComponentError::Busy { limit } => {
            let words = format!("{limit} components wait to be compiled, and no more may");
            let answer = ErrorBody::new(words, "compile_queue_full");
            (
                StatusCode::SERVICE_UNAVAILABLE,
                answer.hint("try again later; the operator sets the limit with host.compile_queue"),
            )
        }
        ComponentError::Unknown(component) => {
            (StatusCode::NOT_FOUND, ErrorBody::new(format!("Component {component} not found"), "component_not_found"))
        }
        ComponentError::RefusedBefore { component, reason } => (
            StatusCode::BAD_REQUEST,
            ErrorBody::new(format!("Component {component} was refused: {reason}"), "component_refused"),
        ),
        ComponentError::Failed { component, reason } => (
            StatusCode::SERVICE_UNAVAILABLE,
            ErrorBody::new(format!("Component {component} could not be compiled: {reason}"), "component_failed")
                .hint("upload it again with POST /catalog/components"),
        ),
        ComponentError::Compiling(component) => (
            StatusCode::CONFLICT,
            ErrorBody::new(format!("Component {component} is still being compiled"), "component_compiling")
                .hint("GET /catalog/components/DIGEST?wait=30 is answered when it is ready"),
        ),
        ComponentError::InUse { digest, by } => (
            StatusCode::CONFLICT,
            ErrorBody::new(format!("Component {digest} is in use by {}", by.join(", ")), "component_in_use")
                .about(json!({"by": by})),
        ),
        ComponentError::Registry(error) => registry(&error),
        ComponentError::Store(_) | ComponentError::Host(_) => {
            (StatusCode::INTERNAL_SERVER_ERROR, ErrorBody::new("Internal Server Error", "internal_error"))
        }
    }
}

fn registry(error: &OciError) -> (StatusCode, ErrorBody) {
    let (status, code) = match error {
        OciError::Reference { .. } => (StatusCode::BAD_REQUEST, "invalid_reference"),
        OciError::Denied { .. } => (StatusCode::FORBIDDEN, "registry_not_allowed"),
        OciError::NoComponent(_) => (StatusCode::BAD_REQUEST, "not_a_component"),
        OciError::TooLarge { .. } => (StatusCode::PAYLOAD_TOO_LARGE, "too_large"),
        OciError::Registry { .. } => (StatusCode::BAD_GATEWAY, "registry_failed"),
    };
    (status, ErrorBody::new(error.to_string(), code))
}

fn not_found(what: &str, id: &str) -> ErrorBody {
    match what {
        "guild" => ErrorBody::new("Guild not found", "guild_not_found"),
        "blueprint" => ErrorBody::new("Blueprint not found", "blueprint_not_found"),
        "category" => ErrorBody::new(format!("Category {id} not found"), "category_not_found"),
        "agent class" => {
            ErrorBody::new(format!("Agent with qualified class name {id} not found"), "agent_class_not_found")
        }
        "component" => ErrorBody::new(format!("Component {id} not found"), "component_not_found"),
        "review" => ErrorBody::new(format!("Review {id} not found"), "review_not_found"),
        "dead letter" => ErrorBody::new(format!("the guild has no dead letter {id}"), "dead_letter_not_found"),
        "board" => ErrorBody::new("Board not found", "board_not_found"),
        _ => ErrorBody::new(format!("{what} {id} not found"), "not_found"),
    }
}

fn agent_error(error: &AgentError) -> (StatusCode, ErrorBody) {
    let words = error.to_string();
    match error {
        AgentError::Guild(_) => (StatusCode::INTERNAL_SERVER_ERROR, ErrorBody::new(words, "internal")),
        AgentError::Unknown(_) => (StatusCode::NOT_FOUND, ErrorBody::new(words, "agent_not_found")),
        AgentError::Idle(_) => (StatusCode::CONFLICT, ErrorBody::new(words, "agent_idle")),
        AgentError::Component(_) => (
            StatusCode::BAD_REQUEST,
            ErrorBody::new(words, "unknown_component").hint("upload it with POST /catalog/components"),
        ),
        AgentError::Swap(SwapError::Busy) => (
            StatusCode::CONFLICT,
            ErrorBody::new(words, "agent_busy").hint("POST /api/guilds/{id}/agents/{agent}/cancel ends the turn"),
        ),
        AgentError::Swap(SwapError::Failed(_)) => (
            StatusCode::UNPROCESSABLE_ENTITY,
            ErrorBody::new(words, "swap_failed").hint("the agent goes on with the component it had"),
        ),
        AgentError::Swap(SwapError::Ended) => (StatusCode::CONFLICT, ErrorBody::new(words, "agent_ended")),
    }
}

fn dead_letter(error: &DeadLetterError) -> (StatusCode, ErrorBody) {
    let words = error.to_string();
    match error {
        DeadLetterError::Guild(_) => (StatusCode::INTERNAL_SERVER_ERROR, ErrorBody::new(words, "internal")),
        DeadLetterError::Unknown(_) => (StatusCode::NOT_FOUND, ErrorBody::new(words, "dead_letter_not_found")),
        DeadLetterError::NoAgent(_) => (
            StatusCode::CONFLICT,
            ErrorBody::new(words, "agent_not_found").hint("discard the letter, or launch the agent again"),
        ),
    }
}

fn no_such(what: &str, id: &str) -> ErrorBody {
    match what {
        "guild" => ErrorBody::new(format!("Guild {id} not found"), "guild_not_found"),
        "blueprint" => ErrorBody::new(format!("Blueprint {id} not found"), "blueprint_not_found"),
        _ => not_found(what, id),
    }
}

/// Clients know the errors of agents, their properties and rules with paths that begin
/// there; the hint says which agent or rule it is.
fn invalid_launch(errors: Vec<FieldError>) -> ErrorBody {
    let paths: Vec<String> = errors.iter().filter(|mistake| mistake.loc.len() > 1).map(FieldError::path).collect();
    let relative = errors.into_iter().map(|mistake| match mistake.loc.as_slice() {
        [Step::Key(_), Step::Index(_), Step::Key(properties), rest @ ..]
            if properties == "properties" && !rest.is_empty() =>
        {
            FieldError { loc: rest.into(), ..mistake }
        }
        [Step::Key(list), Step::Index(_), rest @ ..] if list == "agents" => FieldError { loc: rest.into(), ..mistake },
        [Step::Key(_), Step::Key(steps), Step::Index(_), rest @ ..] if steps == "steps" => {
            FieldError { loc: rest.into(), ..mistake }
        }
        [Step::Key(_), Step::Key(messaging), rest @ ..] if messaging == "messaging" => {
            FieldError { loc: rest.into(), ..mistake }
        }
        _ => mistake,
    });
    let answer = ErrorBody::new(json!(relative.collect::<Vec<_>>()), "invalid_launch");
    if paths.is_empty() { answer } else { answer.hint(format!("look at {}", paths.join(", "))) }
}

/// The statuses in the order in which clients know them.
const LISTED: [GuildStatus; 10] = [
    GuildStatus::Requested,
    GuildStatus::Starting,
    GuildStatus::Running,
    GuildStatus::Stopped,
    GuildStatus::Stopping,
    GuildStatus::Unknown,
    GuildStatus::Warning,
    GuildStatus::Backlogged,
    GuildStatus::Error,
    GuildStatus::PendingLaunch,
];

fn unknown_statuses(given: &[String]) -> ErrorBody {
    let (given, valid) = (repr(&json!(given)), repr(&json!(LISTED.map(GuildStatus::name))));
    ErrorBody::new(format!("Invalid status values: {given}. Valid statuses are: {valid}"), "unknown_status")
}

fn conflict(what: &str, id: &str) -> ErrorBody {
    match what {
        "guild" => ErrorBody::new(format!("Guild {id} already exists"), "guild_exists"),
        "agent class" => ErrorBody::new(format!("'{id}' already exists"), "agent_class_exists"),
        _ => ErrorBody::new(format!("{what} {id} already exists"), "conflict"),
    }
}

/// FieldErrors as the text that clients know from the reference's validator.
fn as_sentences(errors: &[FieldError]) -> String {
    let (count, plural) = (errors.len(), if errors.len() == 1 { "" } else { "s" });
    let lines: String = errors
        .iter()
        .map(|mistake| format!("\n{}\n  {} [type={}]", mistake.path(), mistake.msg, mistake.kind))
        .collect();
    format!("Invalid GuildSpec: {count} validation error{plural} for GuildSpec{lines}")
}
