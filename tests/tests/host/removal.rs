//! What is removed over REST, and what is refused because others need it.

use guildhall_tests::{Rest, blueprint, chat};
use reqwest::Method;
use serde_json::{Value, json};
use tokio::process::Command;

async fn stop(rest: &Rest, guild: &str) {
    rest.post(&format!("/api/guilds/{guild}/stop"), &json!({})).await.expect(&[200]);
}

#[tokio::test]
async fn a_guild_that_was_stopped_is_removed_with_everything_of_it() {
    let mut host = super::host().await;
    let mut spec = blueprint::echo();
    spec["dependency_map"] = json!({"filesystem": {"class_name": "any.FileSystem"}});
    let blueprint = host.rest().blueprint(&spec).await;
    let launch = json!({"guild_name": "G", "user_id": "testuser123", "org_id": "testorg456", "guild_id": "once_more"});
    let path = format!("/catalog/blueprints/{blueprint}/guilds");
    let guild = host.rest().post(&path, &launch).await.created();
    let encoded = "once_more";
    chat::join(&host, &guild, "ann").await.echo("before").await;
    let form = "--B\r\nContent-Disposition: form-data; name=\"file\"; filename=\"f\"\r\n\r\nx\r\n--B--\r\n";
    let upload = host.rest().request(Method::POST, &format!("/api/guilds/{encoded}/files/"));
    let upload = upload.header("content-type", "multipart/form-data; boundary=B").body(form);
    assert_eq!(upload.send().await.expect("an answer").status(), 200);

    let refused = host.rest().delete(&format!("/api/guilds/{encoded}")).await;
    assert_eq!((refused.status, &refused.body["code"]), (409, &json!("guild_not_stopped")), "{}", refused.body);
    let needed = host.rest().delete(&format!("/catalog/blueprints/{blueprint}")).await;
    assert_eq!((needed.status, &needed.body["code"]), (409, &json!("blueprint_in_use")));
    assert_eq!(needed.body["context"]["by"], json!(["guild once_more"]));

    stop(host.rest(), encoded).await;
    // It may still be stopping: the removal waits for its end.
    host.rest().delete(&format!("/api/guilds/{encoded}")).await.expect(&[204]);
    host.rest().delete(&format!("/api/guilds/{encoded}")).await.expect(&[404]);
    assert_eq!(host.rest().get(&format!("/api/guilds/{encoded}/ann/messages")).await.status, 404);
    let listed = host.rest().get("/api/guilds").await.expect(&[200]);
    assert!(listed.as_array().expect("a list").iter().all(|one| one["id"] != "once_more"), "{listed}");

    // The newest messages are gone, and that is no damage.
    let check =
        Command::new(env!("CARGO_BIN_EXE_host")).args(["db", "check", "--data-dir"]).arg(host.data_dir()).output();
    let check = check.await.expect("the program runs");
    assert!(check.status.success(), "{}", String::from_utf8_lossy(&check.stdout));

    // Neither messages nor files come back with the id, also after an end of the host.
    host.kill().await;
    host.start_again().await;
    let again = host.rest().post(&path, &launch).await.created();
    assert_eq!(again, guild);
    assert_eq!(host.rest().history(encoded, "ann").await, Vec::<Value>::new());
    assert_eq!(host.rest().get(&format!("/api/guilds/{encoded}/files/")).await.expect(&[200]), json!([]));
    chat::join(&host, &guild, "ann").await.echo("after").await;

    stop(host.rest(), encoded).await;
    host.rest().delete(&format!("/api/guilds/{encoded}")).await.expect(&[204]);
    host.rest().delete(&format!("/catalog/blueprints/{blueprint}")).await.expect(&[204]);
    host.rest().get(&format!("/catalog/blueprints/{blueprint}")).await.expect(&[404]);
}

#[tokio::test]
async fn a_category_and_a_class_are_removed_when_nothing_names_them() {
    let host = super::host().await;
    let rest = host.rest();
    let class =
        json!({"qualified_class_name": "my.Own", "description": "d", "properties_schema": {}, "dependencies": []});
    rest.post("/catalog/agents", &class).await.expect(&[201]);
    let category = rest.category().await;
    let agent = json!({"id": "a", "name": "A", "description": "d", "class_name": "my.Own"});
    let spec = json!({"name": "S", "description": "d", "agents": [agent]});
    let blueprint = rest.post("/catalog/blueprints/", &blueprint::of(&spec, &category)).await.created();
    for (path, code) in [
        (format!("/catalog/categories/{category}"), "category_in_use"),
        ("/catalog/agents/my.Own".to_owned(), "agent_class_in_use"),
    ] {
        let refused = rest.delete(&path).await;
        assert_eq!((refused.status, &refused.body["code"]), (409, &json!(code)), "{}", refused.body);
        assert_eq!(refused.body["context"]["by"], json!([format!("blueprint {blueprint}")]));
    }
    rest.delete(&format!("/catalog/blueprints/{blueprint}")).await.expect(&[204]);
    for path in [format!("/catalog/categories/{category}"), "/catalog/agents/my.Own".to_owned()] {
        rest.delete(&path).await.expect(&[204]);
        rest.delete(&path).await.expect(&[404]);
    }
}
