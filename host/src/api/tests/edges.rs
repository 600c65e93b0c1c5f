//! Boards, the registry, and the edges of HTTP.

use super::*;

#[tokio::test]
async fn boards_hold_messages() {
    let server = Server::new().await;
    let guild = json!({"spec": {"id": "g", "name": "G", "description": "d"}, "org_id": "o"});
    server.post("/api/guilds", &guild).await;
    let board = json!({"guild_id": "g", "name": "Main", "created_by": "ada", "is_default": "yes", "is_private": null});
    let made = server.post("/addons/boards/", &board).await;
    let id = made.body["id"].as_str().unwrap();
    let listed = server.get("/addons/boards/?guild_id=g").await.body;
    assert_eq!(
        listed["boards"],
        json!([{"id": id, "name": "Main", "guild_id": "g", "created_by": "ada", "created_at": "2025-01-15T10:00:00.005000",
                "is_default": true, "is_private": false}])
    );
    let path = format!("/addons/boards/{id}/messages");
    for message in ["m2", "m1"] {
        let added = server.post(&path, &json!({"message_id": message})).await;
        assert_eq!(added.body, json!({"message": "Message added to the board successfully"}));
    }
    let again = server.post(&path, &json!({"message_id": "m1"})).await;
    assert_eq!((again.status, &again.body["detail"]), (StatusCode::CONFLICT, &json!("Message already added to board")));
    assert_eq!(server.get(&path).await.body, json!({"ids": ["m1", "m2"]}));
    let removed = server.delete(&format!("{path}/m1")).await;
    assert_eq!(removed.body, json!({"message": "Message removed from the board successfully"}));
    assert_eq!(server.delete(&format!("{path}/m1")).await.body["detail"], "Message not found on board");

    assert_eq!(server.get("/addons/boards/nope/messages").await.body["detail"], "Board not found");
    assert_eq!(server.get("/addons/boards/?guild_id=nope").await.body["detail"], "Guild not found");
    let missing = server.get("/addons/boards").await;
    assert_eq!(
        (missing.status, &missing.body["detail"][0]["loc"]),
        (422.try_into().unwrap(), &json!(["query", "guild_id"]))
    );
}

#[tokio::test]
async fn the_registry_says_what_components_say() {
    let server = Server::new().await.with_built_in().await;
    let one = server.get(&format!("/api/registry/agents/?agent_class={CLASS}")).await.body;
    assert_eq!(one[CLASS]["agent_name"], "EchoAgent");
    assert!(one[CLASS]["agent_props_schema"]["properties"]["prefix"].is_object());
    let all = server.get("/api/registry/agents/").await.body;
    assert!(all.as_object().unwrap().len() > 1, "{all}");
    assert_eq!(server.post("/catalog/agents", &one[CLASS]).await.status, StatusCode::CREATED, "it can be registered");
    for hidden in [guildhall_model::format::MANAGER_CLASS, "a.b.C"] {
        let unknown = server.get(&format!("/api/registry/agents/?agent_class={hidden}")).await;
        assert_eq!((unknown.status, &unknown.body["detail"]), (StatusCode::NOT_FOUND, &json!("Agent not found")));
    }
}

#[tokio::test]
async fn schemas_are_found_by_format() {
    let server = Server::new().await.with_built_in().await;
    let schema = |class: &str| format!("/api/registry/message_schema/?message_class={class}");
    let text = server.get(&schema(guildhall_model::format::TEXT_FORMAT)).await;
    assert_eq!(text.body["required"], json!(["text"]));
    assert_eq!(server.get(&schema(CLASS)).await.status, StatusCode::BAD_REQUEST);
    assert_eq!(server.get(&schema("os.getcwd")).await.status, StatusCode::NOT_FOUND);
    assert_eq!(
        server.get("/api/registry/message_schema/").await.body["detail"][0]["loc"],
        json!(["query", "message_class"])
    );

    let handler = json!({"handler_name": "h", "message_format": "acme.Fmt", "message_format_schema": {"title": "Fmt"},
                         "send_message_calls": []});
    let entry = json!({"agent_name": "A", "qualified_class_name": "acme.A", "agent_props_schema": {},
                       "message_handlers": {"h": handler}, "agent_dependencies": []});
    server.post("/catalog/agents", &entry).await;
    let found = server.get("/catalog/agents/message_schema/?message_format=acme.Fmt").await;
    assert_eq!(found.body, json!({"title": "Fmt"}));
    let unknown = server.get("/catalog/agents/message_schema/?message_format=Nope").await;
    assert_eq!(unknown.body["detail"], "Agent with message format 'Nope' not found");
    let class = server.get("/catalog/agents/message_schema?message_format=acme.Fmt").await;
    assert_eq!(class.body["detail"], "Agent with qualified class name message_schema not found");
}

