//! The conformance suite of the store. It runs on SQLite files, or on the empty database of the `postgres://` URL in
//! `GUILDHALL_TEST_DATABASE`.

use serde_json::json;

use super::*;
use guildhall_model::catalog::{AgentEntry, Blueprint, Category};
use guildhall_model::component::{ComponentName, ComponentState};
use guildhall_model::expression::Expressions;
use guildhall_model::ids::{AgentId, BlueprintId, CategoryId, Digest, GuildId, OrgId, UserId, short_uuid};
use guildhall_model::read::document;
use guildhall_model::read::spec::{SandboxCeilings, SpecContext, guild};
use guildhall_model::spec::GuildSpec;
use guildhall_model::status::{AgentStatus, GuildStatus};

const CEILINGS: SandboxCeilings = SandboxCeilings::NOTHING;

/// The whole of a list.
const ALL: PageRequest = PageRequest::first(1_000);

fn random_id() -> String {
    short_uuid(rand::random())
}

/// A store for one test; the directory lives as long as the test.
async fn store() -> (Store, tempfile::TempDir) {
    let dir = tempfile::tempdir().unwrap();
    let file = format!("sqlite://{}/store.db", dir.path().display());
    let url = std::env::var("GUILDHALL_TEST_DATABASE").unwrap_or(file);
    (Store::open(&url).await.unwrap(), dir)
}

fn spec(id: &str) -> GuildSpec {
    let value = json!({
        "id": id, "name": "Echo", "description": "d", "properties": {"custom": [1]},
        "agents": [
            {"id": "a1", "name": "A", "description": "d", "class_name": "x.A"},
            {"id": "a2", "name": "B", "description": "d", "class_name": "x.B"},
        ],
        "routes": {"steps": [{"agent": {"name": "A"}, "destination": {"topics": ["only"]}}]},
    });
    document(
        &value,
        &[],
        guild(SpecContext { ceilings: &CEILINGS, expressions: &Expressions::none(), random: rand::random }),
    )
    .unwrap()
}

async fn launched(store: &Store) -> GuildId {
    let spec = spec(&random_id());
    let (org, user, blueprint) = (OrgId::from("org"), UserId::from("user"), BlueprintId::from("bp"));
    let document = json!({"z": 1, "a": 2});
    store
        .insert_guild(NewGuild {
            spec: &spec,
            document: &document,
            org: &org,
            user: Some(&user),
            blueprint: Some(&blueprint),
            now_ms: 7,
            request: None,
        })
        .await
        .unwrap();
    spec.id
}

