//! The catalog around blueprints: who sees them, what is said of them, templates.

use super::*;

fn details(answered: &Answered) -> (u16, String) {
    (answered.status.as_u16(), answered.body["detail"].as_str().unwrap_or_default().to_owned())
}

fn ids(answered: &Answered) -> Vec<&str> {
    answered.body.as_array().unwrap().iter().map(|item| item["id"].as_str().unwrap()).collect()
}

async fn may_launch(server: &Server, blueprint: &str, user: &str, org: &str) -> bool {
    let body = json!({"guild_name": "g", "user_id": user, "org_id": org});
    server.post(&format!("/catalog/blueprints/{blueprint}/guilds"), &body).await.status == StatusCode::CREATED
}

#[tokio::test]
async fn sharing_gives_and_takes_nothing_away() {
    let server = Server::new().await;
    let id = server.blueprint("private").await;
    let path = format!("/catalog/blueprints/{id}/share/");
    for _ in 0..2 {
        assert_eq!(server.post(&path, &json!({"organization_id": "away"})).await.status, StatusCode::NO_CONTENT);
    }
    assert_eq!(server.get(&format!("/catalog/blueprints/{id}")).await.body["exposure"], "shared");
    let shared = server.get(&format!("/catalog/blueprints/{id}/organizations/shared/")).await;
    assert_eq!(shared.body, json!(["away"]));
    for (user, org, allowed) in [
        ("somebody", "away", true),
        ("test_author", "elsewhere", true),
        ("somebody", "testorg456", true),
        ("somebody", "elsewhere", false),
    ] {
        assert_eq!(may_launch(&server, &id, user, org).await, allowed, "{user} of {org}");
    }
    assert_eq!(ids(&server.get("/catalog/organizations/away/blueprints/shared/").await), [id.as_str()]);

    let share = format!("{path}away");
    assert_eq!(server.delete(&share).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.delete(&share).await.body["code"], "not_shared");
    assert!(!may_launch(&server, &id, "somebody", "away").await);
    let unknown = server.post("/catalog/blueprints/nope/share", &json!({"organization_id": "away"})).await;
    assert_eq!(details(&unknown), (404, "Blueprint nope not found".into()));
}

#[tokio::test]
async fn a_public_blueprint_stays_public_when_it_is_shared() {
    let server = Server::new().await;
    let id = server.blueprint("public").await;
    server.post(&format!("/catalog/blueprints/{id}/share"), &json!({"organization_id": "away"})).await;
    assert_eq!(server.get(&format!("/catalog/blueprints/{id}")).await.body["exposure"], "public");
    assert!(may_launch(&server, &id, "anybody", "anywhere").await);
    let seen = server.get("/catalog/users/anybody/blueprints/accessible/?org_id=away").await;
    assert_eq!(seen.body[0]["access_organization_id"], "away");
}

#[tokio::test]
async fn lists_show_what_belongs_in_them() {
    let server = Server::new().await;
    let (private, public) = (server.blueprint("private").await, server.blueprint("public").await);
    let organization = server.blueprint("organization").await;
    let all = [private.as_str(), &public, &organization];
    assert_eq!(ids(&server.get("/catalog/users/test_author/blueprints/owned/").await), all);
    assert_eq!(ids(&server.get("/catalog/organizations/testorg456/blueprints/owned").await), all);
    assert_eq!(ids(&server.get("/catalog/users/nobody/blueprints/owned").await), [""; 0]);
    let accessible = |query: &'static str| {
        let path = format!("/catalog/users/somebody/blueprints/accessible/{query}");
        let server = &server;
        async move { server.get(&path).await }
    };
    assert_eq!(ids(&accessible("").await), [public.as_str()]);
    assert_eq!(ids(&accessible("?org_id=%20").await), [public.as_str()]);
    let member = accessible("?org_id=testorg456").await;
    assert_eq!(ids(&member), [public.as_str(), &organization]);
    assert_eq!(member.body[0]["access_organization_id"], Value::Null);
    assert_eq!(member.body[1]["access_organization_id"], "testorg456");
}