#[tokio::test]
async fn a_preflight_is_told_what_is_disallowed() {
    let server = Server::new().await;
    let ours = "http://localhost:3000";
    for (origin, method, headers, status, text) in [
        (ours, "POST", "content-type", 200, "OK"),
        (ours, "GET", "authorization, x-request-id, if-none-match, range", 200, "OK"),
        ("http://evil.example", "POST", "content-type", 400, "Disallowed CORS origin"),
        (ours, "POST", "x-custom", 400, "Disallowed CORS headers"),
        ("http://evil.example", "BREW", "x-custom", 400, "Disallowed CORS origin, method, headers"),
    ] {
        let request = Request::options("/catalog/categories/")
            .header(header::ORIGIN, origin)
            .header(header::ACCESS_CONTROL_REQUEST_METHOD, method)
            .header(header::ACCESS_CONTROL_REQUEST_HEADERS, headers);
        let answered = server.send(request.body(Body::empty()).unwrap()).await;
        assert_eq!((answered.status.as_u16(), &answered.body), (status, &json!(text)));
        assert_eq!(answered.headers.contains_key(header::ACCESS_CONTROL_ALLOW_ORIGIN), origin == ours);
    }
    let plain = server.call("OPTIONS", "/__health", None, Body::empty()).await;
    assert_eq!((plain.status, &plain.body["detail"]), (StatusCode::METHOD_NOT_ALLOWED, &json!("Method Not Allowed")));
    assert!(plain.headers[header::VARY].as_bytes().eq_ignore_ascii_case(b"Origin"));
}

#[tokio::test]
async fn a_browser_that_opens_the_address_sees_the_page() {
    let server = Server::new().await;
    for (path, kind) in
        [("/", "text/html"), ("/console/app.js", "text/javascript"), ("/console/icon.svg", "image/svg+xml")]
    {
        let request = Request::get(path).body(Body::empty()).unwrap();
        let answered = server.router.clone().oneshot(request).await.unwrap();
        assert_eq!(answered.status(), StatusCode::OK, "{path}");
        let headers = answered.headers();
        assert!(headers[header::CONTENT_TYPE].to_str().unwrap().starts_with(kind), "{path}");
        assert!(headers.contains_key(header::CONTENT_SECURITY_POLICY), "{path}");
    }
    assert_eq!(server.get("/console/none.js").await.status, StatusCode::NOT_FOUND);
}

#[tokio::test]
async fn escaped_letters_are_letters_and_escaped_slashes_are_not() {
    let server = Server::new().await;
    assert_eq!(server.get("/%5F%5Fhealth?a=b").await.body, json!({"message": "All is well"}));
    let empty_parts = ["/catalog/organizations//blueprints/owned/", "/catalog/guilds//users", "//__health"];
    for path in ["/catalog/agents/a%2Fb", "/catalog/agents/a%00b", "/%5F%5Fnope"].into_iter().chain(empty_parts) {
        let answered = server.get(path).await;
        assert_eq!((answered.status, &answered.body["detail"]), (StatusCode::NOT_FOUND, &json!("Not Found")), "{path}");
    }
}

#[tokio::test]
async fn no_text_holds_nul() {
    let server = Server::new().await;
    for (body, loc) in [
        (json!({"name": "n\0", "description": "d"}), json!(["body", "name"])),
        (json!({"name": "n", "description": "d", "more": [{"k\0": 1}]}), json!(["body", "more", 0])),
    ] {
        let answered = server.post("/catalog/categories/", &body).await;
        assert_eq!((answered.status, &answered.body["detail"][0]["loc"]), (StatusCode::UNPROCESSABLE_ENTITY, &loc));
    }
    let query = server.get("/addons/boards/?guild_id=%00").await;
    assert_eq!(query.body["detail"][0]["loc"], json!(["query", "guild_id"]));
}

#[tokio::test]
async fn a_host_on_loopback_is_not_asked_by_a_strangers_name() {
    let server = Server::new().await;
    let ask = async |host: &str, path: &str| {
        let request = Request::get(path).header(header::HOST, host).header(header::ORIGIN, format!("http://{host}"));
        server.send(request.body(Body::empty()).unwrap()).await
    };
    for own in ["localhost:8880", "127.0.0.1:8880", "[::1]", "guild.example"] {
        assert_eq!(ask(own, "/__health").await.status, StatusCode::OK, "{own}");
    }
    for path in ["/__health", "/catalog/categories/", "/nope"] {
        let refused = ask("evil.example:8880", path).await;
        assert_eq!((refused.status, &refused.body["code"]), (StatusCode::MISDIRECTED_REQUEST, &json!("foreign_host")));
        assert!(refused.body["hint"].as_str().unwrap().contains("http.hosts"), "{}", refused.body);
    }
}