#[tokio::test]
async fn a_guild_is_stored_and_read_back() {
    let (store, _dir) = store().await;
    let id = launched(&store).await;
    let row = store.guild(&id).await.unwrap();
    assert_eq!((row.status, row.created_ms, row.org.as_str()), (GuildStatus::Requested, 7, "org"));
    store.set_guild_blueprint(&id, &"bp2".into(), 8).await.unwrap();
    let row = store.guild(&id).await.unwrap();
    assert_eq!((row.blueprint, row.updated_ms), (Some("bp2".into()), 8));
    store.set_guild_blueprint(&id, &"bp".into(), 7).await.unwrap();
    let row = store.guild(&id).await.unwrap();
    assert_eq!(row.spec, spec(id.as_str()));
    assert_eq!(row.document.to_string(), r#"{"z":1,"a":2}"#, "the order of keys is kept");
    let agents = store.agents(&id).await.unwrap();
    let kinds: Vec<_> = agents.iter().map(|agent| (agent.id.as_str().to_owned(), agent.kind)).collect();
    assert_eq!(
        kinds,
        [
            ("a1".to_owned(), AgentKind::Member),
            ("a2".to_owned(), AgentKind::Member),
            (format!("{id}#manager_agent"), AgentKind::Manager)
        ]
    );
    assert!(store.guilds(&ALL).await.unwrap().items.iter().any(|guild| guild.id == id));
}

#[tokio::test]
async fn a_taken_id_is_a_conflict_and_stores_nothing() {
    let (store, _dir) = store().await;
    let id = launched(&store).await;
    let mut again = spec(id.as_str());
    again.agents[0].id = AgentId::from("other");
    let org = OrgId::from("org");
    let new = NewGuild {
        spec: &again,
        document: &json!({}),
        org: &org,
        user: None,
        blueprint: None,
        now_ms: 8,
        request: None,
    };
    assert!(matches!(store.insert_guild(new).await, Err(StoreError::Conflict { what: "guild", .. })));
    assert_eq!(store.agents(&id).await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_guild_with_two_agents_of_one_id_is_not_stored() {
    let (store, _dir) = store().await;
    let mut twins = spec(&random_id());
    twins.agents[1].id = twins.agents[0].id.clone();
    let org = OrgId::from("org");
    let new = NewGuild {
        spec: &twins,
        document: &json!({}),
        org: &org,
        user: None,
        blueprint: None,
        now_ms: 8,
        request: None,
    };
    assert!(matches!(store.insert_guild(new).await, Err(StoreError::Conflict { what: "agent", .. })));
    assert_eq!(store.guild_status(&twins.id).await.unwrap(), None);
}

#[tokio::test]
async fn a_stopped_guild_stays_stopped() {
    let (store, _dir) = store().await;
    let id = launched(&store).await;
    let mut changed = Vec::new();
    for status in [
        GuildStatus::Running,
        GuildStatus::Running,
        GuildStatus::Stopping,
        GuildStatus::Running,
        GuildStatus::Stopped,
        GuildStatus::Stopping,
        GuildStatus::Error,
    ] {
        changed.push(store.set_guild_status(&id, status, 9).await.unwrap());
    }
    assert_eq!(changed, [true, false, true, false, true, false, false]);
    assert_eq!(store.guild_status(&id).await.unwrap(), Some(GuildStatus::Stopped));
    assert!(!store.set_guild_status(&GuildId::from("none"), GuildStatus::Running, 9).await.unwrap());
}

#[tokio::test]
async fn only_guilds_that_were_not_stopped_are_resumed() {
    let (store, _dir) = store().await;
    let (lives, stopping, stopped) = (launched(&store).await, launched(&store).await, launched(&store).await);
    store.set_guild_status(&stopping, GuildStatus::Stopping, 1).await.unwrap();
    store.set_guild_status(&stopped, GuildStatus::Stopped, 1).await.unwrap();
    let resumed = store.guilds_awake().await.unwrap();
    assert!(resumed.contains(&lives) && !resumed.contains(&stopping) && !resumed.contains(&stopped));
}

#[tokio::test]
async fn an_agent_is_added_to_a_guild_and_changed() {
    let (store, _dir) = store().await;
    let id = launched(&store).await;
    let user = UserId::from("ada");
    let mut proxy = spec("x").agents[0].clone();
    proxy.id = AgentId::proxy_of(&user);
    let mut row = AgentRow::new(AgentKind::UserProxy, proxy, AgentStatus::Starting);
    row.user = Some(user);
    store.upsert_agent(&id, &row).await.unwrap();
    row.spec.name = "Ada".to_owned();
    store.upsert_agent(&id, &row).await.unwrap();
    let statuses = [(row.id.clone(), AgentStatus::Running), (AgentId::from("nobody"), AgentStatus::Error)];
    store.set_agent_statuses(&id, &statuses).await.unwrap();
    row.status = AgentStatus::Running;
    assert_eq!(store.agents(&id).await.unwrap().last(), Some(&row));
    assert!(store.upsert_agent(&GuildId::from("none"), &row).await.is_err());
}

#[tokio::test]
async fn a_class_is_registered_once_and_bound_again_and_again() {
    let (store, _dir) = store().await;
    let class = format!("acme.{}", random_id());
    let entry = AgentEntry { doc: "doc".to_owned(), ..AgentEntry::bare(&class) };
    store.register_agent(&entry).await.unwrap();
    assert!(matches!(store.register_agent(&entry).await, Err(StoreError::Conflict { .. })));
    let digest = Digest::from("sha256:1");
    store.bind_component(&class, &digest).await.unwrap();
    let bound = store.agent_entry(&class).await.unwrap().unwrap();
    assert_eq!(bound, AgentEntry { component: Some(digest.clone()), ..entry });
    let fresh = format!("acme.{}", random_id());
    store.bind_component(&fresh, &digest).await.unwrap();
    let names: Vec<_> =
        store.agent_entries(&ALL).await.unwrap().items.into_iter().map(|entry| entry.class_name).collect();
    let place = |name: &String| names.iter().position(|other| other == name).unwrap();
    assert!(place(&class) < place(&fresh));
    assert_eq!(store.agent_entry("acme.Nope").await.unwrap(), None);
}

#[tokio::test]
async fn a_component_is_stored_and_its_state_changes() {
    let (store, _dir) = store().await;
    let mut row = ComponentRow {
        digest: Digest::from(format!("sha256:{}", random_id())),
        size: 12,
        state: ComponentState::Compiling,
        class_name: Some("acme.A".to_owned()),
        name: None,
        version: None,
        summary: None,
        description: json!({"b": 1, "a": 2}),
        imports: vec!["wasi:io/streams".to_owned()],
        reason: None,
        refusal: Some(json!({"code": "too_large"})),
        created_ms: 3,
    };
    store.insert_component(&row).await.unwrap();
    assert_eq!(store.component(&row.digest).await.unwrap(), Some(row.clone()));
    row.state = ComponentState::Ready;
    store.insert_component(&row).await.unwrap();
    assert!(store.components().await.unwrap().contains(&row));
    let waiting = ComponentRow {
        digest: Digest::from(format!("sha256:{}", random_id())),
        state: ComponentState::Compiling,
        ..row.clone()
    };
    store.insert_component(&waiting).await.unwrap();
    let to_compile = store.components_to_compile().await.unwrap();
    assert!(to_compile.contains(&waiting.digest) && !to_compile.contains(&row.digest));
    assert!(store.delete_component(&waiting.digest).await.unwrap());
    assert_eq!(store.component(&waiting.digest).await.unwrap(), None);
}

#[tokio::test]
async fn a_name_belongs_to_the_first_component_that_has_it() {
    let (store, _dir) = store().await;
    let [one, two] = [(); 2].map(|()| Digest::from(format!("sha256:{}", random_id())));
    let name = ComponentName::new(&random_id(), "1.0.0").unwrap();
    assert_eq!(store.component_named(&name).await.unwrap(), None);
    assert_eq!(store.name_component(&name, &one).await.unwrap(), one);
    assert_eq!(store.name_component(&name, &one).await.unwrap(), one);
    assert_eq!(store.name_component(&name, &two).await.unwrap(), one);
    let next = ComponentName { version: "1.0.1".to_owned(), ..name.clone() };
    assert_eq!(store.name_component(&next, &one).await.unwrap(), one);
    let names = store.component_names(Some(&one)).await.unwrap();
    assert_eq!(names, [(one.clone(), name.to_string()), (one.clone(), next.to_string())]);
    assert!(store.component_names(None).await.unwrap().contains(&names[1]));
    store.unname_component(&one).await.unwrap();
    assert_eq!(store.name_component(&name, &two).await.unwrap(), two);
    assert!(!store.delete_component(&one).await.unwrap());
}

#[tokio::test]
async fn the_users_of_a_component_are_listed() {
    let (store, _dir) = store().await;
    let digest = Digest::from(format!("sha256:{}", random_id()));
    assert_eq!(store.component_users(&digest).await.unwrap(), [""; 0]);
    let class = format!("acme.{}", random_id());
    store.bind_component(&class, &digest).await.unwrap();
    let body = json!({
        "name": "B", "description": "d", "version": "v1", "author_id": "ada", "organization_id": null,
        "category_id": null, "spec": {"agents": []},
    });
    let blueprint = document(&body, &[], Blueprint::read(BlueprintId::from(random_id()))).unwrap();
    let pins = Pins::from([(class.clone(), digest.clone())]);
    store.insert_blueprint(&blueprint, &pins, None, 11).await.unwrap();
    assert_eq!(store.blueprint_to_launch(&blueprint.id, &OrgId::from("o")).await.unwrap().pins, pins);
    let users = store.component_users(&digest).await.unwrap();
    assert_eq!(users, [format!("class {class}"), format!("blueprint {}", blueprint.id)]);
}

#[tokio::test]
async fn a_blueprint_is_stored_and_read_back() {
    let (store, _dir) = store().await;
    let category = Category { name: "Testing".into(), description: "d".into(), id: CategoryId::from(random_id()) };
    store.insert_category(&category).await.unwrap();
    assert_eq!(store.category(&category.id).await.unwrap(), category);
    let body = json!({
        "name": "B", "description": "d", "version": "v1", "author_id": "ada", "organization_id": "org",
        "category_id": category.id, "spec": {"z": 1, "id": "dropped", "a": 1.5}, "tags": ["b", "a", "b"],
    });
    let blueprint = document(&body, &[], Blueprint::read(BlueprintId::from(random_id()))).unwrap();
    store.insert_blueprint(&blueprint, &Pins::new(), None, 11).await.unwrap();
    let row = store.blueprint(&blueprint.id).await.unwrap();
    assert_eq!(row.spec.get(), r#"{"z":1,"a":1.5}"#);
    assert_eq!(row.tags.get(), r#"["a","b"]"#);
    assert_eq!((row.info.category_name.as_deref(), row.info.created_ms), (Some("Testing"), 11));
    let launchable = store.blueprint_to_launch(&blueprint.id, &OrgId::from("org")).await.unwrap();
    assert!(launchable.access.allows(&UserId::from("bob"), &OrgId::from("org")));
    assert!(matches!(store.blueprint(&BlueprintId::from("nope")).await, Err(StoreError::NotFound { .. })));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_writers_all_succeed() {
    let (store, _dir) = store().await;
    let mut writers = tokio::task::JoinSet::new();
    for _ in 0..20 {
        let store = store.clone();
        writers.spawn(async move { launched(&store).await });
    }
    assert_eq!(writers.join_all().await.len(), 20);
}

#[tokio::test]
async fn a_guild_is_still_there_after_a_restart() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/store.db", dir.path().display());
    let before = Store::open(&url).await.unwrap();
    let id = launched(&before).await;
    before.close().await;
    let after = Store::open(&url).await.unwrap();
    assert_eq!(after.guild_status(&id).await.unwrap(), Some(GuildStatus::Requested));
}

#[tokio::test]
async fn a_database_in_memory_is_one_database() {
    let store = Store::open("sqlite::memory:").await.unwrap();
    let id = launched(&store).await;
    assert_eq!(store.guild(&id).await.unwrap().id, id);
}

mod catalog;
mod deletion;
mod pages;
mod sleep;

#[tokio::test]
async fn an_unreachable_database_is_named_without_its_password() {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let addr = listener.local_addr().unwrap();
    drop(listener);
    let error = Store::open(&format!("postgres://u:secret@{addr}/x")).await.unwrap_err().to_string();
    assert!(error.contains(&addr.to_string()) && error.contains("cannot be reached"), "{error}");
    assert!(!error.contains("secret"), "{error}");
}

#[tokio::test]
async fn after_a_full_disk_the_next_transaction_succeeds() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/store.db", dir.path().display());
    let store = Store::open(&url).await.unwrap();
    launched(&store).await;
    // SQLite treats this as a full disk. It holds for the one connection that writes.
    sqlx::query("PRAGMA max_page_count = 1").execute(&store.writer).await.unwrap();
    let large = json!({"text": "x".repeat(1 << 20)});
    let launch = |document: serde_json::Value| {
        let store = store.clone();
        async move {
            let (spec, org) = (spec(&random_id()), OrgId::from("org"));
            let new = NewGuild {
                spec: &spec,
                document: &document,
                org: &org,
                user: None,
                blueprint: None,
                now_ms: 7,
                request: None,
            };
            store.insert_guild(new).await
        }
    };
    let error = launch(large.clone()).await.unwrap_err();
    assert_eq!(error.outage(), Some(StoreOutage::DiskFull), "{error}");
    // The connection was replaced, so the disk is not full any more.
    launch(large).await.unwrap();
}

#[tokio::test]
async fn a_locked_file_is_an_outage_within_two_seconds_and_is_forgotten_afterwards() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.db");
    let store = Store::open(&format!("sqlite://{}", file.display())).await.unwrap();
    let id = launched(&store).await;
    let options = sqlx::sqlite::SqliteConnectOptions::new().filename(&file);
    let mut other = sqlx::ConnectOptions::connect(&options).await.unwrap();
    sqlx::query("BEGIN EXCLUSIVE").execute(&mut other).await.unwrap();
    let began = std::time::Instant::now();
    let error = store.set_guild_status(&id, GuildStatus::Running, 9).await.unwrap_err();
    assert_eq!(error.outage(), Some(StoreOutage::Unavailable), "{error}");
    assert!(began.elapsed() < std::time::Duration::from_secs(2));
    sqlx::query("ROLLBACK").execute(&mut other).await.unwrap();
    assert!(store.set_guild_status(&id, GuildStatus::Running, 9).await.unwrap());
}

#[tokio::test]
async fn a_second_host_cannot_lock_the_database() {
    let dir = tempfile::tempdir().unwrap();
    let url = format!("sqlite://{}/store.db", dir.path().display());
    let (one, two) = (Store::open(&url).await.unwrap(), Store::open(&url).await.unwrap());
    let lock = one.lock().await.unwrap();
    let error = two.lock().await.unwrap_err();
    assert!(matches!(&error, StoreError::InUse { .. }), "{error}");
    drop(lock);
    two.lock().await.unwrap();
}

#[tokio::test]
async fn a_damaged_file_is_named() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.db");
    std::fs::write(&file, "x".repeat(8_192)).unwrap();
    let error = Store::open(&format!("sqlite://{}", file.display())).await.unwrap_err();
    assert!(matches!(&error, StoreError::Damaged { .. }), "{error}");
    assert!(error.to_string().contains("store.db"), "{error}");
}

#[tokio::test]
async fn after_an_orderly_stop_the_file_is_complete_alone() {
    let dir = tempfile::tempdir().unwrap();
    let file = dir.path().join("store.db");
    let store = Store::open(&format!("sqlite://{}", file.display())).await.unwrap();
    let id = launched(&store).await;
    store.close().await;
    let alone = dir.path().join("alone.db");
    std::fs::copy(&file, &alone).unwrap();
    let store = Store::open(&format!("sqlite://{}", alone.display())).await.unwrap();
    assert_eq!(store.guild(&id).await.unwrap().id, id);
}

#[tokio::test]
async fn the_mark_of_the_journal_is_kept() {
    let (store, _dir) = store().await;
    let mark = JournalMark { identity: "a".to_owned(), last: 7 };
    store.set_journal_mark(&mark).await.unwrap();
    let mark = JournalMark { last: 9, ..mark };
    store.set_journal_mark(&mark).await.unwrap();
    assert_eq!(store.journal_mark().await.unwrap(), Some(mark));
}
