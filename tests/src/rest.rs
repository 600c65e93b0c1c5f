//! A client of the server's REST API, with the operations that tests need.

use std::time::Duration;

use serde_json::{Value, json};

use crate::blueprint;
use crate::wait::{eventually, within};

/// The deadline for compiling a component, `host.compile_timeout_s`.
const COMPILED_WITHIN: Duration = Duration::from_secs(300);
/// How long an answer may take.
const ANSWER: Duration = Duration::from_secs(60);

/// A client of one server.
#[derive(Clone, Debug)]
pub struct Rest {
    base: String,
    http: reqwest::Client,
}

/// An answer. The body is `null` if it is empty, and a string if it is not JSON.
#[derive(Clone, Debug)]
pub struct Answer {
    pub request: String,
    pub status: u16,
    pub body: Value,
}

impl Answer {
    /// Returns the body.
    ///
    /// # Panics
    /// If the status is not one of these.
    pub fn expect(self, statuses: &[u16]) -> Value {
        let Self { request, status, body } = self;
        assert!(statuses.contains(&status), "{request} answered {status} instead of {statuses:?}: {body}");
        body
    }

    /// Returns the member `id` of the body.
    ///
    /// # Panics
    /// If the status is not 201.
    pub fn created(self) -> String {
        text(&self.expect(&[201]), "id")
    }
}

fn text(body: &Value, member: &str) -> String {
    body[member].as_str().unwrap_or_else(|| panic!("`{member}` is no text in {body}")).to_owned()
}

impl Rest {
    /// Returns a client of the server at `base`, `http://host:port`.
    #[must_use]
    pub fn new(base: &str) -> Self {
        guildhall::oci::provide_tls();
        let http = reqwest::Client::builder().redirect(reqwest::redirect::Policy::none()).build();
        Self { base: base.trim_end_matches('/').to_owned(), http: http.expect("the options are right") }
    }

    /// Returns a request for operations that have no method here.
    pub fn request(&self, method: reqwest::Method, path: &str) -> reqwest::RequestBuilder {
        self.http.request(method, format!("{}{path}", self.base))
    }

    /// Returns `host:port`.
    #[must_use]
    pub fn authority(&self) -> &str {
        self.base.trim_start_matches("http://")
    }

    /// Waits longer than other waits: an answer may wait for a component to be compiled, at low priority.
    async fn send(&self, request: reqwest::RequestBuilder) -> Answer {
        let request = request.build().expect("the request is well formed");
        let name = format!("{} {}", request.method(), request.url().path());
        let answer = within(ANSWER, &name, async {
            let answer = self.http.execute(request).await?;
            let status = answer.status().as_u16();
            Ok::<_, reqwest::Error>((status, answer.text().await?))
        });
        let (status, body) = answer.await.unwrap_or_else(|error| panic!("{name} got no answer: {error:?}"));
        let body = match body.as_str() {
            "" => Value::Null,
            body => serde_json::from_str(body).unwrap_or_else(|_| Value::from(body)),
        };
        Answer { request: name, status, body }
    }

    pub async fn get(&self, path: &str) -> Answer {
        self.send(self.http.get(format!("{}{path}", self.base))).await
    }

    pub async fn post(&self, path: &str, body: &Value) -> Answer {
        self.send(self.http.post(format!("{}{path}", self.base)).json(body)).await
    }

    pub async fn delete(&self, path: &str) -> Answer {
        self.send(self.http.delete(format!("{}{path}", self.base))).await
    }

    /// Creates a category and returns its id.
    pub async fn category(&self) -> String {
        let body = json!({"name": "Testing", "description": "What tests make"});
        self.post("/catalog/categories/", &body).await.created()
    }

    /// Creates a blueprint with a spec and returns its id.
    pub async fn blueprint(&self, spec: &Value) -> String {
        let category = self.category().await;
        self.post("/catalog/blueprints/", &blueprint::of(spec, &category)).await.created()
    }

    /// Launches a guild of a blueprint for `testuser123`, a user of the owning organisation, and returns its id.
    pub async fn launch(&self, blueprint: &str) -> String {
        let body = json!({"guild_name": "A guild", "user_id": "testuser123", "org_id": "testorg456"});
        self.post(&format!("/catalog/blueprints/{blueprint}/guilds"), &body).await.created()
    }

    /// Creates a blueprint with a spec, launches a guild of it and returns the guild's id.
    pub async fn launch_spec(&self, spec: &Value) -> String {
        let blueprint = self.blueprint(spec).await;
        self.launch(&blueprint).await
    }

    pub async fn put(&self, path: &str, body: &Value) -> Answer {
        self.send(self.http.put(format!("{}{path}", self.base)).json(body)).await
    }

    /// Uploads a component and returns the first answer, before it is compiled.
    pub async fn upload_only(&self, query: &str, component: Vec<u8>) -> Answer {
        let request = self.http.post(format!("{}/catalog/components{query}", self.base));
        self.send(request.header("content-type", "application/wasm").body(component)).await
    }

    /// Returns the status of an uploaded component when it is compiled or refused, or after this many seconds.
    pub async fn component(&self, digest: &str, wait_s: u8) -> Value {
        self.get(&format!("/catalog/components/{digest}?wait={wait_s}")).await.expect(&[200])
    }

    /// Returns the status of an uploaded component when it is compiled or refused.
    pub async fn compiled(&self, digest: &str) -> Value {
        eventually(COMPILED_WITHIN, "the component to be compiled or refused", async || {
            let component = self.component(digest, 5).await;
            if component["state"] == "compiling" { Err(component) } else { Ok(component) }
        })
        .await
    }

    /// Uploads a component, waits until it is compiled, and returns its digest.
    pub async fn upload(&self, component: Vec<u8>) -> String {
        let digest = text(&self.upload_only("", component).await.expect(&[200, 202]), "digest");
        let component = self.compiled(&digest).await;
        assert_eq!(component["state"], "ready", "{component}");
        digest
    }

    pub async fn guild(&self, guild: &str) -> Value {
        self.get(&format!("/api/guilds/{guild}")).await.expect(&[200])
    }

    /// Waits until the guild has this status.
    pub async fn guild_is(&self, guild: &str, status: &str) {
        eventually(Duration::from_secs(30), &format!("guild {guild} to be {status}"), async || {
            let guild = self.guild(guild).await;
            if guild["status"] == status { Ok(()) } else { Err(guild["status"].clone()) }
        })
        .await;
    }

    /// Waits until the guild's agents run or have failed to start.
    pub async fn guild_is_past_its_start(&self, guild: &str) {
        eventually(Duration::from_secs(30), &format!("guild {guild} to be past its start"), async || {
            let status = self.guild(guild).await["status"].clone();
            let is_starting = ["requested", "not_launched", "starting"].contains(&status.as_str().unwrap_or_default());
            if is_starting { Err(status) } else { Ok(()) }
        })
        .await;
    }

    /// Returns the messages of a user in a guild, sent and received, in order.
    pub async fn history(&self, guild: &str, user: &str) -> Vec<Value> {
        let body = self.get(&format!("/api/guilds/{guild}/{user}/messages")).await.expect(&[200]);
        serde_json::from_value(body).expect("a history is a list")
    }
}
