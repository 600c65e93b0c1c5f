//! What is removed, and what is kept because others need it.

use super::catalog::{blueprint, is_missing};
use super::*;
use guildhall_model::catalog::Board;
use guildhall_model::ids::BoardId;

fn is_needed<T: std::fmt::Debug>(result: Result<T, StoreError>, wanted: &str) -> bool {
    matches!(&result, Err(StoreError::Needed { by, .. }) if by.iter().any(|one| one == wanted))
}

#[tokio::test]
async fn a_guild_goes_with_all_that_belongs_to_it() {
    let (store, _dir) = store().await;
    let id = launched(&store).await;
    let board = Board {
        id: BoardId::from(random_id()),
        name: "B".to_owned(),
        guild: id.clone(),
        created_by: "user".into(),
        created_ms: 1,
        is_default: false,
        is_private: false,
    };
    store.insert_board(&board).await.unwrap();
    store.add_board_message(&board.id, "1").await.unwrap();
    assert!(store.delete_guild(&id).await.unwrap());
    assert!(!store.delete_guild(&id).await.unwrap());
    assert_eq!(store.guild_status(&id).await.unwrap(), None);
    assert!(store.agents(&id).await.unwrap().is_empty());
    assert!(is_missing(store.board_messages(&board.id, &ALL).await, "board"));
    // Its id is free again.
    let (spec, org) = (spec(id.as_str()), OrgId::from("org"));
    let new = NewGuild {
        spec: &spec,
        document: &json!({}),
        org: &org,
        user: None,
        blueprint: None,
        now_ms: 8,
        request: None,
    };
    store.insert_guild(new).await.unwrap();
}

#[tokio::test]
async fn a_blueprint_stays_while_a_guild_was_launched_from_it() {
    let (store, _dir) = store().await;
    let made = blueprint(&store, "private").await;
    let (spec, org) = (spec(&random_id()), OrgId::from("org"));
    let new = NewGuild {
        spec: &spec,
        document: &json!({}),
        org: &org,
        user: None,
        blueprint: Some(&made.id),
        now_ms: 8,
        request: Some("key body"),
    };
    store.insert_guild(new).await.unwrap();
    assert_eq!(store.request_of_guild(&spec.id).await.unwrap().as_deref(), Some("key body"));
    assert!(is_needed(store.delete_blueprint(&made.id).await, &format!("guild {}", spec.id)));
    assert_eq!(store.blueprints_with_tag(&made.tags[0], &ALL).await.unwrap().items.len(), 1, "nothing was removed");
    store.delete_guild(&spec.id).await.unwrap();
    store.delete_blueprint(&made.id).await.unwrap();
    assert!(is_missing(store.delete_blueprint(&made.id).await, "blueprint"));
    assert!(store.blueprints_with_tag(&made.tags[0], &ALL).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn a_category_stays_while_a_blueprint_is_in_it() {
    let (store, _dir) = store().await;
    let category = Category { name: random_id(), description: "d".into(), id: CategoryId::from(random_id()) };
    store.insert_category(&category).await.unwrap();
    let mut made = blueprint(&store, "private").await;
    store.delete_blueprint(&made.id).await.unwrap();
    made.category = Some(category.id.clone());
    store.insert_blueprint(&made, &Pins::new(), None, 1).await.unwrap();
    assert!(is_needed(store.delete_category(&category.id).await, &format!("blueprint {}", made.id)));
    store.delete_blueprint(&made.id).await.unwrap();
    store.delete_category(&category.id).await.unwrap();
    assert!(is_missing(store.delete_category(&category.id).await, "category"));
}

#[tokio::test]
async fn a_class_stays_while_a_spec_names_it_exactly() {
    let (store, _dir) = store().await;
    // An underscore and a percent sign stand for themselves.
    let (class, alike) = (format!("a_%.{}", random_id()), "a1x");
    store.register_agent(&AgentEntry::bare(&class)).await.unwrap();
    store.register_agent(&AgentEntry::bare(&class.replace('_', alike))).await.unwrap();
    let mut named = spec(&random_id());
    named.agents[0].class_name.clone_from(&class);
    let org = OrgId::from("org");
    let document = json!({});
    let new =
        |spec| NewGuild { spec, document: &document, org: &org, user: None, blueprint: None, now_ms: 8, request: None };
    store.insert_guild(new(&named)).await.unwrap();
    assert!(is_needed(store.delete_agent_class(&class).await, &format!("guild {}", named.id)));
    store.delete_agent_class(&class.replace('_', alike)).await.unwrap();
    store.delete_guild(&named.id).await.unwrap();
    store.delete_agent_class(&class).await.unwrap();
    assert!(is_missing(store.delete_agent_class(&class).await, "agent class"));
}
