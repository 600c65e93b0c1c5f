//! The answer to each error: its status, text, code, hint and context. Only this file and those below it know the
//! status codes of errors; each of those has the errors of one resource.

mod catalog;
mod component;
mod file;
mod guild;
mod request;
mod spec;

use axum::http::StatusCode;
use serde_json::json;

use super::api_error::{Answer, ApiError};
use guildhall_model::error_body::ErrorBody;

impl ApiError {
    pub(super) fn answer(self) -> Answer {
        match self {
            Self::NoRoute => request::no_route(),
            Self::NoMethod => request::no_method(),
            Self::ForeignHost(host) => request::foreign_host(&host),
            Self::Unreadable => request::unreadable(),
            Self::TooLarge { limit, setting } => request::too_large(limit, setting),
            Self::TooManyValues { limit } => request::too_many_values(limit),
            Self::NoRoom(no_room) => request::no_room(no_room),
            Self::TooSlow { within } => request::too_slow(within),
            Self::Invalid(errors) => request::invalid(&errors),
            Self::NotJson(errors) => request::not_json(&errors),
            Self::ForeignPage(origin) => request::foreign_page(&origin),
            Self::NotReady => request::not_ready(),
            Self::Moving => request::moving(),
            Self::HasChanged { place, tag } => request::has_changed(&place, tag.as_deref()),
            Self::BadKey => request::bad_key(),
            Self::KeyReused => request::key_reused(),
            Self::Unavailable { part, .. } => request::unavailable(part),
            Self::DiskFull { part, .. } => request::disk_full(part),

            Self::Multipart(detail) => file::invalid_form(detail),
            Self::BadFileName(why) => file::bad_name(why),
            Self::File(error) => file::error(&error),
            Self::NoSuchPart { bytes } => file::no_such_part(bytes),
            Self::NoFileSystem(guild) => file::no_filesystem(&guild),

            Self::InvalidSpec(errors) => spec::invalid(&errors),
            Self::InvalidLaunch(errors) => spec::invalid_launch(errors),
            Self::Unsupported(parts) => spec::unsupported(&parts),
            Self::DuplicateAgent(id) => spec::duplicate_agent(&id),
            Self::UnknownClass(class) => spec::unknown_class(&class),
            Self::MissingCapability(lacking) => spec::missing_capability(&lacking),
            Self::UnknownComponent(component) => spec::unknown_component(&component),
            Self::Unpaired(missing) => spec::unpaired(missing),
            Self::InvalidConfiguration(why) => spec::invalid_configuration(&why),
            Self::Template(error) => spec::invalid_template(&error),

            Self::MayNotLaunch => guild::may_not_launch(),
            Self::OtherBlueprint(places) => guild::other_blueprint(&places),
            Self::SwapsFailed { swapped, failed } => guild::swaps_failed(&swapped, &failed),
            Self::GuildStopped => guild::stopped(),
            Self::GuildStopping => guild::stopping(),
            Self::GuildNotStopped => guild::not_stopped(),
            Self::AlreadyUser { user, guild } => guild::already_user(&user, &guild),
            Self::NotUser { user, guild } => guild::not_user(&user, &guild),
            Self::NoBlueprint(guild) => guild::no_blueprint(&guild),
            Self::Agent(error) => guild::agent(&error),
            Self::DeadLetter(error) => guild::dead_letter(&error),

            Self::NotShared { blueprint, org } => catalog::not_shared(&blueprint, &org),
            Self::NoAgent(agent) => catalog::no_agent(&agent),
            Self::NoIcon(agent) => catalog::no_icon(&agent),
            Self::NothingGiven(what) => catalog::nothing_given(what),
            Self::AgentsNotInBlueprint => catalog::agents_not_in_blueprint(),
            Self::UnknownStatuses(given) => catalog::unknown_statuses(&given),
            Self::NoHandler(format) => catalog::no_handler(&format),
            Self::NotInRegistry(_) => catalog::not_in_registry(),
            Self::NoSchema(class) => catalog::no_schema(&class),
            Self::NotAMessage => catalog::not_a_message(),
            Self::OnBoard => catalog::on_board(),
            Self::NotOnBoard => catalog::not_on_board(),

            Self::NotWasm => component::not_wasm(),
            Self::Component(error) => component::error(error),

            Self::NotFound { what, id } => not_found(what, &id),
            Self::NoSuch { what, id } => no_such(what, &id),
            Self::Conflict { what, id } => conflict(what, &id),
            Self::Needed { what, id, by } => needed(what, &id, &by),
            Self::Internal(_) => request::internal(),
        }
    }
}

fn not_found(what: &str, id: &str) -> Answer {
    let body = match what {
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
    };
    (StatusCode::NOT_FOUND, body)
}

/// As [`not_found`], with the id in the text.
fn no_such(what: &str, id: &str) -> Answer {
    let body = match what {
        "guild" => ErrorBody::new(format!("Guild {id} not found"), "guild_not_found"),
        "blueprint" => ErrorBody::new(format!("Blueprint {id} not found"), "blueprint_not_found"),
        _ => return not_found(what, id),
    };
    (StatusCode::NOT_FOUND, body)
}

fn needed(what: &str, id: &str, by: &[String]) -> Answer {
    let (name, code) = match what {
        "blueprint" => ("Blueprint", "blueprint_in_use"),
        "category" => ("Category", "category_in_use"),
        _ => ("Agent class", "agent_class_in_use"),
    };
    let body = ErrorBody::new(format!("{name} {id} is in use by {}", by.join(", ")), code)
        .hint("remove these first; at most 20 are named")
        .about(json!({"by": by}));
    (StatusCode::CONFLICT, body)
}

fn conflict(what: &str, id: &str) -> Answer {
    let body = match what {
        "guild" => ErrorBody::new(format!("Guild {id} already exists"), "guild_exists"),
        "agent class" => ErrorBody::new(format!("'{id}' already exists"), "agent_class_exists"),
        _ => ErrorBody::new(format!("{what} {id} already exists"), "conflict"),
    };
    (StatusCode::CONFLICT, body)
}