#[tokio::test]
async fn blueprints_are_found_by_category_and_by_tag() {
    let server = Server::new().await;
    server.post("/catalog/agents", &documents_agent()).await;
    let category = server.post("/catalog/categories", &json!({"name": "Möbel", "description": "d"})).await;
    let mut blueprint = documents_blueprint("public", &category.body["id"]);
    blueprint["tags"] = json!(["b", "a b", "b"]);
    blueprint["commands"] = json!(["/start"]);
    blueprint["starter_prompts"] = json!(["why?"]);
    let id = server.post("/catalog/blueprints", &blueprint).await.body["id"].as_str().unwrap().to_owned();

    let found = server.get("/catalog/categories/M%C3%B6bel/blueprints/").await;
    assert_eq!((ids(&found), &found.body[0]["category_name"]), (vec![id.as_str()], &json!("Möbel")));
    let unknown = server.get("/catalog/categories/none/blueprints/").await;
    assert_eq!(details(&unknown), (404, "Category none not found".into()));
    assert_eq!(server.get("/catalog/tags/").await.body, json!(["a b", "b"]));
    assert_eq!(ids(&server.get("/catalog/tags/a%20b/blueprints/").await), [id.as_str()]);
    assert_eq!(server.get("/catalog/tags/A/blueprints/").await.body, json!([]));
    let shown = server.get(&format!("/catalog/blueprints/{id}")).await.body;
    assert_eq!((&shown["commands"], &shown["starter_prompts"]), (&json!(["/start"]), &json!(["why?"])));
}

#[tokio::test]
async fn reviews_are_kept_with_their_average() {
    let server = Server::new().await;
    let id = server.blueprint("public").await;
    let path = format!("/catalog/blueprints/{id}/reviews/");
    assert_eq!(server.get(&path).await.body, json!({"reviews": [], "average_rating": 0.0, "total_reviews": 0}));
    let first = server.post(&path, &json!({"user_id": "u", "rating": "5", "review": "Great"})).await;
    assert_eq!(first.status, StatusCode::CREATED);
    server.post(&path, &json!({"user_id": "u", "rating": 2})).await;
    let listed = server.get(&path).await.body;
    assert_eq!((&listed["average_rating"], &listed["total_reviews"]), (&json!(3.5), &json!(2)));
    assert_eq!(listed["reviews"][1], json!({"user_id": "u", "rating": 2, "review": "", "blueprint_id": id}));

    let one = first.body["id"].as_str().unwrap();
    assert_eq!(server.get(&format!("{path}{one}")).await.body, listed["reviews"][0]);
    for other in [format!("/catalog/blueprints/other/reviews/{one}"), format!("{path}nope")] {
        assert_eq!(server.get(&other).await.body["code"], "review_not_found", "{other}");
    }
    let huge = server.post(&path, &json!({"user_id": "u", "rating": 1e30})).await;
    assert_eq!(huge.status, StatusCode::UNPROCESSABLE_ENTITY);
    let unknown = server.post("/catalog/blueprints/nope/reviews", &json!({"user_id": "u", "rating": 1})).await;
    assert_eq!(details(&unknown), (404, "Blueprint nope not found".into()));
}

