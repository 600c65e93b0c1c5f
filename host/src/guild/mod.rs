//! Guilds: launched, found again, stopped. What is here keeps their rows; nothing
//! runs yet.

use bytes::Bytes;
use serde_json::Value;
use serde_json::value::RawValue;
use sha2::{Digest as _, Sha256};

use crate::model::clock::Clock;
use crate::model::ids::{BlueprintId, Digest, GuildId, OrgId, UserId};
use crate::model::spec::GuildSpec;
use crate::store::{ComponentRow, ComponentState, NewGuild, Store, StoreError};

/// A guild to launch: a spec that was read and admitted.
#[derive(Clone, Debug)]
pub struct Launch {
    pub spec: GuildSpec,
    /// The spec as its author wrote it, whole.
    pub document: Value,
    pub org: OrgId,
    pub user: Option<UserId>,
    pub blueprint: Option<BlueprintId>,
}

/// Why a guild was not launched.
#[derive(Debug, thiserror::Error)]
pub enum LaunchError {
    #[error("guild {0} already exists")]
    Taken(GuildId),
    #[error(transparent)]
    Store(#[from] StoreError),
}

/// Why a guild did not do what it was asked.
#[derive(Debug, thiserror::Error)]
pub enum GuildError {
    #[error("no such guild")]
    Unknown,
    #[error("the guild was stopped")]
    Stopped,
    #[error(transparent)]
    Store(#[from] StoreError),
}

impl GuildError {
    fn of_store(error: StoreError) -> Self {
        if matches!(error, StoreError::NotFound { .. }) { Self::Unknown } else { Self::Store(error) }
    }
}

/// Why a component was not taken.
#[derive(Clone, Debug, thiserror::Error)]
#[error("{message}")]
pub struct ComponentRefusal {
    /// A stable name; `too_large` when the bytes are too many, `host_error` when the
    /// fault is ours.
    pub code: &'static str,
    pub message: String,
    pub hint: Option<String>,
}

/// The guilds of this host. Cheap to clone.
#[derive(Clone, Debug)]
pub struct Guilds {
    store: Store,
    clock: Clock,
}

impl Guilds {
    #[must_use]
    pub const fn new(store: Store, clock: Clock) -> Self {
        Self { store, clock }
    }

    /// Keeps the guild and starts it.
    ///
    /// # Errors
    /// `Taken` when the id is in use.
    pub async fn launch(&self, launch: Launch) -> Result<GuildId, LaunchError> {
        let new = NewGuild {
            spec: &launch.spec,
            document: &launch.document,
            org: &launch.org,
            user: launch.user.as_ref(),
            blueprint: launch.blueprint.as_ref(),
            now_ms: self.clock.now_ms(),
        };
        match self.store.insert_guild(new).await {
            Ok(()) => Ok(launch.spec.id),
            Err(StoreError::Conflict { what: "guild", .. }) => Err(LaunchError::Taken(launch.spec.id)),
            Err(error) => Err(error.into()),
        }
    }

    /// Starts a guild that is not running; says whether there was anything to start.
    ///
    /// # Errors
    /// `Unknown`, or `Stopped` when it was told to end.
    pub async fn relaunch(&self, id: &GuildId) -> Result<bool, GuildError> {
        match self.store.guild_status(id).await? {
            None => Err(GuildError::Unknown),
            Some(status) if status.is_over() => Err(GuildError::Stopped),
            Some(_) => Ok(false),
        }
    }

    /// What a user has seen of a guild, as wire messages, oldest first.
    ///
    /// # Errors
    /// `Unknown` when there is no such guild.
    pub async fn history(&self, id: &GuildId, _user: &UserId) -> Result<Vec<Box<RawValue>>, GuildError> {
        self.store.guild(id).await.map_err(GuildError::of_store)?;
        Ok(Vec::new())
    }

    /// Takes a component.
    ///
    /// # Errors
    /// When the bytes are none.
    pub async fn upload_component(&self, bytes: Bytes) -> Result<ComponentRow, ComponentRefusal> {
        if !bytes.starts_with(b"\0asm") {
            return Err(ComponentRefusal {
                code: "not_wasm",
                message: "the bytes are no WebAssembly".to_owned(),
                hint: Some("send the .wasm file itself as the body".to_owned()),
            });
        }
        let hex: String = Sha256::digest(&bytes).iter().map(|byte| format!("{byte:02x}")).collect();
        let row = ComponentRow {
            digest: Digest::from(format!("sha256:{hex}")),
            size: bytes.len() as u64,
            state: ComponentState::Ready,
            class_name: None,
            name: None,
            version: None,
            summary: None,
            description: Value::Null,
            imports: Vec::new(),
            reason: None,
            created_ms: self.clock.now_ms(),
        };
        self.store.insert_component(&row).await.map_err(|error| ComponentRefusal {
            code: "host_error",
            message: error.to_string(),
            hint: None,
        })?;
        Ok(row)
    }

    /// Whether the guilds that were running are running again.
    #[must_use]
    pub const fn is_ready(&self) -> bool {
        true
    }
}
