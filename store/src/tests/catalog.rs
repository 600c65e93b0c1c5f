//! Blueprints, categories, shares, icons, reviews, users and boards.

use super::*;
use guildhall_model::catalog::{AgentIcon, Board, Exposure, Review};
use guildhall_model::ids::{BoardId, ReviewId};

/// A blueprint of an author and an organisation of its own.
pub(super) async fn blueprint(store: &Store, exposure: &str) -> Blueprint {
    let (author, org) = (random_id(), random_id());
    let body = json!({
        "name": "B", "description": "d", "version": "v1", "author_id": author, "organization_id": org,
        "category_id": null, "spec": {}, "exposure": exposure, "tags": [format!("tag {author}")],
        "agent_icons": {"A": "a.png"},
    });
    let blueprint = document(&body, &[], Blueprint::read(BlueprintId::from(random_id()))).unwrap();
    store.insert_blueprint(&blueprint, &Pins::new(), None, 11).await.unwrap();
    blueprint
}

pub(super) fn is_missing<T>(result: Result<T, StoreError>, missing: &str) -> bool {
    matches!(result, Err(StoreError::NotFound { what, .. }) if what == missing)
}

#[tokio::test]
async fn blueprints_are_listed_by_author_organisation_and_tag() {
    let (store, _dir) = store().await;
    let made = blueprint(&store, "private").await;
    let owner = made.organization.clone().unwrap();
    let lists = [
        store.blueprints_by_author(&made.author, &ALL).await.unwrap().items,
        store.blueprints_of_organization(&owner, &ALL).await.unwrap().items,
        store.blueprints_with_tag(&made.tags[0], &ALL).await.unwrap().items,
    ];
    for list in lists {
        assert_eq!(list.iter().map(|info| &info.id).collect::<Vec<_>>(), [&made.id]);
        assert_eq!((list[0].created_ms, list[0].category.as_ref()), (11, None));
    }
    assert!(store.tags(&ALL).await.unwrap().items.contains(&made.tags[0]));
    assert!(store.blueprints_with_tag("nobody's", &ALL).await.unwrap().items.is_empty());
    assert_eq!(store.blueprint_spec(&made.id).await.unwrap(), json!({}));
    assert!(is_missing(store.blueprint_spec(&"nope".into()).await, "blueprint"));
}

#[tokio::test]
async fn a_category_is_found_by_its_name() {
    let (store, _dir) = store().await;
    let name = random_id();
    let category = |id: String| Category { name: name.clone(), description: "d".into(), id: CategoryId::from(id) };
    let (first, second) = (category(random_id()), category(random_id()));
    store.insert_category(&first).await.unwrap();
    store.insert_category(&second).await.unwrap();
    assert_eq!(store.category_named(&name).await.unwrap(), first, "the first of two");
    assert!(is_missing(store.category_named("nobody's").await, "category"));
    assert!(store.blueprints_in_category(&first.id, &ALL).await.unwrap().items.is_empty());
}

#[tokio::test]
async fn shares_are_stored_once_and_in_order() {
    let (store, _dir) = store().await;
    let made = blueprint(&store, "organization").await;
    let (owner, away) = (made.organization.clone().unwrap(), OrgId::from(random_id()));
    store.share_blueprint(&made.id, &away).await.unwrap();
    store.share_blueprint(&made.id, &away).await.unwrap();
    assert_eq!(store.shares_of_blueprint(&made.id, &ALL).await.unwrap().items, [owner.clone(), away.clone()]);
    let access = store.blueprint_to_launch(&made.id, &away).await.unwrap().access;
    assert_eq!((access.exposure, access.shared_from), (Exposure::Shared, Some(Exposure::Organization)));
    assert!(access.is_shared);
    assert_eq!(store.blueprints_shared_with(&away, &ALL).await.unwrap().items[0].id, made.id);
    assert!(store.unshare_blueprint(&made.id, &away).await.unwrap());
    assert!(!store.unshare_blueprint(&made.id, &away).await.unwrap());
    assert!(is_missing(store.share_blueprint(&"nope".into(), &away).await, "blueprint"));
    assert!(is_missing(store.unshare_blueprint(&"nope".into(), &away).await, "blueprint"));
    assert!(is_missing(store.shares_of_blueprint(&"nope".into(), &ALL).await, "blueprint"));
}

#[tokio::test]
async fn accessible_blueprints_name_the_organisation_that_allows_them() {
    let (store, _dir) = store().await;
    let (public, organization) = (blueprint(&store, "public").await, blueprint(&store, "organization").await);
    let shared = blueprint(&store, "private").await;
    let org = organization.organization.clone().unwrap();
    store.share_blueprint(&shared.id, &org).await.unwrap();
    let ours = [&public.id, &organization.id, &shared.id];
    let seen = |user: UserId, org: Option<OrgId>| {
        let store = &store;
        async move {
            let list = store.accessible_blueprints(&user, org.as_ref(), &ALL).await.unwrap().items;
            list.into_iter()
                .filter(|(info, _)| ours.contains(&&info.id))
                .map(|(info, through)| (info.id, through))
                .collect::<Vec<_>>()
        }
    };
    let through_org = vec![(public.id.clone(), false), (organization.id.clone(), true), (shared.id.clone(), true)];
    assert_eq!(seen("stranger".into(), Some(org.clone())).await, through_org);
    assert_eq!(seen("stranger".into(), None).await, [(public.id.clone(), false)]);
    let own = vec![(public.id.clone(), false), (shared.id.clone(), false)];
    assert_eq!(seen(shared.author.clone(), None).await, own);
}