#[tokio::test]
async fn agents_have_icons() {
    let server = Server::new().await;
    server.post("/catalog/agents", &documents_agent()).await;
    let mut blueprint = documents_blueprint("public", &Value::Null);
    blueprint["agent_icons"] = json!({"EchoAgent": "first.png", "Stranger": "x.png"});
    let made = server.post("/catalog/blueprints", &blueprint).await.body;
    assert!(made["warnings"].to_string().contains("agent_icons.Stranger is not kept"), "{made}");
    let path = format!("/catalog/blueprints/{}/icons/", made["id"].as_str().unwrap());
    let icon = |icon: &str| json!({"agent_icons": [{"icon": icon, "agent_name": "EchoAgent"}]});
    assert_eq!(server.get(&path).await.body, icon("first.png"));
    assert_eq!(server.post(&path, &icon("second.png")).await.status, StatusCode::NO_CONTENT);
    let one = format!("{path}EchoAgent");
    assert_eq!(server.get(&one).await.body, json!({"agent_name": "EchoAgent", "icon": "second.png"}));
    assert_eq!(server.post(&one, &json!({"agent_icon": "third.png"})).await.status, StatusCode::NO_CONTENT);
    assert_eq!(server.get(&path).await.body, icon("third.png"));

    let strange = "Provided agent names are not a subset of the agent names in the blueprint";
    for (path, body, expected) in [
        (&path, json!({"agent_icons": []}), "No agent icons provided"),
        (&path, json!({"agent_icons": [{"icon": "x", "agent_name": "Nope"}]}), strange),
        (&one, json!({"agent_icon": ""}), "No agent icon provided"),
        (&format!("{path}Nope"), json!({"agent_icon": "x"}), strange),
    ] {
        assert_eq!(details(&server.post(path, &body).await), (400, expected.into()), "{body}");
    }
    let missing = server.post(&one, &json!("x.png")).await;
    assert_eq!(missing.body["detail"][0]["loc"], json!(["body", "agent_icon"]));
    assert_eq!(details(&server.get(&format!("{path}Nope")).await), (404, "Agent Nope does not exist".into()));
}

#[tokio::test]
async fn an_icon_that_is_not_given_is_told_before_anything_else() {
    let server = Server::new().await;
    let icons = "/catalog/blueprints/nope/icons/";
    assert_eq!(
        details(&server.post(icons, &json!({"agent_icons": []})).await),
        (400, "No agent icons provided".into())
    );
    let one = format!("{icons}EchoAgent");
    assert_eq!(details(&server.post(&one, &json!({"agent_icon": ""})).await), (400, "No agent icon provided".into()));
    for body in ["", "null", "5", "[]", "{}", r#"{"agent_icon": null}"#] {
        let missing = server.call("POST", &one, Some("application/json"), body).await.body["detail"][0].take();
        assert_eq!((&missing["type"], &missing["loc"]), (&json!("missing"), &json!(["body", "agent_icon"])), "{body}");
    }
    let whole = server.call("POST", icons, Some("application/json"), "null").await;
    assert_eq!(whole.body["detail"][0]["loc"], json!(["body"]));
}

