//! Uploads: a component is checked and kept at once, and compiled in the background. When it is ready, its name is
//! taken and its class is bound in the catalog. A compilation that the end of the host cuts short begins again at the
//! next start.

use std::sync::Arc;

use bytes::Bytes;
use serde_json::{Value, json};

use super::compiling::{Binds, Compilation};
use super::error::{ComponentError, host_error};
use super::event::ComponentEvent;
use super::row::{check_schemas, row_of};
use crate::agent::ResolveError;
use crate::guild::guilds::Guilds;
use crate::store::{ComponentRow, StoreError};
use guildhall_model::component::ComponentName;
use guildhall_model::component::ComponentState;
use guildhall_model::expression::{ExpressionError, MAX_DOCUMENT};
use guildhall_model::ids::Digest;
use guildhall_sandbox::{Component, Limit, Refusal};

impl Guilds {
    /// Takes an uploaded component: checks it, keeps it, and begins to compile it unless it is ready. The component
    /// gets `name` in addition to the name that it describes. `binds` says whether its class is bound to it when it is
    /// ready. An upload that has begun is completed even if the future is dropped.
    ///
    /// # Errors
    /// `Refused`, `NameTaken`, `NameReserved`, `Busy`, or the host fails.
    pub async fn upload_component(
        &self,
        bytes: Bytes,
        name: Option<ComponentName>,
        binds: Binds,
    ) -> Result<ComponentRow, ComponentError> {
        let guilds = self.clone();
        let upload = self.0.tracker.spawn(async move { guilds.take_component(bytes, name.as_ref(), binds).await });
        upload.await.map_err(|error| ComponentError::Host(error.to_string()))?
    }

    async fn take_component(
        &self,
        bytes: Bytes,
        name: Option<&ComponentName>,
        binds: Binds,
    ) -> Result<ComponentRow, ComponentError> {
        let setup = &self.0.setup;
        let checked = setup.components.sandbox().check(bytes.clone()).await;
        let (digest, outline) = checked.map_err(ComponentError::Refused)?;
        let known = setup.store.component(&digest).await?;
        if let Some(row) = known.filter(|row| row.state == ComponentState::Ready) {
            // Repairs a file that is missing or damaged.
            setup.components.save(&digest, bytes).await.map_err(host_error)?;
            self.name_component(name, &digest).await?;
            if let (Binds::ItsClass, Some(class)) = (binds, &row.class_name) {
                self.refuse_reserved(class, &digest)?;
                self.bind_registered(class, &digest).await?;
            }
            return Ok(row);
        }
        let Some(compilation) = self.begin_compilation(&digest)? else {
            self.name_component(name, &digest).await?;
            if binds == Binds::ItsClass {
                self.0.component_work.bind_when_ready(&digest);
            }
            return self.component(&digest).await;
        };
        self.name_component(name, &digest).await?;
        if binds == Binds::ItsClass {
            self.0.component_work.bind_when_ready(&digest);
        }
        setup.components.save(&digest, bytes.clone()).await.map_err(host_error)?;
        let row = ComponentRow {
            digest,
            size: bytes.len() as u64,
            state: ComponentState::Compiling,
            class_name: None,
            name: None,
            version: None,
            summary: None,
            description: Value::Null,
            imports: outline.imports,
            reason: None,
            refusal: None,
            created_ms: setup.clock.now_ms(),
        };
        setup.store.insert_component(&row).await?;
        self.compile(compilation, row.clone());
        Ok(row)
    }

    fn begin_compilation(&self, digest: &Digest) -> Result<Option<Compilation>, ComponentError> {
        let limit = self.0.setup.components.sandbox().ceilings().get(Limit::CompileQueue);
        self.0.component_work.begin(digest, limit)
    }

    /// Compiles the components again that were being compiled when the host ended, and those that it could not compile
    /// before. Dropping the future leaves the rest for the next start.
    ///
    /// # Errors
    /// The store cannot be read.
    pub async fn resume_components(&self) -> Result<(), StoreError> {
        for digest in self.0.setup.store.components_to_compile().await? {
            let Some(row) = self.0.setup.store.component(&digest).await? else { continue };
            match self.begin_compilation(&digest) {
                Ok(Some(compilation)) => {
                    let row = ComponentRow { state: ComponentState::Compiling, reason: None, ..row };
                    self.0.setup.store.insert_component(&row).await?;
                    self.compile(compilation, row);
                }
                Ok(None) => {}
                Err(error) => tracing::warn!(%digest, %error, "a component has to be uploaded again"),
            }
        }
        Ok(())
    }

