//! The pages of lists.

use super::*;

/// All items of a list, read in pages of two.
async fn walk<T>(newest_first: bool, read: impl AsyncFn(PageRequest) -> Page<T>) -> Vec<T> {
    let (mut items, mut after) = (Vec::new(), None);
    loop {
        let page = read(PageRequest { after, most: 2, newest_first }).await;
        assert!(page.items.len() <= 2);
        items.extend(page.items);
        // As a client does: the place comes back as a text.
        after = page.next.map(|place| Place::parse(&place.to_string()).unwrap());
        if after.is_none() {
            return items;
        }
    }
}

#[tokio::test]
async fn a_list_is_read_page_by_page_in_both_directions() {
    let (store, _dir) = store().await;
    let org = OrgId::from(random_id());
    let mut ids = Vec::new();
    for _ in 0..5 {
        let spec = spec(&random_id());
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
        ids.push(spec.id);
    }
    let read = async |wanted| store.guilds_of_organization(&org, &[], &wanted).await.unwrap();
    let seen: Vec<GuildId> = walk(false, read).await.into_iter().map(|guild| guild.id).collect();
    assert_eq!(seen, ids);
    let mut newest: Vec<GuildId> = walk(true, read).await.into_iter().map(|guild| guild.id).collect();
    newest.reverse();
    assert_eq!(newest, ids);
}

#[tokio::test]
async fn a_page_begins_after_a_row_that_was_removed() {
    let (store, _dir) = store().await;
    let name = random_id();
    let mut ids = Vec::new();
    for _ in 0..4 {
        let id = CategoryId::from(random_id());
        store.insert_category(&Category { name: name.clone(), description: "d".into(), id: id.clone() }).await.unwrap();
        ids.push(id);
    }
    // Others use the same database.
    let ours = |page: Page<Category>| -> Vec<CategoryId> {
        page.items.into_iter().filter(|category| category.name == name).map(|category| category.id).collect()
    };
    let newest = |after, most| PageRequest { after, most, newest_first: true };
    let mut after = None;
    let last = loop {
        let page = store.categories(&newest(after.clone(), 1)).await.unwrap();
        after.clone_from(&page.next);
        if ours(page).contains(&ids[2]) {
            break after.unwrap();
        }
    };
    store.delete_category(&ids[2]).await.unwrap();
    let next = ours(store.categories(&newest(Some(last), 1_000)).await.unwrap());
    assert_eq!(next, [ids[1].clone(), ids[0].clone()]);
}

#[tokio::test]
async fn accessible_blueprints_have_pages_across_their_kinds() {
    let (store, _dir) = store().await;
    let (user, org) = (UserId::from(random_id()), OrgId::from(random_id()));
    let mut mine = Vec::new();
    for exposure in ["private", "organization", "private", "organization"] {
        let (author, owner) = if exposure == "private" { (user.as_str(), "other") } else { ("other", org.as_str()) };
        let body = json!({
            "name": "B", "description": "d", "version": "v1", "author_id": author, "organization_id": owner,
            "category_id": null, "spec": {}, "exposure": exposure, "tags": [],
        });
        let blueprint = document(&body, &[], Blueprint::read(BlueprintId::from(random_id()))).unwrap();
        store.insert_blueprint(&blueprint, &Pins::new(), None, 1).await.unwrap();
        mine.push(blueprint.id);
    }
    let read = async |wanted| store.accessible_blueprints(&user, Some(&org), &wanted).await.unwrap();
    let seen: Vec<BlueprintId> = walk(false, read).await.into_iter().map(|(info, _)| info.id).collect();
    let seen: Vec<BlueprintId> = seen.into_iter().filter(|id| mine.contains(id)).collect();
    assert_eq!(seen, [0, 2, 1, 3].map(|index: usize| mine[index].clone()));
}