#[tokio::test]
async fn guilds_have_users_and_users_have_guilds() {
    let server = Server::new().await;
    let blueprint = server.blueprint("public").await;
    let launch = json!({"guild_name": "g", "user_id": "ada", "org_id": "o", "guild_id": "mine"});
    server.post(&format!("/catalog/blueprints/{blueprint}/guilds"), &launch).await;
    let bob = "/catalog/guilds/mine/users/b%20o%40b";
    assert_eq!(server.post(bob, &Value::Null).await.status, StatusCode::NO_CONTENT);
    let again = server.post(bob, &Value::Null).await;
    assert_eq!(details(&again), (409, "User b o@b already associated with guild mine".into()));
    assert_eq!(server.get("/catalog/guilds/mine/users").await.body, json!(["ada", "b o@b"]));
    assert_eq!(server.delete(bob).await.status, StatusCode::NO_CONTENT);
    assert_eq!(details(&server.delete(bob).await), (404, "User b o@b is not associated with guild mine".into()));
    assert_eq!(details(&server.get("/catalog/guilds/nope/users").await), (404, "Guild nope not found".into()));

    assert_eq!(server.get("/catalog/guilds/mine/blueprints/").await.body["id"], blueprint.as_str());
    server.post("/api/guilds", &json!({"spec": {"id": "bare", "name": "B", "description": "d"}, "org_id": "o"})).await;
    let none = server.get("/catalog/guilds/bare/blueprints/").await;
    assert_eq!(details(&none), (404, "No Blueprint associated with guild bare".into()));

    server.store.set_guild_status(&GuildId::from("mine"), GuildStatus::Stopped, 1).await.unwrap();
    for (path, expected) in [
        ("/catalog/organizations/o/guilds/", vec!["mine", "bare"]),
        ("/catalog/organizations/o/guilds/?statuses=stopped&statuses=error", vec!["mine"]),
        ("/catalog/users/ada/guilds/", vec!["mine"]),
        ("/catalog/users/ada/guilds/?org_id=o&statuses=stopped", vec!["mine"]),
        ("/catalog/users/ada/guilds/?org_id=zzz", vec![]),
        ("/catalog/users/ada/guilds/?org_id=", vec!["mine"]),
        ("/catalog/users/ada/guilds/?statuses=not_launched", vec![]),
    ] {
        assert_eq!(ids(&server.get(path).await), expected, "{path}");
    }
    let bad = server.get("/catalog/users/ada/guilds/?statuses=RUNNING&statuses=x").await;
    let valid = "'requested', 'starting', 'running', 'stopped', 'stopping', 'unknown', 'warning', 'backlogged', 'error', \
                 'not_launched'";
    let expected = format!("Invalid status values: ['RUNNING', 'x']. Valid statuses are: [{valid}]");
    assert_eq!(details(&bad), (400, expected));
    let quoted = server.get("/catalog/users/ada/guilds/?statuses=it's").await.body["detail"].take();
    assert!(quoted.as_str().unwrap().starts_with("Invalid status values: [\"it's\"]. "), "{quoted}");
}

fn template() -> Value {
    let mut blueprint = documents_blueprint("public", &Value::Null);
    blueprint["spec"]["configuration_schema"] =
        json!({"type": "object", "properties": {"agent": {"type": "string"}}, "required": ["agent"]});
    blueprint["spec"]["configuration"] = json!({"agent": "asdf", "prefix": "> "});
    blueprint["spec"]["agents"][0]["name"] = json!("{{ agent }}");
    blueprint["spec"]["agents"][0]["properties"] = json!({"prefix": "{{prefix}}"});
    blueprint
}

#[tokio::test]
async fn a_launch_fills_the_blueprints_templates() {
    let server = Server::new().await.with_built_in().await;
    let made = server.post("/catalog/blueprints", &template()).await;
    assert_eq!(made.status, StatusCode::CREATED, "{}", made.body);
    let id = made.body["id"].as_str().unwrap();
    let shown = server.get(&format!("/catalog/blueprints/{id}")).await.body;
    assert_eq!(shown["spec"], template()["spec"], "a blueprint is kept as a template");

    let path = format!("/catalog/blueprints/{id}/guilds");
    let launch = |configuration: Value| json!({"guild_name": "g", "user_id": "u", "org_id": "o", "configuration": configuration});
    let launched = server.post(&path, &launch(json!({"agent": "q\"uo\\te"}))).await;
    let guild = server.get(&format!("/api/guilds/{}", launched.body["id"].as_str().unwrap())).await.body;
    assert_eq!(guild["agents"][0]["name"], "q\"uo\\te");
    assert_eq!(guild["agents"][0]["properties"], json!({"prefix": "> "}));

    let unfit = server.post(&path, &launch(json!({"agent": 7}))).await;
    assert_eq!(details(&unfit), (400, "configuration and/or schema invalid. 7 is not of type 'string'".into()));
    let long = server.post(&path, &launch(json!({"agent": "x".repeat(65)}))).await;
    assert_eq!((long.status, &long.body["detail"][0]["loc"]), (StatusCode::BAD_REQUEST, &json!(["name"])));
    assert_eq!(long.body["hint"], "look at agents.0.name");
}

