//! What a host serves: a router that follows from its configuration. It is replaced when the configuration changes while the
//! host runs; requests and sockets that are in work keep theirs.

use std::sync::Arc;

use axum::Router;
use parking_lot::RwLock;
use tokio_util::sync::CancellationToken;
use tokio_util::task::AbortOnDropHandle;

use super::DataLock;
use crate::api::{self, Access, ApiLimits, ApiState, Hosts, Visitors};
use crate::config::Config;
use crate::connections::{self, Address, ConnectionLimits, Connections, Listener, allowed_by, raise_descriptors};
use crate::peers::{Carrying, Peers};
use crate::store::StoreLock;
use crate::ws::{self, SocketLimits, WsState};
use guildhall_model::origin::AllowedPages;

/// What a host serves once it is ready, and the locks that it holds as long as it serves.
pub(super) struct Opened {
    router: Router,
    _locks: (DataLock, StoreLock),
}

/// The same, shared with every listener. It is `None` while the host starts.
#[derive(Clone, Default)]
pub(super) struct Serving(Arc<RwLock<Option<Opened>>>);

impl Serving {
    /// Serves what is opened, and before that only whether the host is alive.
    pub fn serve(
        &self,
        listener: Listener,
        connections: Connections,
        until: CancellationToken,
    ) -> AbortOnDropHandle<()> {
        let served = self.0.clone();
        let router = move || served.read().as_ref().map(|opened| opened.router.clone());
        let serving = connections::serve(listener, api::router_when_ready(router), connections, until);
        AbortOnDropHandle::new(tokio::spawn(serving))
    }

    /// Begins to serve a router. The locks are held until all listeners have ended.
    pub fn begin(&self, router: Router, locks: (DataLock, StoreLock)) {
        *self.0.write() = Some(Opened { router, _locks: locks });
    }

    /// Serves another router from the next request on.
    pub fn replace(&self, router: Router) {
        if let Some(opened) = &mut *self.0.write() {
            opened.router = router;
        }
    }
}

/// Makes the router that a configuration asks for.
#[derive(Clone)]
pub(super) struct Routers {
    pub api: ApiState,
    pub sockets: WsState,
    /// Where the host listens.
    pub addresses: Vec<Address>,
    /// The other hosts; `None`: this one is alone.
    pub peers: Option<Peers>,
}

impl Routers {
    /// Returns the REST API with the sockets, as the configuration says.
    pub fn of(&self, config: &Config) -> Router {
        let pages = AllowedPages::new(config.cors_origins.iter().cloned());
        let visitors = Visitors { pages: pages.clone(), hosts: hosts(&self.addresses, config) };
        let limits = SocketLimits { frame_bytes: config.frame_bytes, ping_every: config.ping_every };
        let sockets = self.sockets.with(limits, pages);
        let carrying = self.peers.clone().map(|peers| Carrying { peers, sockets: sockets.clone() });
        let limits = ApiLimits { body_bytes: config.body_bytes, body_within: config.body_within, ..self.api.limits };
        let access = if config.log.access { Access::Info } else { Access::Debug };
        api::router(ApiState { limits, ..self.api.clone() }, ws::router(sockets), visitors, access, carrying)
    }
}

/// The host names that requests may use. A host that other machines reach cannot know its names, so it allows all.
fn hosts(addresses: &[Address], config: &Config) -> Hosts {
    let is_local = addresses.iter().all(Address::is_local) && !config.host_names.iter().any(|name| name == "*");
    if is_local { Hosts::Local(config.host_names.as_slice().into()) } else { Hosts::Any }
}

/// The bounds of connections: those of the settings, and no more than the system has descriptors for.
pub(super) fn connection_limits(config: &Config) -> ConnectionLimits {
    let most = config.connections.most.min(allowed_by(raise_descriptors()));
    if most < config.connections.most {
        tracing::warn!(
            wanted = config.connections.most,
            allowed = most,
            "fewer connections than limits.connections: raise the limit of open files (ulimit -n, LimitNOFILE=)"
        );
    }
    ConnectionLimits { most, ..config.connections }
}