#[tokio::test]
async fn a_replaced_icon_keeps_its_place() {
    let (store, _dir) = store().await;
    let made = blueprint(&store, "private").await;
    let icon = |agent: &str, icon: &str| AgentIcon { agent_name: agent.into(), icon: icon.into() };
    store.put_icons(&made.id, &[icon("0", "z.png"), icon("A", "new.png")]).await.unwrap();
    assert_eq!(store.icons(&made.id).await.unwrap(), [icon("A", "new.png"), icon("0", "z.png")]);
    assert!(store.put_icons(&"nope".into(), &[icon("A", "a.png")]).await.is_err());
}

#[tokio::test]
async fn reviews_belong_to_their_blueprint() {
    let (store, _dir) = store().await;
    let made = blueprint(&store, "private").await;
    let review = |rating| Review { user: "u".into(), rating, review: "ok".into(), blueprint: made.id.clone() };
    let id = ReviewId::from(random_id());
    store.insert_review(&id, &review(-3)).await.unwrap();
    store.insert_review(&random_id().into(), &review(5)).await.unwrap();
    assert_eq!(store.reviews(&made.id, &ALL).await.unwrap().items, [review(-3), review(5)]);
    assert_eq!(store.review(&made.id, &id).await.unwrap(), review(-3));
    assert!(is_missing(store.review(&"other".into(), &id).await, "review"));
    assert!(is_missing(store.reviews(&"nope".into(), &ALL).await, "blueprint"));
    let stray = Review { blueprint: "nope".into(), ..review(1) };
    assert!(is_missing(store.insert_review(&random_id().into(), &stray).await, "blueprint"));
}

#[tokio::test]
async fn guilds_are_listed_by_user_and_organisation() {
    let (store, _dir) = store().await;
    let made = blueprint(&store, "private").await;
    let (org, user) = (OrgId::from(random_id()), UserId::from(random_id()));
    let spec = spec(&random_id());
    let new = NewGuild {
        spec: &spec,
        document: &json!({}),
        org: &org,
        user: None,
        blueprint: Some(&made.id),
        now_ms: 7,
        request: None,
    };
    store.insert_guild(new).await.unwrap();
    assert!(store.add_guild_user(&spec.id, &user).await.unwrap());
    assert!(!store.add_guild_user(&spec.id, &user).await.unwrap());
    assert_eq!(store.guild_users(&spec.id, &ALL).await.unwrap().items, std::slice::from_ref(&user));
    let requested = [GuildStatus::Running, GuildStatus::Requested];
    for (org_of, statuses, count) in [
        (None, &[][..], 1),
        (Some(&org), &requested, 1),
        (Some(&OrgId::from("other")), &[], 0),
        (None, &requested[..1], 0),
    ] {
        assert_eq!(
            store.guilds_of_user(&user, org_of, statuses, &ALL).await.unwrap().items.len(),
            count,
            "{org_of:?} {statuses:?}"
        );
    }
    assert_eq!(
        store.guilds_of_organization(&org, &requested, &ALL).await.unwrap().items[0].blueprint,
        Some(made.id.clone())
    );
    assert!(store.guilds_of_organization(&org, &[GuildStatus::Error], &ALL).await.unwrap().items.is_empty());
    assert_eq!(store.blueprint_of_guild(&spec.id).await.unwrap().unwrap().info.id, made.id);
    assert!(is_missing(store.blueprint_of_guild(&"nope".into()).await, "guild"));
    assert!(store.remove_guild_user(&spec.id, &user).await.unwrap());
    assert!(!store.remove_guild_user(&spec.id, &user).await.unwrap());
    assert!(is_missing(store.add_guild_user(&"nope".into(), &user).await, "guild"));
}

#[tokio::test]
async fn a_board_has_a_message_once() {
    let (store, _dir) = store().await;
    let guild = launched(&store).await;
    let body = json!({"guild_id": guild, "name": "Main", "created_by": "u", "is_private": true});
    let board = document(&body, &[], Board::read(random_id().into(), 9)).unwrap();
    store.insert_board(&board).await.unwrap();
    assert_eq!(store.boards(&guild, &ALL).await.unwrap().items, std::slice::from_ref(&board));
    for (message, is_new) in [("b", true), ("B", true), ("a", true), ("b", false)] {
        assert_eq!(store.add_board_message(&board.id, message).await.unwrap(), is_new);
    }
    assert_eq!(store.board_messages(&board.id, &ALL).await.unwrap().items, ["B", "a", "b"]);
    assert!(store.remove_board_message(&board.id, "a").await.unwrap());
    assert!(!store.remove_board_message(&board.id, "a").await.unwrap());
    let nowhere = BoardId::from("nope");
    assert!(is_missing(store.board_messages(&nowhere, &ALL).await, "board"));
    assert!(is_missing(store.add_board_message(&nowhere, "a").await, "board"));
    assert!(is_missing(store.boards(&"nope".into(), &ALL).await, "guild"));
    let stray = Board { id: random_id().into(), guild: "nope".into(), ..board };
    assert!(is_missing(store.insert_board(&stray).await, "guild"));
}

#[tokio::test]
async fn handlers_are_read_in_the_order_of_registration() {
    let (store, _dir) = store().await;
    let name = random_id();
    let entry = |class: &str| {
        let mut entry = AgentEntry::bare(&format!("{class}.{name}"));
        entry.handlers.insert(name.clone(), json!({"message_format": class}));
        entry
    };
    store.register_agent(&entry("z")).await.unwrap();
    store.register_agent(&entry("a")).await.unwrap();
    let handlers = store.handlers().await.unwrap();
    let ours: Vec<_> = handlers.iter().filter_map(|handlers| handlers.get(&name)).collect();
    assert_eq!(ours, [&json!({"message_format": "z"}), &json!({"message_format": "a"})]);
}