#[tokio::test]
async fn a_configuration_and_its_schema_come_together() {
    let server = Server::new().await.with_built_in().await;
    for (key, value, expected) in [
        ("configuration", Value::Null, "configuration is required"),
        ("configuration_schema", Value::Null, "configuration_schema is required"),
        ("configuration", json!({}), "configuration and/or schema invalid. 'agent' is a required property"),
        ("configuration", json!({"agent": 5}), "configuration and/or schema invalid. 5 is not of type 'string'"),
    ] {
        let mut blueprint = template();
        blueprint["spec"][key] = value;
        assert_eq!(details(&server.post("/catalog/blueprints", &blueprint).await), (400, expected.into()), "{key}");
    }
    let mut bad = template();
    bad["spec"]["configuration_schema"] = json!({"type": "objekt"});
    assert_eq!(server.post("/catalog/blueprints", &bad).await.body["code"], "invalid_configuration");
    let mut unclosed = template();
    unclosed["spec"]["agents"][0]["name"] = json!("{{ agent");
    assert_eq!(server.post("/catalog/blueprints", &unclosed).await.body["code"], "invalid_template");
}

#[tokio::test]
async fn properties_fit_what_the_component_asks_for() {
    let server = Server::new().await.with_built_in().await;
    let mut blueprint = documents_blueprint("public", &Value::Null);
    blueprint["spec"]["agents"][0]["properties"] = json!({"prefix": 5});
    let refused = server.post("/catalog/blueprints", &blueprint).await;
    assert_eq!((refused.status, &refused.body["code"]), (StatusCode::BAD_REQUEST, &json!("invalid_spec")));
    let detail = refused.body["detail"].as_str().unwrap();
    assert!(detail.contains("agents.0.properties.prefix\n  Input should be a valid string"), "{detail}");
    let direct = server.post("/api/guilds", &json!({"spec": blueprint["spec"], "org_id": "o"})).await;
    let mistake = &direct.body["detail"][0];
    assert_eq!((direct.status, &mistake["type"]), (StatusCode::UNPROCESSABLE_ENTITY, &json!("string_type")));
    assert_eq!(mistake["loc"], json!(["body", "spec", "agents", 0, "properties", "prefix"]));
    assert_eq!(server.get("/api/guilds").await.body, json!([]));
}

#[tokio::test]
async fn a_blueprint_is_checked_as_for_its_creation_and_not_stored() {
    let server = Server::new().await;
    server.post("/catalog/agents", &documents_agent()).await;
    let category = server.post("/catalog/categories", &json!({"name": "C", "description": "d"})).await;
    let right = documents_blueprint("public", &category.body["id"]);
    let mut odd = right.clone();
    odd["exposur"] = json!("public");
    let mut wrong = right.clone();
    wrong["spec"]["agents"][0]["name"] = json!(7);
    for blueprint in [wrong, json!({}), right, odd] {
        let before = server.get("/catalog/blueprints/").await.body;
        let checked = server.post("/catalog/blueprints/validate", &blueprint).await;
        assert_eq!(server.get("/catalog/blueprints/").await.body, before, "{blueprint}");
        let created = server.post("/catalog/blueprints/", &blueprint).await;
        if created.status == StatusCode::CREATED {
            let warnings = created.body.get("warnings").cloned().unwrap_or_else(|| json!([]));
            assert_eq!((checked.status, &checked.body), (StatusCode::OK, &json!({"warnings": warnings})));
        } else {
            assert_eq!(created.status, checked.status, "{}", checked.body);
            assert_eq!(
                (&created.body["detail"], &created.body["code"]),
                (&checked.body["detail"], &checked.body["code"])
            );
        }
    }
    assert_eq!(server.get("/catalog/blueprints/").await.body.as_array().map(Vec::len), Some(2));
}