    fn compile(&self, compilation: Compilation, row: ComponentRow) {
        self.send_component_event(ComponentEvent::Compiling { digest: row.digest.clone() });
        let (guilds, shutdown) = (self.clone(), self.0.shutdown.clone());
        self.0.tracker.spawn(async move {
            let _compilation = compilation;
            tokio::select! {
                // The next start begins it again.
                () = shutdown.cancelled() => {}
                finished = guilds.finish_compilation(row) => if let Err(error) = finished {
                    tracing::error!(%error, "the outcome of a compilation cannot be stored");
                },
            }
        });
    }

    /// Compiles a component and stores the outcome.
    async fn finish_compilation(&self, row: ComponentRow) -> Result<(), StoreError> {
        let prepared = match self.0.setup.components.get(&row.digest).await {
            Ok(component) => match self.check_schemas(component.clone()).await {
                Ok(Ok(())) if self.refuse_reserved(&component.description.class_name, &row.digest).is_err() => {
                    Err(Refusal::ClassReserved(component.description.class_name.clone()))
                }
                Ok(Ok(())) => Ok(component),
                Ok(Err(text)) => Err(Refusal::Invalid(text)),
                Err(error) => Err(Refusal::Host(error.to_string())),
            },
            Err(ResolveError::Refused { refusal, .. }) => Err(refusal),
            Err(error) => Err(Refusal::Host(error.to_string())),
        };
        let binds = self.0.component_work.take_binds(&row.digest);
        match prepared {
            Ok(component) => self.component_ready(&component, row.created_ms, binds).await,
            // The host failed: the component may be good.
            Err(Refusal::Host(reason)) => self.compilation_failed(row, &reason).await,
            Err(refusal) => self.component_refused(row, &refusal).await,
        }
    }

    /// Checks the schemas of a component away from the server's threads. The components of all uploads have one share.
    async fn check_schemas(&self, component: Arc<Component>) -> Result<Result<(), String>, ExpressionError> {
        let sandbox = self.0.setup.components.sandbox();
        let limits = sandbox.ceilings().schemas();
        sandbox.evaluations().run_now("", MAX_DOCUMENT, move |_| check_schemas(&component, limits)).await
    }

    async fn component_ready(&self, component: &Component, created_ms: u64, binds: Binds) -> Result<(), StoreError> {
        // Its name and class are stored first: a client that reads `ready` finds them.
        self.name_as_described(component).await?;
        self.register_class(component).await?;
        if binds == Binds::ItsClass {
            self.bind_registered(&component.description.class_name, &component.digest).await?;
        }
        self.0.setup.store.insert_component(&row_of(component, created_ms)).await?;
        let (digest, class_name) = (component.digest.clone(), component.description.class_name.clone());
        tracing::info!(%digest, class_name, "a component is ready");
        self.send_component_event(ComponentEvent::Ready { digest, class_name });
        Ok(())
    }

    async fn compilation_failed(&self, row: ComponentRow, reason: &str) -> Result<(), StoreError> {
        let digest = row.digest.clone();
        tracing::error!(%digest, reason, "a component cannot be compiled now");
        let reason = format!("{reason}: upload it again when the host is well, or start the host again");
        let row = ComponentRow { state: ComponentState::Failed, reason: Some(reason.clone()), ..row };
        self.0.setup.store.insert_component(&row).await?;
        self.send_component_event(ComponentEvent::Failed { digest, reason });
        Ok(())
    }

    async fn component_refused(&self, row: ComponentRow, refusal: &Refusal) -> Result<(), StoreError> {
        let setup = &self.0.setup;
        let (digest, code, reason) = (row.digest.clone(), refusal.code(), refusal.to_string());
        tracing::info!(%digest, code, reason, "a component is refused");
        let row = ComponentRow {
            state: ComponentState::Refused,
            reason: Some(reason.clone()),
            refusal: Some(json!({"code": code, "context": refusal.context()})),
            ..row
        };
        setup.store.unname_component(&digest).await?;
        if let Err(error) = setup.components.remove(&digest).await {
            tracing::warn!(%digest, %error, "the bytes of a refused component stay");
        }
        setup.store.insert_component(&row).await?;
        self.send_component_event(ComponentEvent::Refused { digest, code: code.to_owned(), reason });
        Ok(())
    }
}
